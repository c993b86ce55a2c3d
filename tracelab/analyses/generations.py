"""Each run of a decoding loop in one row: mode, processors, why it stopped, and where its time went."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import Call, Generation, Step, Trace
from ..values import TensorSpec
from .loops import PROCESSORS, Loop, passes
from .steps import steps
from .stopping import stopped_by

PRICE = "call_cost_ns"
"""Where `meta` says what recording one call costs."""

MASKS = ("attention_mask", "decoder_attention_mask")


def generations(trace: Trace) -> list[Generation]:
    """One for each decoding loop, in start order; loops of an assistant are among them."""
    found: list[Generation] = trace.memo("generations", lambda: _all(trace))
    return list(found)


def _all(trace: Trace) -> list[Generation]:
    by_loop: dict[int, list[Step]] = {}
    for step in steps(trace):
        by_loop.setdefault(step.loop.id, []).append(step)
    return [_sum_up(trace, loop, by_loop.get(row, ())) for row, loop in sorted(passes(trace).loops.items())]


def _sum_up(trace: Trace, loop: Loop, of_loop: Sequence[Step]) -> Generation:
    call = Call(trace, loop.row)
    total, drafted = call.duration, [step.facts for step in of_loop if "drafted" in step.facts]
    tokens = _gaps(of_loop, call)
    return Generation(
        loop=call,
        steps=tuple(of_loop),
        mode=trace.columns.facts.get(loop.row, {}).get("mode"),
        processors=_processors(trace, loop),
        stopped_by=stopped_by(trace, loop),
        drafted=sum(facts["drafted"] for facts in drafted) if drafted else None,
        accepted=sum(facts["accepted"] or 0 for facts in drafted) if drafted else None,
        mask_dropped=_mask_dropped(call, of_loop),
        total=total,
        prefill=_prefill(of_loop, call),
        decode=_quantile(tokens, 0.5),
        decode_p95=_quantile(tokens, 0.95),
        inside=_inside(of_loop, total),
        tracer=_tracer(trace, loop, total),
    )


def _processors(trace: Trace, loop: Loop) -> tuple[str, ...]:
    """The processors of the first pass, and those that only later ones had, in the order of their calls."""
    columns = trace.columns
    found: dict[str, None] = {}
    seen: set[tuple[int, ...]] = set()
    for row, _ in loop.helpers.get(PROCESSORS, ()):
        below = tuple(columns.gather("site", columns.children_of(row)))
        if below not in seen:
            seen.add(below)
            sites = (columns.sites[site] for site in below)
            found.update(dict.fromkeys(site.owner for site in sites if site.kind == "method"))
    return tuple(found)


def _mask_dropped(call: Call, of_loop: Sequence[Step]) -> bool:
    if not of_loop or any(isinstance(of_loop[0].call.inputs.get(name), TensorSpec) for name in MASKS):
        return False
    above: Call | None = call
    while above is not None and above.function != "generate":
        above = above.parent
    return above is not None and isinstance(above.inputs.get("attention_mask"), TensorSpec)


def _prefill(of_loop: Sequence[Step], call: Call) -> float | None:
    ends = [step.call.start + step.duration for step in of_loop if step.phase == "prefill"]
    return max(ends) - call.start if ends else None


def _gaps(of_loop: Sequence[Step], call: Call) -> list[float]:
    """Seconds from each step behind the prefill to the next one, for each token that it gave."""
    later = [step for step in of_loop if step.phase != "prefill"]
    starts = [step.call.start for step in later] + [call.start + call.duration]
    given = [1 + (step.facts.get("accepted") or 0) for step in later]
    gaps = [(stop - start) / number for start, stop, number in zip(starts, starts[1:], given, strict=False)]
    return sorted(gap for gap, number in zip(gaps, given, strict=True) for _ in range(number))


def _inside(of_loop: Sequence[Step], total: float) -> float | None:
    """The model's share of the time; None where a compiled model hides its own."""
    if not total or not of_loop or any(step.facts.get("compiled") for step in of_loop):
        return None
    return sum(step.duration for step in of_loop) / total


def _quantile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of the sorted values do not exceed."""
    return values[min(int(share * len(values)), len(values) - 1)] if values else None


def _tracer(trace: Trace, loop: Loop, total: float) -> float | None:
    price = trace.meta.get(PRICE)
    if not isinstance(price, (int, float)) or not total:
        return None
    return trace.columns.subtree_size(loop.row) * price / 1e9 / total
