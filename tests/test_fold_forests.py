"""Random programs, folded and compared with an oracle that knows how they were made.

The oracle is no second fold.  `Writer` notes what is true of each call while it writes the rows: the number
of the row at which it began and ended, who called it, what came in and out.  A cut of the lane (a snapshot
of a running thread, an interrupt) is then a comparison of row numbers, and several threads are one sort.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.rows import ERRORS, FACTS, NAMES, SPECS, STARTED, enter, fail, leave, recording
from tracelab.calls import ERROR, OK, OPEN, STATUSES, Trace
from tracelab.events import FACT, UNKNOWN, Lane
from tracelab.fold import fold


@dataclass
class Planned:
    """One call that a made-up program makes."""

    name: str
    inputs: int
    waits: tuple[int, int]
    """Nanoseconds before the entry and before the end; 0 makes equal clock readings."""
    ending: int
    """0 to 3: returns that spec; -1: returns an unknown one; 4, 5: raises; 6: the end is lost."""
    facts: list[int]
    late_fact: int | None
    unseen: bool
    """The call was dropped (a limit): no rows of its own, its children belong to the call above."""
    handlers: tuple[bool, bool]
    """Whether a signal handler makes a call just after the entry, and just before the end, is noted."""
    children: list[Planned] = field(default_factory=list)


@dataclass(eq=False)
class Truth:
    """What is true of one recorded call; rows are positions in its lane, counted in events."""

    name: str
    lane: int
    order: int
    parent: Truth | None
    inputs: int
    start: int
    entered: int
    ended: int | None = None
    end: int = 0
    status: int = OPEN
    output: int = UNKNOWN
    error: int = UNKNOWN
    facts: list[tuple[int, int]] = field(default_factory=list)


class Writer:
    """Runs planned calls in one thread, writes their rows and notes the truth."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lane = Lane(f"thread {number}")
        self.clock = 0
        self.truth: list[Truth] = []

    def run(self, plan: Planned, above: Truth | None = None, depth: int = 0) -> None:
        self.clock += plan.waits[0]
        if plan.unseen:
            for child in plan.children:
                self.run(child, above, depth)
            return
        here = self._begin(plan.name, plan.inputs, above, depth)
        if plan.handlers[0]:
            self._handle(above, depth)
        for fact in plan.facts:
            self._fact(here, fact, depth)
        for child in plan.children:
            self.run(child, here, depth + 1)
        if plan.late_fact is not None:
            self._fact(here, plan.late_fact, depth)
        self.clock += plan.waits[1]
        if plan.handlers[1]:
            self._handle(above, depth)
        if plan.ending < 6:
            self._end(here, plan.ending, depth)

    def _begin(self, name: str, inputs: int, above: Truth | None, depth: int) -> Truth:
        here = Truth(name, self.number, len(self.truth), above, inputs, self.clock, self._now())
        self.truth.append(here)
        self.lane.rows += enter(name, depth, self.clock, inputs)
        return here

    def _handle(self, above: Truth | None, depth: int) -> None:
        self._end(self._begin("D", UNKNOWN, above, depth), UNKNOWN, depth)

    def _now(self) -> int:
        return len(self.lane.rows) // 3

    def _fact(self, here: Truth, fact: int, depth: int) -> None:
        here.facts.append((self._now(), fact))
        self.lane.rows += [FACT, fact, depth]

    def _end(self, here: Truth, ending: int, depth: int) -> None:
        here.ended, here.end = self._now(), self.clock
        if ending >= 4:
            here.status, here.error = ERROR, ending - 4
            self.lane.rows += fail(depth, self.clock, ending - 4)
        else:
            here.status, here.output = OK, ending
            self.lane.rows += leave(depth, self.clock, ending)


def expected(writers: list[Writer], seen: list[int], now: int) -> list[dict[str, Any]]:
    """What a reader must find if of each lane only the first `seen` events have happened."""
    calls = [
        true
        for writer, limit in zip(writers, seen, strict=True)
        for true in writer.truth
        if true.entered < limit
    ]
    calls.sort(key=lambda true: (true.start, true.lane, true.order))
    rows = []
    for true in calls:
        limit = seen[true.lane]
        over = true.ended is not None and true.ended < limit
        facts: dict[str, Any] = {}
        for at, fact in true.facts:
            if at < limit:
                facts.update(FACTS[fact])
        rows.append(
            {
                "name": f"{true.name}.run",
                "thread": f"thread {true.lane}",
                "parent": None if true.parent is None else calls.index(true.parent),
                "children": [number for number, other in enumerate(calls) if other.parent is true],
                "inputs": {} if true.inputs == UNKNOWN else {"x": SPECS[true.inputs]},
                "start": true.start,
                "duration": (true.end if over else now) - true.start,
                "status": STATUSES[true.status if over else OPEN],
                "output": SPECS[true.output] if over and true.output != UNKNOWN else None,
                "error": ERRORS[true.error] if over and true.error != UNKNOWN else None,
                "facts": facts,
            }
        )
    return rows


def found(trace: Trace) -> list[dict[str, Any]]:
    """The same as a reader sees it."""
    return [
        {
            "name": call.name,
            "thread": call.thread,
            "parent": None if call.parent is None else call.parent.id,
            "children": [child.id for child in call.children],
            "inputs": call.inputs,
            "start": trace.columns.start[call.id],
            "duration": trace.columns.duration[call.id],
            "status": call.status,
            "output": call.output,
            "error": call.error,
            "facts": call.facts,
        }
        for call in trace.calls
    ]


def planned(
    children: st.SearchStrategy[list[Planned]], handlers: st.SearchStrategy[bool]
) -> st.SearchStrategy[Planned]:
    return st.builds(
        Planned,
        name=st.sampled_from(NAMES),
        inputs=st.integers(-1, 3),
        waits=st.tuples(st.integers(0, 3), st.integers(0, 3)),
        ending=st.integers(-1, 6),
        facts=st.lists(st.integers(0, 2), max_size=2),
        late_fact=st.none() | st.integers(0, 2),
        unseen=st.sampled_from([False, False, False, True]),
        handlers=st.tuples(handlers, handlers),
        children=children,
    )


def forests(levels: int = 5, handlers: bool = False) -> st.SearchStrategy[list[Planned]]:
    """Roots of one thread; `recording` has visits for twelve levels."""
    interrupted = st.sampled_from([False, False, True]) if handlers else st.just(False)
    level = planned(st.just([]), interrupted)
    for _ in range(levels - 1):
        level = planned(st.lists(level, max_size=3), interrupted)
    return st.lists(level, max_size=3)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(threads=st.lists(forests(), min_size=1, max_size=3), data=st.data())
def test_any_forest_in_any_number_of_threads_cut_anywhere(
    threads: list[list[Planned]], data: st.DataObject
) -> None:
    check(threads, data)


# Not shrunk when it fails: that takes minutes, and `test_fold` has the smallest cases by hand.
@settings(deadline=None, max_examples=60, phases=(Phase.reuse, Phase.generate))
@given(roots=forests(levels=3, handlers=True), data=st.data())
def test_any_forest_with_calls_from_signal_handlers(roots: list[Planned], data: st.DataObject) -> None:
    check([roots], data)


def check(threads: list[list[Planned]], data: st.DataObject) -> None:
    """Write the planned calls, cut each lane somewhere, fold, and compare with what is true."""
    writers = [Writer(number) for number in range(len(threads))]
    for writer, roots in zip(writers, threads, strict=True):
        for root in roots:
            writer.run(root)
    now = max(writer.clock for writer in writers)
    lanes = []
    for writer in writers:
        rows = writer.lane.rows
        cut = data.draw(st.just(len(rows)) | st.integers(0, len(rows)))
        lanes.append(Lane(writer.lane.thread, rows[:cut]))
    trace = Trace(fold(recording(*lanes), STARTED + now))
    truth = expected(writers, [len(lane.rows) // 3 for lane in lanes], now)
    assert found(trace) == truth
    assert [call.id for call in trace.roots] == [n for n, row in enumerate(truth) if row["parent"] is None]
    assert trace.complete == all(row["status"] != "open" for row in truth)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(roots=forests())
def test_each_snapshot_agrees_with_the_later_ones(roots: list[Planned]) -> None:
    """What has been seen of a call never changes; only open calls get their end."""
    writer = Writer(0)
    for root in roots:
        writer.run(root)
    rows = writer.lane.rows
    last = fold(recording(Lane("main", rows)), STARTED + writer.clock)
    for cut in range(min(len(rows), 60) + 1):
        early = fold(recording(Lane("main", rows[:cut])), STARTED + writer.clock)
        size = len(early)
        for name in ("site", "place", "inputs", "parent", "start", "thread"):
            assert getattr(early, name) == getattr(last, name)[:size], name
        assert all(now in (OPEN, later) for now, later in zip(early.status, last.status, strict=False))


def test_the_oracle_can_fail() -> None:
    writer = Writer(0)
    inner = Planned("B", -1, (1, 1), 4, [], None, False, (False, False))
    writer.run(Planned("A", 0, (1, 2), 1, [0], None, False, (False, False), [inner]))
    truth = expected([writer], [len(writer.lane.rows) // 3], 100)
    # A: 1 to 5 = 1 (wait) .. B at 2 to 3, then 2 more; facts 0 = {"a": 1}; returned spec 1
    assert [(row["start"], row["duration"], row["status"]) for row in truth] == [
        (1, 4, "ok"),
        (2, 1, "error"),
    ]
    assert (truth[0]["facts"], truth[0]["output"], truth[1]["error"]) == ({"a": 1}, SPECS[1], "ValueError")
    broken = dataclasses.replace(writer.lane, rows=enter("A", 0, 1, 0) + enter("B", 0, 2))
    assert found(Trace(fold(recording(broken), STARTED + 100))) != truth
