"""A trace as a whole: the sequence of its calls, what it says of itself, how it is read while it runs."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import pytest

from tests.builders import build, call
from tests.rows import STARTED, enter, fail, forest, ids, leave, recording
from tracelab.calls import Call, Columns, Trace
from tracelab.events import Lane, Site
from tracelab.fold import fold
from tracelab.values import ScalarSpec

# --- the sequence of all calls ------------------------------------------------------------------------


def test_calls_are_indexed_like_a_list() -> None:
    calls = forest().calls
    listed = list(calls)
    assert len(calls) == 7
    assert ids(listed) == list(range(7))
    for index in range(-7, 7):
        assert calls[index] == listed[index]
        assert calls[index].id == index % 7
    for index in (7, -8, 10**12):
        with pytest.raises(IndexError):
            calls[index]
    with pytest.raises(TypeError):
        calls["0"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "part",
    [
        slice(None),
        slice(2, 4),
        slice(-2, None),
        slice(None, None, -1),
        slice(5, 1, -2),
        slice(3, 99),
        slice(9, 12),
    ],
)
def test_slices_are_lists_of_calls(part: slice) -> None:
    calls = forest().calls
    assert isinstance(calls[part], list)
    assert ids(calls[part]) == list(range(7))[part]


def test_calls_are_a_sequence() -> None:
    trace = forest()
    calls = trace.calls
    assert trace.calls[4] in calls
    assert forest().calls[4] not in calls
    assert calls.index(trace.calls[4]) == 4
    assert calls.count(trace.calls[4]) == 1
    assert ids(reversed(calls)) == [6, 5, 4, 3, 2, 1, 0]
    assert calls
    assert not Trace().calls
    assert repr(calls) == "<7 calls>"


# --- what a trace says of itself ----------------------------------------------------------------------


def test_complete_means_everything_is_here_with_its_end() -> None:
    assert forest().complete
    assert build(call("A.run", error="ValueError")).complete  # an exception is an end
    assert not build(call("A.run", open=True)).complete
    dropped = build(call("A.run"), dropped=3)
    assert (dropped.complete, dropped.recorded, dropped.dropped) == (False, 1, 3)
    faulty = Trace(Columns(faults={"enter run: KeyError": 2, "leave run: KeyError": 1}))
    assert (faulty.complete, faulty.internal_errors) == (False, 3)


def test_the_text_of_a_trace_object() -> None:
    assert repr(forest()) == "<Trace of 7 calls>"
    assert repr(build(call("A.run"), call("B.run", open=True))) == "<Trace of 2 calls, incomplete>"


@pytest.mark.parametrize(
    ("meta", "rank"), [({}, None), ({"rank": 0}, 0), ({"rank": 7}, 7), ({"rank": "x"}, None)]
)
def test_rank(meta: dict[str, Any], rank: int | None) -> None:
    assert build(call("A.run"), meta=meta).calls[0].rank == rank


# --- while it is running ------------------------------------------------------------------------------


class Running:
    """A program of which a trace can be asked while it runs; like a session, it folds when there is more."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.folded = (-1, Columns())
        self.trace = Trace(pull=self.pull)

    def pull(self) -> Columns:
        if self.folded[0] != len(self.rows):
            self.folded = len(self.rows), fold(recording(Lane("main", list(self.rows))), STARTED + 100)
        return self.folded[1]


def test_a_running_trace_shows_what_has_happened_so_far() -> None:
    program = Running()
    trace = program.trace
    assert (trace.recorded, trace.roots, trace.complete) == (0, [], True)
    program.rows += enter("A", 0, 10)
    outer = trace.roots[0]
    assert (outer.status, outer.children, trace.complete) == ("open", [], False)
    assert outer.duration == pytest.approx(90e-9)  # from 10 until now, 100
    program.rows += enter("B", 1, 20)
    assert ids(outer.children) == [1]
    program.rows += fail(1, 30) + enter("C", 1, 40) + leave(1, 50)
    assert ids(outer.children) == ids(outer.walk())[1:] == [1, 2]
    assert [one.status for one in trace.calls] == ["open", "error", "ok"]
    program.rows += leave(0, 60, 3)
    # the call taken at the beginning is still that call
    assert outer == trace.calls[0]
    assert (outer.status, outer.output, trace.complete) == ("ok", ScalarSpec("int", 3, True), True)
    assert outer.duration == pytest.approx(50e-9)  # 60 - 10


def test_a_running_trace_is_folded_again_only_when_there_is_more() -> None:
    program = Running()
    program.rows += enter("A", 0, 1)
    columns = program.trace.columns
    assert program.trace.columns is columns
    made: list[int] = []
    for _ in range(3):
        program.trace.memo("test", lambda: made.append(1))
    assert len(made) == 1
    program.rows += leave(0, 2)
    program.trace.memo("test", lambda: made.append(1))
    assert len(made) == 2


def test_a_finished_trace_is_folded_once_more_and_keeps_its_calls() -> None:
    program = Running()
    program.rows += enter("A", 0, 1)
    early = program.trace.calls[0]
    assert early.children == []
    program.rows += enter("B", 1, 2) + leave(1, 3) + leave(0, 4)
    program.trace.finish()
    assert ids(program.trace.calls) == [0, 1]
    assert ids(early.children) == [1]
    assert early.status == "ok"
    program.rows += enter("C", 0, 5)  # nobody is asked any more
    assert ids(program.trace.calls) == [0, 1]


# --- wide, and made by nobody -------------------------------------------------------------------------


def test_children_of_a_very_wide_call() -> None:
    # one root with 100,000 children: each question must not cost a walk over all rows
    size = 100_001
    zeros = array("i", bytes(4 * size))
    columns = Columns(sites=[Site("module", "M", "M", "forward")], threads=["main"])
    columns.site, columns.thread = zeros, zeros
    columns.place = columns.inputs = columns.output = columns.error = array("i", [-1]) * size
    columns.parent = array("i", [-1]) + array("i", [0]) * (size - 1)
    columns.start, columns.duration = array("q", range(size)), array("q", bytes(8 * size))
    columns.status = array("b", bytes(size))
    trace = Trace(columns)
    children = trace.roots[0].children
    assert len(children) == 100_000
    assert all(left.id < right.id for left, right in pairwise(children))
    assert sum(len(child.children) for child in children) == 0
    assert sum(1 for _ in trace.roots[0].walk()) == size
    assert isinstance(children[0], Call)
