"""Why a decoding loop stopped: for each sequence the criterion that ended it, and when.

A criterion that says stop leaves a fact, the rows that it said it of (see `instruments/decoding`).  A row is
finished by the first criterion that named it; later ones (an end-of-sequence id that now pads the row)
change nothing.  Beam search asks about candidates and not about sequences, and on an accelerator the rows
are known only where values are kept: there the criteria of the last pass are named, for the whole loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..calls import Call, Trace
from ..events import UNKNOWN
from ..values import TensorSpec
from .loops import CRITERIA, LOOPS, Loop, Passes, passes
from .options import keeps_values

WORDS = {
    "MaxLengthCriteria": "max length",
    "EosTokenCriteria": "eos",
    "StopStringCriteria": "stop string",
    "MaxTimeCriteria": "time",
    "ConfidenceCriteria": "confidence",
}
"""What the library's own criteria are called here; others go by the name of their class."""


class Stop(NamedTuple):
    """A row was finished: in which pass of the loop, and by what."""

    step: int
    by: str


def stops(trace: Trace, loop: Loop) -> dict[int, Stop]:
    """Row of the batch -> what finished it in this decoding loop; empty where no row can be told."""
    found: dict[int, dict[int, Stop]] = trace.memo("stops", lambda: _all_stops(trace))
    return found.get(loop.row, {}) if _by_rows(trace, loop) else {}


def finished(trace: Trace, loop: Loop, batch: int | None) -> list[int] | None:
    """How many rows are finished after each pass; None where that is not known."""
    if batch is None or not _by_rows(trace, loop):
        return None
    ended = [0] * (loop.index + 1)
    for stop in stops(trace, loop).values():
        ended[stop.step] += 1
    for index in range(1, len(ended)):
        ended[index] += ended[index - 1]
    return ended


def stopped_by(trace: Trace, loop: Loop) -> tuple[str, ...]:
    """Why the loop ended: for each sequence, or once for all; empty where nothing is known."""
    call = Call(trace, loop.row)
    if call.status != "ok":
        return (call.error or "still running" if call.status == "open" else call.error or "an exception",)
    if _by_rows(trace, loop):
        found = stops(trace, loop)
        return tuple(found[row].by for row in sorted(found))
    last = _named_last(trace, loop)
    return (" and ".join(last),) if last else ()


def _named_last(trace: Trace, loop: Loop) -> list[str]:
    """The criteria that said stop in the last pass: of every row that any of them named, else all of them."""
    columns = trace.columns
    named: dict[str, set[int]] = {}
    for criteria in (row for row, index in loop.helpers.get(CRITERIA, ()) if index == loop.index):
        for row in columns.children_of(criteria):
            rows = columns.facts.get(row, {}).get("finished", ())
            if rows:
                named.setdefault(_word(trace, row), set()).update(rows)
    every = set().union(*named.values())
    return [word for word, rows in named.items() if rows == every] or list(named)


def _word(trace: Trace, row: int) -> str:
    owner = trace.columns.sites[trace.columns.site[row]].owner
    return WORDS.get(owner, owner)


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """What is known of a `generate` or a decoding loop besides what was recorded of it."""
    if call.kind != "method" or (call.function != "generate" and call.function not in LOOPS):
        return {}
    found = passes(trace)
    loops = [loop for loop in found.loops.values() if not loop.nested or loop.row == call.id]
    loops = [loop for loop in loops if _is_below(trace, loop.row, call.id)]
    if not loops:
        return {}
    recorded = trace.columns.facts.get(loops[0].row, {})
    by = sum((stopped_by(trace, loop) for loop in loops), ())
    return {**recorded, **({"stopped_by": by} if by else {})}


def _is_below(trace: Trace, row: int, above: int) -> bool:
    while row > above:
        row = trace.columns.parent[row]
    return row == above


def _by_rows(trace: Trace, loop: Loop) -> bool:
    """Whether the rows that the criteria were asked about are the sequences, and their answers are known."""
    if "beam" in trace.columns.facts.get(loop.row, {}).get("mode", ""):
        return False
    if keeps_values(trace):
        return True
    rows = [row for row, _ in loop.helpers.get(CRITERIA, ())[:1]]
    inputs = [spec for row in rows for spec in Call(trace, row).inputs.values()]
    return any(isinstance(spec, TensorSpec) and spec.device == "cpu" for spec in inputs)


def _all_stops(trace: Trace) -> dict[int, dict[int, Stop]]:
    columns, found = trace.columns, passes(trace)
    named: dict[int, dict[int, Stop]] = {}
    for row in sorted(row for row, facts in columns.facts.items() if "finished" in facts):
        loop, index = _pass_of(found, columns.parent, row)
        if loop == UNKNOWN:
            continue
        word = _word(trace, row)
        stops = named.setdefault(loop, {})
        for sequence in columns.facts[row]["finished"]:
            known = stops.get(sequence)
            if known is None:
                stops[sequence] = Stop(index, word)
            elif known.step == index and word not in known.by.split(" and "):
                stops[sequence] = Stop(index, f"{known.by} and {word}")
    return named


def _pass_of(found: Passes, parent: object, row: int) -> tuple[int, int]:
    """The loop that a criterion was asked by, and in which pass; UNKNOWN outside a loop."""
    parents: Mapping[int, int] = parent  # type: ignore[assignment]  # an array or a virtual column
    while row != UNKNOWN and row not in found.index_of:
        row = parents[row]
    return (UNKNOWN, UNKNOWN) if row == UNKNOWN else (parents[row], found.index_of[row])
