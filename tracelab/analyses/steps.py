"""The steps of generation: one row for each time a decoding loop ran its model.

    encode    the encoder's run, before the loop (see `encoding`)
    prefill   the prompt (all of it, or a chunk of it) goes in
    decode    one more token a row
    draft     a step of the assistant model in assisted decoding
    verify    the target model checks the drafted tokens

Everything is read from the calls that `loops` has found: shapes from the inputs of the model call, the
cache as it was at its entry.  `cache_after` comes from the output if that holds the cache, otherwise from
the entry of the loop's next step, and is unknown otherwise.  A compiled model leaves no call: there the
input is what `prepare_inputs_for_generation` gave, and nothing is known of the logits.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ..calls import Call, Step, Trace, quiet
from ..values import CacheSpec
from .batches import copies, loop_facts
from .choices import chosen, drafts
from .encoding import encode_steps
from .loops import ASSISTED, REORDER, Loop, passes
from .modelcalls import Came, Given, ModelCalls
from .notes import cache_notes
from .stopping import finished, stops
from .windows import window_facts


def steps(trace: Trace) -> list[Step]:
    """The steps of every decoding loop, in start order; the index begins at 0 in each loop."""
    found: list[Step] = trace.memo("steps", lambda: _all_steps(trace))
    return list(found)


def step(trace: Trace, index: int, loop: int = 0) -> Step:
    """The step with an index, of the loop that began first unless told; IndexError if there is none."""
    found = {one.loop.id: one.loop for one in steps(trace) if one.phase != "encode"}
    loops = [found[row] for row in sorted(found)]
    if not -len(loops) <= loop < len(loops):
        raise IndexError(f"there is no loop {loop!r}: this trace has {len(loops)}, counted from 0")
    of_loop = [one for one in steps(trace) if one.loop == loops[loop] and one.phase != "encode"]
    wanted = of_loop[-1].index + 1 + index if index < 0 else index
    there = next((one for one in of_loop if one.index == wanted), None)
    if there is None:
        raise IndexError(f"there is no step {index!r}: loop {loop} has {len(of_loop)}, counted from 0")
    return there


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


class Pass(NamedTuple):
    """What is known of one pass of a loop before its neighbours are looked at."""

    row: int
    number: int
    below_prefill: bool
    compiled: bool
    before: Given
    after: Came
    took: int


def _all_steps(trace: Trace) -> list[Step]:
    calls = ModelCalls(trace.columns)
    found = encode_steps(trace)
    loops = passes(trace).loops.values()
    with quiet():
        for loop in loops:
            found += _steps_of(trace, loop, calls)
    return sorted(found, key=lambda step: step.call.id)


def _steps_of(trace: Trace, loop: Loop, calls: ModelCalls) -> list[Step]:
    found = sorted(_passes_of(trace, loop, calls), key=lambda one: one.row)
    bare = list(_bare_steps(trace, loop, found))
    picked = chosen(trace, loop, [one.tokens for one in bare])
    ended = finished(trace, loop, _rows(bare))
    told = _facts_of_passes(trace, loop, bare)
    return [
        replace(
            one,
            chosen=ids,
            finished=None if ended is None or one.index >= len(ended) else ended[one.index],
            facts={**one.facts, **facts},
        )
        for one, ids, facts in zip(bare, picked, told, strict=True)
    ]


def _passes_of(trace: Trace, loop: Loop, calls: ModelCalls) -> Iterator[Pass]:
    columns = trace.columns
    for entries, compiled in ((loop.steps, False), (loop.unseen, True)):
        rows = [row for row, _, _ in entries]
        sites, inputs, outputs, took = (
            columns.gather(name, rows) for name in ("site", "inputs", "output", "duration")
        )
        for (row, index, below), site, given, output, nanoseconds in zip(
            entries, sites, inputs, outputs, took, strict=True
        ):
            before = calls.prepared(output) if compiled else calls.given(site, given)
            after = Came(None, None) if compiled else calls.came(output)
            yield Pass(row, index, below, compiled, before, after, nanoseconds)


def _bare_steps(trace: Trace, loop: Loop, found: list[Pass]) -> Iterator[Step]:
    """The steps as far as each can be read from its own call and from the cache of the next one."""
    made_by = Call(trace, loop.row)
    facts = {**loop_facts(trace, made_by), **window_facts(trace, made_by)}
    decode = "verify" if made_by.function == ASSISTED else "decode"
    later = [*(_length(one.before.cache) for one in found), None][1:]
    seen = 0
    for one, next_before in zip(found, later, strict=True):
        before, after = one.before, one.after
        cached = _length(before.cache)
        counts = before.cache is None or cached is not None
        places = _positions(before, (cached or 0) if counts else seen)
        seen = seen if places is None else places[1] + 1
        yield Step(
            index=one.number,
            phase=_phase(loop, one, decode),
            call=Call(trace, one.row),
            loop=made_by,
            input=before.input,
            positions=places,
            mask=before.mask,
            cache_before=cached,
            cache_after=_first(_length(after.cache), next_before),
            cross_length=_first(_cross(after.cache), _cross(before.cache)),
            logits=after.logits,
            tokens=before.tokens,
            duration=one.took / 1e9,
            facts=_step_facts(one, facts),
        )


def _facts_of_passes(trace: Trace, loop: Loop, bare: list[Step]) -> list[dict[str, Any]]:
    """What the passes of a loop say together: drafts, chunks of the prompt, the cache, what ended a row."""
    told: list[dict[str, Any]] = [{} for _ in bare]
    notes = cache_notes(bare)
    drafted = drafts(trace, loop)
    reordered = {index for _, index in loop.helpers.get(REORDER, ())}
    chunks = [position for position, one in enumerate(bare) if one.phase == "prefill"]
    ended: dict[int, list[str]] = {}
    for stop in stops(trace, loop).values():
        ended.setdefault(stop.step, []).extend(stop.by.split(" and "))
    for position, (one, facts) in enumerate(zip(bare, told, strict=True)):
        if one.index in drafted:
            facts["drafted"], facts["accepted"] = drafted[one.index]
        if one.phase == "prefill" and len(chunks) > 1:
            facts["chunk"], facts["chunks"] = chunks.index(position) + 1, len(chunks)
        if position in notes:
            facts["cache"] = notes[position]
        if one.index in reordered:
            facts["reordered"] = True
        if one.index in ended:
            facts["stopped_by"] = " and ".join(dict.fromkeys(ended[one.index]))
    made_by = Call(trace, loop.row)
    if told and made_by.status != "ok":
        told[-1]["ended"] = made_by.error or made_by.status
    return told


def _phase(loop: Loop, one: Pass, decode: str) -> str:
    """The phase of a step; `decode`: that of a step which is nothing else."""
    if loop.nested:
        return "draft"
    if one.before.packed is not None and one.before.input is not None:
        return decode if one.before.input[1] == one.before.packed else "prefill"
    return "prefill" if one.below_prefill or (one.number == 0 and not loop.prefilled) else decode


def _positions(before: Given, begin: int) -> tuple[int, int] | None:
    if before.packed is not None or before.input is None or len(before.input) < 2:
        return None  # sequences in one row are at places of their own
    if not isinstance(before.input[1], int):
        return None
    return begin, begin + before.input[1] - 1


def _rows(bare: list[Step]) -> int | None:
    rows = next((one.input[0] for one in bare if one.input), None)
    return rows if isinstance(rows, int) else None


def _length(cache: CacheSpec | None) -> int | None:
    return None if cache is None else cache.length


def _cross(cache: CacheSpec | None) -> int | None:
    return None if cache is None else cache.cross_length


def _first(known: int | None, otherwise: int | None) -> int | None:
    return otherwise if known is None else known


def _step_facts(one: Pass, facts: dict[str, Any]) -> dict[str, Any]:
    """What is known of the loop, and `rows` (of the input) and `batch` (inputs behind these rows)."""
    known = {**facts, "compiled": True} if one.compiled else dict(facts)
    if one.before.embeds is not None:
        known["embeds"] = one.before.embeds
    if one.before.packed is not None:
        known["packed"] = one.before.packed
    cache = one.after.cache or one.before.cache
    if cache is not None:
        known["cache_type"], known["cache_layers"] = cache.type, cache.layers
        if cache.length is None and cache.layers:
            known["state_cache"] = True
    shape = one.before.input
    if shape and isinstance(shape[0], int):
        known["rows"] = shape[0]
        times, _ = copies(facts)
        if facts and shape[0] % times == 0:
            known["batch"] = shape[0] // times
    return known
