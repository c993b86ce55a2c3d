"""Folded columns against flat ones: the same rows, whatever was packed and however it was cut.

The oracle is the flat fold, which has its own oracle in `test_fold_forests`.
"""

from __future__ import annotations

import copy
import pickle
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tests.rows
import tests.test_fold
from tests.packed import arguments, one_by_one, packed, seen
from tests.rows import STARTED, enter, fail, leave, recording
from tests.test_fold_forests import Planned, Writer, forests
from tracelab.calls import Columns, Trace
from tracelab.calls.folded import Folded
from tracelab.events import UNKNOWN, Lane, Recording
from tracelab.fold import fold
from tracelab.forms import split

PROGRAMS = [name for name in dir(tests.test_fold) if name.startswith("test_") and "million" not in name]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 8 events on, so that small examples have many of them."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)


def same(flat: Columns, other: Columns) -> None:
    """Everything that can be asked has the same answer."""
    rows = seen(flat)
    assert seen(other) == rows
    assert one_by_one(other) == rows
    assert len(other) == len(flat)
    assert other.threads == flat.threads
    if not isinstance(other, Folded):
        return
    tree = Trace(flat)
    for row in range(len(flat)):
        assert list(other.children_of(row)) == list(tree.children_of(row))
        assert other.subtree_size(row) == len(list(tree.calls[row].walk())) - 1
    assert list(other.children_of(UNKNOWN)) == list(tree.children_of(UNKNOWN))
    for site in range(len(flat.sites)):
        wanted = [number == site for number in range(len(flat.sites))]
        assert other.rows_at(wanted) == [row for row, at in enumerate(flat.site) if at == site]
        assert other.site.count(site) == flat.site.count(site)
        assert (site in other.site) == (site in flat.site)
    for status in range(3):
        assert other.status.count(status) == flat.status.count(status)
        assert (status in other.status) == (status in flat.status)
    twins(other)


def twins(columns: Any) -> None:
    """A twin has the same sites, places and statuses in its whole subtree, and specs of the same form."""
    for row in range(len(columns)):
        twin = columns.twin(row)
        assert twin <= row
        below = [other - row for other in subtree(columns, row)]
        if twin < row:
            assert below == [other - twin for other in subtree(columns, twin)]
            for at in below:
                assert forms(columns, row + at) == forms(columns, twin + at)


def subtree(columns: Any, row: int) -> list[int]:
    """A row and the rows below it, in order."""
    found = [row]
    for above in found:
        found += columns.children_of(above)
    return sorted(found)


def forms(columns: Any, row: int) -> tuple[Any, ...]:
    """What twins have in common."""
    inputs, output = columns.inputs[row], columns.output[row]
    specs = [spec for _, spec in arguments(columns, inputs)[1]] if inputs != UNKNOWN else []
    return (
        *(getattr(columns, name)[row] for name in ("site", "place", "status", "error")),
        [split(spec).form for spec in specs],
        None if output == UNKNOWN else split(columns.specs[output]).form,
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_of_the_flat_fold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def both(program: Recording, now: int) -> Columns:
        flat = fold(program, now)
        if len(flat) < 200:
            for portions, left in ((), 0), ((), 6), ([9, 12, 15], 0), ([4, 30], 7):
                same(flat, fold(packed(program, portions, left), now))
        else:
            assert seen(fold(packed(program, [3000] * 9), now)) == seen(flat)
        compared.append(name)
        return flat

    monkeypatch.setattr(tests.test_fold, "fold", both)
    monkeypatch.setattr(tests.rows, "fold", both)
    test = getattr(tests.test_fold, name)
    if "extra" in test.__code__.co_varnames:
        for extra in (1, 2):
            test(extra)
    else:
        test()
    assert compared


def rows_of(roots: list[Planned], times: int) -> tuple[list[int], int]:
    """What a thread writes that runs these calls so many times."""
    writer = Writer(0)
    for _ in range(times):
        for root in roots:
            writer.run(root)
    return writer.lane.rows, writer.clock


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    roots=forests(levels=4, handlers=True),
    times=st.integers(1, 12),
    portions=st.lists(st.integers(1, 300), max_size=6),
    left=st.integers(0, 40),
    cut=st.integers(0, 60),
)
def test_any_loop_over_any_forest(
    roots: list[Planned], times: int, portions: list[int], left: int, cut: int
) -> None:
    rows, clock = rows_of(roots, times)
    program = recording(Lane("main", rows[: len(rows) - cut]))
    now = STARTED + clock
    other = fold(packed(program, portions, min(left, len(program.lanes[0].rows))), now)
    same(fold(program, now), other)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=forests(levels=3),
    second=forests(levels=3),
    times=st.integers(1, 6),
    apart=st.booleans(),
    portions=st.lists(st.integers(1, 200), max_size=4),
)
def test_two_threads(
    first: list[Planned], second: list[Planned], times: int, apart: bool, portions: list[int]
) -> None:
    one, clock = rows_of(first, times)
    two, _ = rows_of(second, times)
    if apart:
        two = [
            number + clock if at % 3 == 2 and two[at - 2] != -1 else number for at, number in enumerate(two)
        ]
    program = recording(Lane("one", one), Lane("two", two))
    now = STARTED + 10 * clock + 1000
    same(fold(program, now), fold(packed(program, portions), now))


def loop(steps: int, clock: int = 0) -> list[int]:
    """A root whose every child makes fifteen calls; two inputs and two outputs take turns."""
    rows = enter("A", 0, clock, 1)
    for number in range(steps):
        at = clock + 100 * number
        rows += enter("B", 1, at + 1, number % 2)
        for inner in range(15):
            rows += enter("CD"[inner % 2], 2, at + 2 + 2 * inner) + leave(
                2, at + 3 + 2 * inner, 2 + number % 2
            )
        rows += (fail if number == 17 else leave)(1, at + 50, 1)
    return rows + leave(0, clock + 100 * steps, 0)


def test_steps_of_a_loop_stay_folded() -> None:
    program = recording(Lane("main", loop(40)))
    columns = fold(packed(program, [1500] * 20), STARTED + 10_000)
    assert isinstance(columns, Folded)
    same(fold(program, STARTED + 10_000), columns)
    # 40 steps of 16 calls, of which one fails; the first sight of each is loose: most have an earlier twin
    assert len(columns) == 641
    assert sum(columns.twin(row) < row for row in range(len(columns))) > 16 * 25


def test_threads_one_after_another_stay_folded_and_others_do_not() -> None:
    apart = recording(Lane("one", loop(40)), Lane("two", loop(40, 5000)))
    columns = fold(packed(apart), STARTED + 20_000)
    assert isinstance(columns, Folded)
    same(fold(apart, STARTED + 20_000), columns)
    mixed = recording(Lane("one", loop(40)), Lane("two", loop(40, 950)))
    columns = fold(packed(mixed), STARTED + 20_000)
    assert not isinstance(columns, Folded)
    same(fold(mixed, STARTED + 20_000), columns)


def test_a_column_is_read_like_an_array() -> None:
    program = recording(Lane("main", loop(20)))
    flat, columns = fold(program, STARTED + 9_000), fold(packed(program), STARTED + 9_000)
    assert columns.site[-1] == flat.site[-1]
    assert columns.start[3:9] == flat.start[3:9].tolist()
    assert columns.parent[::-50] == flat.parent[::-50].tolist()
    assert columns.duration.tolist() == flat.duration.tolist()
    for row in (321, -322):  # 1 + 20 * 16 rows
        with pytest.raises(IndexError):
            columns.site[row]
    with pytest.raises(TypeError):
        columns.site[0] = 1  # type: ignore[index]


def test_numbers_never_change_and_tables_grow_by_looking() -> None:
    columns = fold(packed(recording(Lane("main", loop(40)))), STARTED + 9_000)
    before = list(columns.specs)
    first = [columns.output[row] for row in range(200, 220)]
    assert list(columns.output)[200:220] == first
    assert columns.specs[: len(before)] == before


def test_a_folded_trace_can_be_copied_and_pickled() -> None:
    columns = fold(packed(recording(Lane("main", loop(40)))), STARTED + 9_000)
    assert isinstance(columns, Folded)
    rows = seen(columns)
    for again in (copy.deepcopy(Trace(columns)), pickle.loads(pickle.dumps(Trace(columns)))):
        assert isinstance(again.columns, Folded)
        assert seen(again.columns) == rows


def test_what_is_read_of_a_million_calls_is_read_at_once() -> None:
    rows = loop(62_500)  # of 16 calls
    columns = fold(packed(recording(Lane("main", rows)), [24_000] * 300), STARTED + 10**8)
    assert isinstance(columns, Folded)
    began = time.process_time()
    assert len(columns) == 1_000_001
    assert len(columns.rows_at([False, True, False, False])) == 62_500
    assert columns.status.count(0) == 1_000_000  # the step that failed
    assert len(columns.children_of(0)) == 62_500
    assert columns.subtree_size(0) == 1_000_000
    assert time.process_time() - began < 1  # 0.1 s on a quiet machine


def agree(program: Recording, left: int = 0) -> Columns:
    """The folded columns, after they were held against the flat ones."""
    now = STARTED + 10**6
    columns = fold(packed(program, left=left), now)
    same(fold(program, now), columns)
    return columns


def test_calls_at_the_top_of_a_segment_at_two_depths() -> None:
    # C at depth 1 never ends, so D at depth 2 is its child each time; B at depth 1 is a child of A
    rows = enter("A", 0, 0) + enter("C", 1, 1)
    for number in range(30):
        rows += enter("D", 2, 10 * number + 2) + leave(2, 10 * number + 3) + enter("B", 1, 10 * number + 4)
        rows += (enter("C", 2, 10 * number + 5) + leave(2, 10 * number + 6)) * 4 + leave(1, 10 * number + 9)
    columns = agree(recording(Lane("main", rows)))
    assert {columns.parent[row] for row in columns.rows_at([False, False, False, True])} == {1}
    assert {columns.parent[row] for row in columns.rows_at([False, True, False, False])} == {0}


def test_lost_ends_below_are_forgotten_by_instances_too() -> None:
    # C (row 1) and D (row 2) never end; the steps at depth 1 forget D, so the last call, at depth 3, is C's
    rows = enter("A", 0, 0) + enter("C", 1, 1) + enter("D", 2, 2)
    for number in range(30):
        rows += enter("B", 1, 10 * number + 4)
        rows += (enter("C", 2, 10 * number + 5) + leave(2, 10 * number + 6)) * 4 + leave(1, 10 * number + 9)
    columns = agree(recording(Lane("main", rows + enter("D", 3, 400) + leave(3, 401))))
    assert columns.parent[len(columns) - 1] == 1


def test_calls_of_two_threads_that_begin_at_the_same_moment() -> None:
    one = enter("A", 0, 5) + leave(0, 6)
    two = enter("B", 0, 3) + enter("C", 1, 5) + leave(1, 5) + leave(0, 5)
    columns = agree(recording(Lane("one", one), Lane("two", two)))
    assert list(columns.site) == [1, 0, 2]  # B at 3, then at 5 the first thread before the second


def test_a_clock_that_runs_back_in_one_of_two_threads() -> None:
    back = enter("A", 0, 10) + leave(0, 11) + enter("B", 0, 5) + leave(0, 12)
    other = enter("C", 0, 500) + leave(0, 501) + (enter("D", 0, 502) + leave(0, 503)) * 2
    for left in (0, 12):
        columns = agree(recording(Lane("one", back), Lane("two", other)), left)
        assert list(columns.site) == [1, 0, 2, 3, 3]
    steps = []
    for number in range(30):
        steps += enter("A", 0, 100 * number)
        # not the first ones, which come loose
        for inner in (50, 10, 30, 20) if number > 3 else (10, 20, 30, 50):
            steps += enter("B", 1, 100 * number + inner) + leave(1, 100 * number + inner + 1)
        steps += leave(0, 100 * number + 90)
    agree(recording(Lane("one", steps), Lane("two", enter("C", 0, 9000) + leave(0, 9001))))
