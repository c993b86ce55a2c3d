"""What stands below the table of steps: of each decoding loop how it chose, why it stopped, and its time."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, islice

from ..analyses.loops import passes
from ..calls import Generation, Trace
from .clean import clean
from .headline import seconds

MOST = 3
"""Of so many loops each is described; of more, the first ones."""


def lines_about(trace: Trace, width: int | None) -> Iterator[str]:
    """Some lines for each loop that is not an assistant's, none wider than `width`."""
    nested = {loop.row for loop in passes(trace).loops.values() if loop.nested}
    generations = trace.generations()
    numbers = {one.loop.id: number for number, one in enumerate((one for one in generations if one.steps), 1)}
    shown = [one for one in generations if one.loop.id not in nested]
    for one in shown[:MOST]:
        number = numbers.get(one.loop.id)
        name = f"loop {number or 'without steps'}: " if len(generations) > 1 else ""
        lines = (" · ".join(words) for words in (_how(one), _cache(one), _time(one)))
        first, *more = (line for line in lines if line)
        yield from _wrapped([name + first, *more], width)
    if len(shown) > MOST:
        yield f"{len(shown) - MOST} more loops, see trace.generations()"


def _wrapped(lines: Iterable[str], width: int | None) -> Iterator[str]:
    for line in lines:
        if width is None:
            yield line
        else:
            yield from textwrap.wrap(line, width, break_on_hyphens=False)


def _how(one: Generation) -> Iterator[str]:
    how = clean(one.mode or ("custom loop" if one.loop.function == "generate" else one.loop.function))
    temperature = one.loop.facts.get("temperature")
    yield f"{how} at temperature {temperature:g}" if isinstance(temperature, float) else how
    if one.mask_dropped:
        yield "no mask: all ones, dropped by generate"
    if one.processors:
        yield f"logits processors {', '.join(map(clean, one.processors))}"
    if one.drafted is not None:
        yield f"{one.accepted} of {one.drafted} drafted tokens accepted"
    if one.stopped_by:
        counted = Counter(map(clean, one.stopped_by))
        words = [by if len(counted) == 1 else f"{by} ×{times}" for by, times in counted.items()]
        yield f"stopped by {', '.join(words)}"


def _cache(one: Generation) -> Iterator[str]:
    """What the cache held when the loop was over; nothing where it was not looked into."""
    known = [step for step in one.steps if step.cache_after is not None or "state_cache" in step.facts]
    layers = known[-1].cache() if known else []
    if not layers:
        return
    total = sum(layer.bytes for layer in layers)
    yield f"cache at the end: {clean(known[-1].facts.get('cache_type', 'a cache'))}, {total:,} bytes"
    for layer, equal in islice(groupby(layers), MOST):
        keys, values = (f"[{','.join(map(str, shape))}]" for shape in (layer.keys, layer.values))
        parts = f"keys and values {keys}" if keys == values else f"{keys} and {values}"
        yield f"{len(list(equal))} × {clean(layer.type)} with {parts} {clean(layer.dtype)}"


def _time(one: Generation) -> Iterator[str]:
    if one.prefill is not None:
        yield f"prefill {seconds(one.prefill)}"
    if one.decode is not None and one.decode_p95 is not None:
        yield f"{seconds(one.decode)} a token (95 % within {seconds(one.decode_p95)})"
    if one.inside is not None:
        yield f"{one.inside:.0%} inside the model"
    if one.tracer is not None:
        yield f"tracelab about {one.tracer:.0%}"
    if one.prefill is None and one.decode is None:
        yield seconds(one.total)
