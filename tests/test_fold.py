"""Events to columns, by hand: parents, times, ends that were lost, facts, threads, snapshots, size.

`test_fold_forests` does the same with random programs; here each number can be followed on paper.
"""

from __future__ import annotations

import time

import pytest

from tests.rows import FACTS, STARTED, enter, fail, folded, leave, names, recording
from tracelab.calls import ERROR, OK, OPEN, Trace
from tracelab.events import FACT, UNKNOWN, Lane, Place, Recording, Site, Visit, returned
from tracelab.fold import fold


def test_nothing_was_recorded() -> None:
    assert len(folded()) == 0
    columns = fold(Recording(), 5)
    assert (len(columns), columns.threads, columns.facts) == (0, [], {})


def test_parents_times_inputs_and_outputs() -> None:
    columns = folded(
        enter("A", 0, 10, 1),
        enter("B", 1, 20, 2),
        enter("C", 2, 30),
        leave(2, 35, 3),
        leave(1, 40, 0),
        enter("B", 1, 50),
        fail(1, 55, 1),
        leave(0, 90, 2),
        enter("D", 0, 95),
        leave(0, 95),
    )
    assert names(columns) == "ABCBD"
    assert list(columns.parent) == [-1, 0, 1, 0, -1]
    assert list(columns.start) == [10, 20, 30, 50, 95]  # counted from STARTED
    assert list(columns.duration) == [80, 20, 5, 5, 0]  # 90-10, 40-20, 35-30, 55-50, 95-95
    assert list(columns.inputs) == [1, 2, -1, -1, -1]
    assert list(columns.output) == [2, 0, 3, -1, -1]
    assert list(columns.status) == [OK, OK, OK, ERROR, OK]
    assert list(columns.error) == [-1, -1, -1, 1, -1]
    assert list(columns.place) == [0, 1, 0, 1, 1]  # A and C were called from place 0, B and D from place 1
    assert list(columns.thread) == [0] * 5


def test_what_has_not_ended_is_open_until_now() -> None:
    columns = folded(enter("A", 0, 10), enter("B", 1, 20), leave(1, 30), enter("C", 1, 40), now=100)
    assert list(columns.status) == [OPEN, OK, OPEN]
    assert list(columns.duration) == [90, 10, 60]  # 100-10, 30-20, 100-40


def test_a_lost_end_leaves_its_call_open_and_moves_nobody() -> None:
    # B's end was swallowed: C and D are still children of A, and A's own end closes A.
    columns = folded(
        enter("A", 0, 0),
        enter("B", 1, 1),
        enter("C", 1, 2),
        leave(1, 3),
        enter("D", 1, 4),
        fail(1, 5),
        leave(0, 6),
    )
    assert names(columns) == "ABCD"
    assert list(columns.parent) == [-1, 0, 0, 0]
    assert list(columns.status) == [OK, OPEN, OK, ERROR]


def test_an_end_closes_the_call_of_its_depth_above_two_lost_ends() -> None:
    # The ends of B (depth 1) and C (depth 2) are lost; the next root is nobody's child.
    columns = folded(enter("A", 0, 0), enter("B", 1, 1), enter("C", 2, 2), leave(0, 9, 1), enter("D", 0, 10))
    assert list(columns.parent) == [-1, 0, 1, -1]
    assert list(columns.status) == [OK, OPEN, OPEN, OPEN]
    assert columns.output[0] == 1


def test_facts_belong_to_the_open_call_of_their_depth_and_later_ones_win() -> None:
    columns = folded(
        enter("A", 0, 0), [FACT, 0, 0], enter("B", 1, 1), [FACT, 2, 1], leave(1, 2), [FACT, 1, 0], leave(0, 3)
    )
    assert columns.facts[0] == {"a": 2, "b": 1}  # facts 0, then 1 over it
    assert columns.facts.get(1, {}) == {}


def test_facts_of_one_call_do_not_leak_into_the_table_or_into_another() -> None:
    seen = recording(Lane("main", [*enter("A", 0, 0), FACT, 0, 0, FACT, 1, 0, *enter("B", 0, 1), FACT, 0, 0]))
    assert fold(seen, STARTED).facts == {0: {"a": 2, "b": 1}, 1: {"a": 1}}
    assert seen.facts == FACTS


@pytest.mark.parametrize("extra", [1, 2])
def test_a_snapshot_in_the_middle_of_an_event_takes_the_whole_ones(extra: int) -> None:
    whole = enter("A", 0, 10) + enter("B", 1, 20)
    torn = whole + leave(1, 30)[:extra]
    assert fold(recording(Lane("main", torn)), STARTED + 50) == fold(
        recording(Lane("main", whole)), STARTED + 50
    )


def test_threads_are_merged_by_start_and_parents_follow() -> None:
    first = enter("A", 0, 10) + enter("B", 1, 30) + leave(1, 31) + leave(0, 60)
    second = [*enter("C", 0, 20), FACT, 0, 0, *enter("D", 1, 40), *fail(1, 41), *leave(0, 50)]
    columns = fold(recording(Lane("main", first), Lane("worker", second)), STARTED + 100)
    assert names(columns) == "ACBD"  # starts 10, 20, 30, 40
    assert list(columns.parent) == [-1, -1, 0, 1]
    assert list(columns.thread) == [0, 1, 0, 1]
    assert list(columns.duration) == [50, 30, 1, 1]  # 60-10, 50-20, 31-30, 41-40
    assert list(columns.status) == [OK, OK, OK, ERROR]
    assert columns.facts == {1: {"a": 1}}
    assert columns.threads == ["main", "worker"]


def test_equal_starts_keep_the_order_of_the_lane_and_of_the_lanes() -> None:
    # A coarse clock: everything began at 5.  A child must not come before its parent.
    lane = enter("A", 0, 5) + enter("B", 1, 5) + enter("C", 2, 5)
    columns = fold(recording(Lane("one", lane), Lane("two", list(lane))), STARTED + 5)
    assert names(columns) == "ABCABC"
    assert list(columns.parent) == [-1, 0, 1, -1, 3, 4]
    assert list(columns.thread) == [0, 0, 0, 1, 1, 1]


def test_two_threads_of_one_name_stay_two() -> None:
    columns = fold(recording(Lane("w", enter("A", 0, 1)), Lane("w", enter("B", 0, 2))), STARTED + 9)
    assert (list(columns.parent), list(columns.thread), columns.threads) == ([-1, -1], [0, 1], ["w", "w"])


def test_a_thread_that_recorded_nothing_yet() -> None:
    columns = fold(recording(Lane("idle"), Lane("main", enter("A", 0, 1))), STARTED + 3)
    assert (names(columns), list(columns.thread)) == ("A", [1])


def test_what_the_recording_says_of_itself_is_copied() -> None:
    seen = recording(dropped=4, faults={"describe": 2}, meta={"rank": 1})
    columns = fold(seen, STARTED)
    seen.faults["describe"] = 9
    seen.meta.clear()
    assert (columns.dropped, columns.faults, columns.meta) == (4, {"describe": 2}, {"rank": 1})


def test_a_chain_deeper_than_the_recursion_limit() -> None:
    depth = 5000
    seen = Recording(
        sites=[Site("module", "M", "M", "forward")],
        places=[Place("a.py", 1)],
        visits=[Visit(0, 0, level) for level in range(depth)],
        lanes=[Lane("main")],
    )
    for level in range(depth):
        seen.lanes[0].rows += [level, UNKNOWN, level]
    for level in reversed(range(depth)):
        seen.lanes[0].rows += [returned(level), UNKNOWN, 2 * depth - level]
    trace = Trace(fold(seen, 2 * depth))
    assert list(trace.columns.parent) == list(range(-1, depth - 1))
    # begun at `level`, ended at 2*depth - level
    assert list(trace.columns.duration) == [2 * depth - 2 * level for level in range(depth)]
    assert trace.complete
    assert len(trace.calls[-1].ancestors) == depth - 1
    assert [call.id for call in trace.roots[0].walk()] == list(range(depth))


# --- calls made in the middle of our own bookkeeping --------------------------------------------------
# A signal handler, a `__del__` or a weakref callback may run a traced module after the row of a call is
# written and before its depth counts, or after its depth has been put back and before its end is written.
# The depth that such a call notes is then the depth of the call that it interrupts.


def test_a_call_from_a_signal_handler_just_after_an_entry() -> None:
    # The handler's H=D runs and ends before A is seen to be open; then A goes on as if nothing had been.
    columns = folded(
        enter("A", 0, 10),
        enter("D", 0, 11),
        leave(0, 12),
        enter("B", 1, 20),
        leave(1, 30, 1),
        leave(0, 40, 2),
    )
    assert names(columns) == "ADB"
    assert list(columns.status) == [OK, OK, OK]
    assert columns.parent[2] == 0  # B was called by A
    assert list(columns.duration) == [30, 1, 10]  # 40-10, 12-11, 30-20
    assert list(columns.output) == [2, -1, 1]


def test_a_call_from_a_finalizer_just_before_an_end() -> None:
    columns = folded(
        enter("A", 0, 0), enter("B", 1, 10), enter("D", 1, 15), leave(1, 16), leave(1, 20, 1), leave(0, 30, 2)
    )
    assert names(columns) == "ABD"
    assert list(columns.parent)[:2] == [-1, 0]
    assert list(columns.status) == [OK, OK, OK]
    assert list(columns.duration) == [30, 10, 1]  # 30-0, 20-10, 16-15
    assert list(columns.output) == [2, 1, -1]


def test_a_call_from_a_finalizer_between_an_entry_and_its_facts() -> None:
    columns = folded(enter("A", 0, 0), enter("D", 0, 1), leave(0, 2), [FACT, 0, 0], leave(0, 3))
    assert columns.facts == {0: {"a": 1}}
    assert list(columns.status) == [OK, OK]


def test_a_call_from_a_signal_handler_just_after_a_failure() -> None:
    # A's exception is noted before its depth is put back: D says depth 1 although A has ended.
    columns = folded(
        enter("A", 0, 0), fail(0, 5), enter("D", 1, 6), leave(1, 7), enter("B", 0, 8), leave(0, 9)
    )
    assert list(columns.status) == [ERROR, OK, OK]
    assert list(columns.duration) == [5, 1, 1]
    assert columns.parent[2] == UNKNOWN


def test_a_million_calls_in_two_threads_are_folded_in_seconds() -> None:
    # 1,000 roots of 499 children in each of two lanes: 2 * 1,000 * 500 calls
    once = enter("A", 0, 0) + (enter("B", 1, 0) + leave(1, 0, 1)) * 499 + leave(0, 0)
    lanes = [Lane(name, once * 1000) for name in ("one", "two")]
    began = time.process_time()
    columns = fold(recording(*lanes), STARTED)
    took = time.process_time() - began
    assert len(columns) == 1_000_000
    assert columns.site.count(0) == 2000
    assert columns.parent.count(UNKNOWN) == 2000
    assert OPEN not in columns.status
    assert took < 15  # about 2 s on a quiet machine
