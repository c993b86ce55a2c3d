"""Times summed up: own clocks at the top of a segment, exact sums below."""

from __future__ import annotations

import random

from tests.packed import packed, seen
from tests.rows import STARTED, enter, leave, recording
from tracelab.calls import Columns
from tracelab.calls.folded import Folded
from tracelab.events import Lane
from tracelab.fold import fold

STEPS = 30


def program() -> list[int]:
    """A root and thirty steps of sixteen calls that take all sorts of times."""
    ticks = random.Random(3)
    clock = 0
    rows = enter("A", 0, 0)

    def tick() -> int:
        nonlocal clock
        clock += ticks.randrange(1, 90)
        return clock

    for _ in range(STEPS):
        rows += enter("B", 1, tick(), 1)
        for name in "CDC" * 3:
            rows += enter(name, 2, tick(), 2)
            if name == "D":
                rows += enter("A", 3, tick()) + leave(3, tick(), 3)
                rows += enter("B", 3, tick()) + leave(3, tick(), 3)
            rows += leave(2, tick(), 2)
        rows += leave(1, tick(), 0)
    return rows + leave(0, tick(), 0)


def both() -> tuple[Columns, Folded]:
    made = recording(Lane("main", program()))
    exact = fold(made, STARTED + 99_999)
    summary = fold(packed(made, [1600] * 4, summary=True), STARTED + 99_999)
    assert isinstance(summary, Folded)
    return exact, summary


def test_everything_but_the_times_below_the_top_is_exact() -> None:
    exact, summary = both()
    # columns 3 and 4 of what is seen are start and duration
    for row, (one, other) in enumerate(zip(seen(exact), seen(summary), strict=True)):
        if summary.times_of(row) is None:
            assert one == other
        else:
            assert one[:3] + one[5:] == other[:3] + other[5:]


def test_calls_at_the_top_have_their_own_times_and_others_sums() -> None:
    _, summary = both()
    own = [row for row in range(len(summary)) if summary.times_of(row) is None]
    steps = summary.rows_at([False, True, False, False])
    # the root, and "B" as a step; the first two steps come loose
    assert own[0] == 0
    assert [row for row in steps if summary.parent[row] == 0] == [1 + 16 * step for step in range(STEPS)]
    assert [row for row in own if row > 32] == [1 + 16 * step for step in range(2, STEPS)]


def test_the_sums_are_those_of_the_exact_times() -> None:
    exact, summary = both()
    for call in range(1, 16):
        rows = [1 + 16 * step + call for step in range(2, STEPS)]
        durations = [exact.duration[row] for row in rows]
        offsets = [exact.start[row] - exact.start[row - call] for row in rows]
        for row in rows:
            assert summary.times_of(row) == (len(rows), sum(durations), min(durations), max(durations))
            assert summary.duration[row] == sum(durations) // len(rows)
            assert summary.start[row] == summary.start[row - call] + sum(offsets) // len(rows)


def test_columns_of_times_are_the_same_by_row_and_by_iteration() -> None:
    _, summary = both()
    for column in (summary.start, summary.duration):
        assert list(column) == [column[row] for row in range(len(summary))]


def test_threads_that_overlap_are_unfolded_with_mean_times() -> None:
    made = recording(Lane("one", program()), Lane("two", program()))
    exact = fold(made, STARTED + 99_999)
    flat = fold(packed(made, summary=True), STARTED + 99_999)
    assert not isinstance(flat, Folded)
    assert len(flat) == len(exact)
    assert sorted(flat.site) == sorted(exact.site)
    tops = [row for row in range(len(flat)) if flat.parent[row] == -1]
    assert [flat.duration[row] for row in tops] == [exact.duration[row] for row in (0, 1)]
