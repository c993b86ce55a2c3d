"""What stands below the table of steps: of each decoding loop how it chose, why it stopped, and its time."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from ..analyses.loops import passes
from ..calls import Generation, Trace
from .clean import clean
from .headline import seconds

MOST = 3
"""Of so many loops each is described; of more, the first ones."""


def lines_about(trace: Trace, width: int | None) -> Iterator[str]:
    """Some lines for each loop that is not an assistant's, none wider than `width`."""
    nested = {loop.row for loop in passes(trace).loops.values() if loop.nested}
    shown = [one for one in trace.generations() if one.loop.id not in nested]
    for number, one in enumerate(shown[:MOST], 1):
        name = f"loop {number}: " if len(shown) > 1 else ""
        yield from _wrapped([name + clean(" · ".join(_how(one))), " · ".join(_time(one))], width)
    if len(shown) > MOST:
        yield f"{len(shown) - MOST} more loops, see trace.generations()"


def _wrapped(lines: Iterable[str], width: int | None) -> Iterator[str]:
    for line in lines:
        if width is None:
            yield line
        else:
            yield from textwrap.wrap(line, width, break_on_hyphens=False)


def _how(one: Generation) -> Iterator[str]:
    yield one.mode or ("custom loop" if one.loop.function == "generate" else one.loop.function)
    if one.mask_dropped:
        yield "no mask: all ones, dropped by generate"
    if one.processors:
        yield f"logits processors {', '.join(one.processors)}"
    if one.drafted is not None:
        yield f"{one.accepted} of {one.drafted} drafted tokens accepted"
    if one.stopped_by:
        counted = Counter(one.stopped_by)
        words = [by if len(counted) == 1 else f"{by} ×{times}" for by, times in counted.items()]
        yield f"stopped by {', '.join(words)}"


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
