"""Rows in, blocks, rows out: the same triples, whatever the rows are and however they are portioned."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.packing.lanes import VISITS, Book, grown, loop, step, told
from tracelab.events import FACT, UNKNOWN, Visit, raised, returned
from tracelab.forms import NOTHING, Meaning
from tracelab.packing import LOOSE, Block, Packer, unpack


def packer(summary: bool = False) -> Packer:
    book = Book()
    return Packer(book.given, book.came, VISITS, summary)


def packed(packing: Packer, rows: list[int], portions: list[int]) -> list[Block]:
    """All rows, given to the packer in portions of so many ints."""
    waiting: list[int] = []
    blocks = []
    at = 0
    for size in portions:
        waiting += rows[at : at + size]
        at += size
        block, used = packing.pack(waiting)
        assert used % 3 == 0
        assert used > 0 or len(waiting) < 3
        del waiting[:used]
        blocks.append(block)
    waiting += rows[at:]
    return [*blocks, packing.pack(waiting, everything=True)[0]]


def unpacked(packing: Packer, blocks: list[Block]) -> list[tuple[int, Meaning, int]]:
    return [row for block in blocks for row in unpack(block, packing.tables)]


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 8 events on, so that small examples have many of them."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)


DEPTHS = st.integers(0, 5)
CLOCKS = st.integers(0, 5000) | st.integers(-(2**70), 2**70)
NUMBERS = st.integers(-1, 5)
ANY_ROW = (
    st.tuples(st.builds(lambda depth, site: 10 * depth + site, DEPTHS, st.integers(0, 2)), NUMBERS, CLOCKS)
    | st.tuples(st.builds(returned, DEPTHS), NUMBERS, CLOCKS)
    | st.tuples(st.builds(raised, DEPTHS), NUMBERS, CLOCKS)
    | st.tuples(st.just(FACT), st.integers(0, 3), DEPTHS)
)
PIECES = st.lists(ANY_ROW, min_size=1, max_size=12)


@settings(deadline=None, max_examples=300)
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=4),
    order=st.lists(st.integers(0, 3), max_size=40),
    portions=st.lists(st.integers(1, 250), max_size=8),
    torn=st.integers(0, 2),
)
def test_any_rows(
    pieces: list[list[tuple[int, int, int]]], order: list[int], portions: list[int], torn: int
) -> None:
    """A few pieces, unbalanced and with clocks that jump, in any order: so that there are repetitions."""
    rows = [number for index in order for row in pieces[index % len(pieces)] for number in row]
    rows += [1, 2][:torn]
    packing = packer()
    assert unpacked(packing, packed(packing, rows, portions)) == told(rows)


@settings(deadline=None, max_examples=100)
@given(
    steps=st.lists(st.tuples(st.integers(4, 30), st.integers(0, 50), st.integers(0, 10)), max_size=60),
    portions=st.lists(st.integers(1, 3000), max_size=8),
)
def test_steps_with_sizes_of_all_sorts(steps: list[tuple[int, int, int]], portions: list[int]) -> None:
    rows: list[int] = []
    for calls, number, growing in steps:
        rows += step(calls, number, 0, growing=growing)
    packing = packer()
    assert unpacked(packing, packed(packing, rows, portions)) == told(rows)


@settings(deadline=None, max_examples=60)
@given(numbers=st.lists(st.lists(st.integers(-1, 9), min_size=24, max_size=24), max_size=60))
def test_the_same_codes_with_any_numbers(numbers: list[list[int]]) -> None:
    rows: list[int] = []
    for one in numbers:
        for call in range(12):
            rows += (20 + call % 3, one[2 * call], 7, returned(2), one[2 * call + 1], 9)
    packing = packer()
    assert unpacked(packing, packed(packing, rows, [300] * 20)) == told(rows)


def test_a_recursion_of_a_thousand_levels() -> None:
    levels = 1000
    visits = [Visit(0, 0, depth) for depth in range(levels)]
    rows: list[int] = []
    for depth in range(levels):
        rows += (depth, 3 * depth, depth)
    for depth in reversed(range(levels)):
        rows += (returned(depth), 2 * depth, 2 * levels - depth)
    book = Book()
    for times in (1, 20):
        packing = Packer(book.given, book.came, visits)
        blocks = packed(packing, rows * times, [9000] * 10)
        assert unpacked(packing, blocks) == told(rows * times)


@pytest.mark.parametrize("summary", [False, True])
def test_nothing_to_pack(summary: bool) -> None:
    packing = packer(summary)
    for rows in ([], [1], [1, 2]):
        block, used = packing.pack(rows)
        assert (block.events, used, unpack(block, packing.tables)) == (0, 0, [])
        assert packing.pack(rows, everything=True)[0].events == 0


def test_what_is_not_known_is_not_asked_for() -> None:
    def ask(*_: int) -> Meaning:
        raise AssertionError("asked")

    rows = [0, UNKNOWN, 5, returned(0), UNKNOWN, 6, 1, UNKNOWN, 7, raised(0), UNKNOWN, 9] * 10
    packing = Packer(ask, ask, VISITS)
    nothing = Meaning(NOTHING, ())
    assert unpacked(packing, packed(packing, rows, [60, 60])) == [
        (rows[at], nothing, rows[at + 2]) for at in range(0, len(rows), 3)
    ]


def test_a_number_is_asked_for_once_a_block() -> None:
    book = Book()
    packing = Packer(book.given, book.came, VISITS)
    rows = loop(20, 30, growing=0)
    packing.pack(rows, everything=True)[0]
    entries = {rows[at + 1] for at in range(0, len(rows), 3) if rows[at] >= 0}
    ends = {(rows[at] & 1, rows[at + 1]) for at in range(0, len(rows), 3) if rows[at] < 0}
    assert book.asked == len(entries) + len(ends)


def test_a_number_may_mean_something_else_in_the_next_block() -> None:
    # Numbers are used again once no row holds them: the same rows, another meaning.
    book = Book()
    shift = 0
    packing = Packer(lambda number: book.given(number + shift), book.came, VISITS)
    rows = loop(20, 12)
    first = packing.pack(rows, everything=True)[0]
    shift = 3  # the same form, the sizes one larger
    second = packing.pack(rows, everything=True)[0]
    shift = 1  # another form
    third = packing.pack(rows, everything=True)[0]
    wanted = told(rows)
    assert unpack(first, packing.tables) == wanted
    for block, moved in ((second, 3), (third, 1)):
        for (code, meaning, clock), at in zip(
            unpack(block, packing.tables), range(0, len(rows), 3), strict=True
        ):
            assert (code, clock) == (rows[at], rows[at + 2])
            assert meaning == book.meaning(code, rows[at + 1] + (moved if code >= 0 else 0))


def test_the_steps_of_a_loop_are_instances_of_one_template() -> None:
    packing = packer()
    block = packing.pack(loop(20, 30), everything=True)[0]
    # the first step comes with the two entries above it; the second is seen for the first time without them;
    # then 28 instances, and the two ends above
    assert list(block.templates) == [LOOSE] + [0] * 28 + [LOOSE]
    assert len(packing.tables.templates) == 1


def test_rows_after_the_last_cut_wait_for_the_next_time() -> None:
    packing = packer()
    rows = loop(20, 12)
    short = rows[:-9]  # in the middle of the end of the twelfth step
    block, used = packing.pack(short)
    # 2 events above and 11 whole steps of 20 calls
    assert (block.events, used) == (2 + 11 * 40, 3 * (2 + 11 * 40))


def test_small_helpers_join_the_call_after_them() -> None:
    helper = [25, 3, 0, returned(2), 4, 1]
    rows: list[int] = []
    for number in range(100, 112):
        rows += helper + step(20, number, 2)
    packing = packer()
    block = packing.pack(rows, everything=True)[0]
    assert list(block.templates) == [LOOSE] + [0] * 11
    assert len(packing.tables.templates[0].group.codes) == 42


def test_a_block_can_be_pickled_and_is_small() -> None:
    packing = packer()
    block = packing.pack(loop(65, 60), everything=True)[0]
    again, tables = pickle.loads(pickle.dumps((block, packing.tables)))
    assert unpack(again, tables) == unpack(block, packing.tables)
    # 8 bytes of clocks for each of 3,902 calls, and at most 10,000 for all else with names of classes
    assert len(pickle.dumps(block)) < 8 * 3902 + 10_000


def size_of(packing: Packer, rows: list[int]) -> int:
    """The bytes that packing leaves in memory."""
    waiting: list[int] = []
    tracemalloc.start()
    try:
        blocks = []
        for at in range(0, len(rows), 24_000):  # 4,000 calls
            waiting += rows[at : at + 24_000]
            block, used = packing.pack(waiting)
            del waiting[:used]
            blocks.append(block)
        blocks.append(packing.pack(waiting, everything=True)[0])
        waiting.clear()
        gc.collect()  # and with it the free lists of the interpreter
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("calls", "summary", "most"), [(65, False, 12), (215, False, 12), (65, True, 2), (215, True, 1)]
)
def test_memory_of_a_repeated_step(calls: int, summary: bool, most: float) -> None:
    # What the template itself takes is paid once, so the price of a call is what the second half costs.
    whole = loop(calls, 40_000 // calls, growing=5)
    half = whole[: len(whole) // 6 * 3]
    before, after = (size_of(packer(summary), rows) for rows in (half, whole))
    assert before < 150_000 + most * len(half) / 6
    assert (after - before) / (len(half) / 6) < most


def test_memory_when_nothing_repeats() -> None:
    rows, calls = grown(seed=1, calls=20_000)
    assert size_of(packer(), rows) / calls < 90
    packing = packer()
    assert unpacked(packing, packed(packing, rows, [24_000] * 5)) == told(rows)


def test_the_made_up_steps_are_what_they_say() -> None:
    rows = step(65, 3, 100)
    assert len(rows) == 65 * 6
    clocks = rows[2::3]
    assert all(before < after for before, after in pairwise(clocks))
