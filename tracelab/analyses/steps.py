"""The steps of generation: one row for each time a decoding loop ran its model.

    prefill   the prompt (all of it, or a chunk of it) goes in
    decode    one more token a row
    draft     a step of the assistant model in assisted decoding
    verify    the target model checks the drafted tokens

Everything is read from the calls that `loops` has found: shapes from the inputs of the model call, the
cache as it was at its entry.  `cache_after` comes from the output if that holds the cache, otherwise from
the entry of the loop's next step, and is unknown otherwise.  `tokens` are the ids that went in; they are
there only where values were kept.
"""

from __future__ import annotations

from array import array
from typing import Any

from ..calls import Call, Step, Trace, quiet
from ..values import CacheSpec, Dim
from .batches import copies, loop_facts
from .loops import ASSISTED, Loop, passes
from .modelcalls import ModelCalls


def steps(trace: Trace) -> list[Step]:
    """The steps of every decoding loop, in start order; the index begins at 0 in each loop."""
    found: list[Step] = trace.memo("steps", lambda: _all_steps(trace))
    return list(found)


def step_of(trace: Trace, call: Call) -> int | None:
    """Index of the innermost step that `call` belongs to, None outside a decoding loop."""
    index = passes(trace).step_of(call.id)
    return None if index < 0 else index


def step_indices(trace: Trace) -> array[int]:
    """The same for every row at once, -1 for none."""
    return passes(trace).step_at()


def rows_in_step(trace: Trace, index: int) -> list[int]:
    """The rows that belong to a step of this index, whatever their loop; none for a negative index."""
    return passes(trace).rows_in(index) if index >= 0 else []


def unseen_passes(trace: Trace) -> int:
    """How many passes of decoding loops left no model call: compiled, or dropped."""
    scan, columns = passes(trace), trace.columns
    seen = {(step.loop.id, step.index) for step in steps(trace)}
    passed = {(row, scan.index_of[child]) for row in scan.loops for child in columns.children_of(row)}
    return len({one for one in passed if one[1] >= 0} - seen)


def _all_steps(trace: Trace) -> list[Step]:
    calls = ModelCalls(trace.columns)
    found: list[Step] = []
    loops = passes(trace).loops.values()
    with quiet():
        for loop in loops:
            found += _steps_of(trace, loop, calls)
    return sorted(found, key=lambda step: step.call.id)


def _steps_of(trace: Trace, loop: Loop, calls: ModelCalls) -> list[Step]:
    columns = trace.columns
    made_by = Call(trace, loop.row)
    facts = loop_facts(made_by)
    rows = [row for row, _, _ in loop.steps]
    sites, inputs, outputs, took = (
        columns.gather(name, rows) for name in ("site", "inputs", "output", "duration")
    )
    given = list(map(calls.given, sites, inputs))
    came = list(map(calls.came, outputs))
    later = [*(_length(one.cache) for one in given), None][1:]
    decode = "verify" if made_by.function == ASSISTED else "decode"
    return [
        Step(
            index=index,
            phase=_phase(loop, index, below_prefill, decode),
            call=Call(trace, row),
            loop=made_by,
            input=before.input,
            mask=before.mask,
            cache_before=_length(before.cache),
            cache_after=_first(_length(after.cache), next_before),
            cross_length=_first(_cross(after.cache), _cross(before.cache)),
            logits=after.logits,
            tokens=before.tokens,
            duration=nanoseconds / 1e9,
            facts=_step_facts(before.input, facts),
        )
        for (row, index, below_prefill), before, after, next_before, nanoseconds in zip(
            loop.steps, given, came, later, took, strict=True
        )
    ]


def _phase(loop: Loop, index: int, below_prefill: bool, decode: str) -> str:
    """The phase of a step; `decode`: that of a step which is nothing else."""
    if loop.nested:
        return "draft"
    return "prefill" if below_prefill or (index == 0 and not loop.prefilled) else decode


def _length(cache: CacheSpec | None) -> int | None:
    return None if cache is None else cache.length


def _cross(cache: CacheSpec | None) -> int | None:
    return None if cache is None else cache.cross_length


def _first(known: int | None, otherwise: int | None) -> int | None:
    return otherwise if known is None else known


def _step_facts(shape: tuple[Dim, ...] | None, facts: dict[str, Any]) -> dict[str, Any]:
    """What is known of the loop, and `rows` (of the input) and `batch` (inputs behind these rows)."""
    known = dict(facts)
    if shape and isinstance(shape[0], int):
        known["rows"] = shape[0]
        times, _ = copies(facts)
        if facts and shape[0] % times == 0:
            known["batch"] = shape[0] // times
    return known
