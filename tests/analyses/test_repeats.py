"""What repeats in a sequence, and which numbers follow a rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelab.analyses.repeats import blocks, stretches, summary


def cut(text: str) -> list[tuple[str, int]]:
    return [(text[block.start : block.start + block.period], block.count) for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("A", [("A", 1)]),
        ("AAAB", [("A", 3), ("B", 1)]),
        ("ABCABCD", [("ABC", 2), ("D", 1)]),
        ("XABABABY", [("X", 1), ("AB", 3), ("Y", 1)]),
        # The first A comes again after two, but only after four does the whole sequence repeat.
        ("ABACABAC", [("ABAC", 2)]),
        ("ABCD", [("A", 1), ("B", 1), ("C", 1), ("D", 1)]),
        ("ABCAB", [("A", 1), ("B", 1), ("C", 1), ("A", 1), ("B", 1)]),
    ],
)
def test_blocks(text: str, expected: list[tuple[str, int]]) -> None:
    assert cut(text) == expected


@given(st.text("AB", max_size=60))
def test_blocks_say_the_whole_sequence_again(text: str) -> None:
    assert "".join(part * count for part, count in cut(text)) == text


class Counted:
    """An item that counts how often it was compared."""

    comparisons = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        Counted.comparisons += 1
        return isinstance(other, Counted) and other.number == self.number


def test_blocks_of_a_long_irregular_sequence_need_few_comparisons() -> None:
    number, items = 1, []
    for _ in range(5_000):
        number = number * 1103515245 % 2147483647
        items.append(Counted(number % 7))
    Counted.comparisons = 0
    blocks(items)
    # Quadratic would be millions: each item is compared with a few later ones, and a block ends at once.
    assert Counted.comparisons < 40 * len(items)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([5], [(0, 1)]),
        ([5, 5], [(0, 2)]),
        ([4, 5, 6], [(0, 3)]),
        # Two different sizes are no progression: a prefill and one decode step.
        ([5, 1], [(0, 1), (1, 2)]),
        ([5, 1, 1, 1], [(0, 1), (1, 4)]),
        ([5, 1, 1, 6, 1, 1], [(0, 1), (1, 3), (3, 4), (4, 6)]),
        # Rows of batches in a training loop: no rule, so they stay together.
        ([7, 3, 9, 4, 8], [(0, 5)]),
        ([7, 3, 9], [(0, 1), (1, 2), (2, 3)]),
        # The border belongs to the longer stretch: 1 1 1 and then 2 3.
        ([1, 1, 1, 2, 3], [(0, 3), (3, 4), (4, 5)]),
        ([3, 2, 1, 1, 1, 1], [(0, 1), (1, 2), (2, 6)]),
        ([8, 8, 1, 2, 3, 4], [(0, 2), (2, 6)]),
    ],
)
def test_stretches(sizes: list[int], expected: list[tuple[int, int]]) -> None:
    assert stretches([(size,) for size in sizes]) == expected


def test_stretches_need_one_rule_for_every_size() -> None:
    assert stretches([(1, 4), (1, 5), (1, 6)]) == [(0, 3)]
    assert stretches([(1, 4), (2, 5), (1, 6)]) == [(0, 1), (1, 2), (2, 3)]
    # A symbolic size has no difference to a number.
    assert stretches([("s0", 4), ("s0", 5), ("s0", 6)]) == [(0, 3)]
    assert stretches([("s0",), (4,)]) == [(0, 1), (1, 2)]


@given(st.lists(st.integers(1, 3), max_size=30))
def test_stretches_cover_everything_once(sizes: list[int]) -> None:
    covered = [
        position for start, stop in stretches([(n,) for n in sizes]) for position in range(start, stop)
    ]
    assert covered == list(range(len(sizes)))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([4], "4"),
        ([4, 4, 4], "4"),
        ([4, 5, 6, 7, 8], "4…8"),
        ([10, 8, 6], "10…6"),
        ([4, 5], "4…5"),
        # Four layers in each of three steps: constant inside, growing outside.
        ([4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6], "4…6"),
        ([4, 5, 7], "varied"),
        ([4, 4, 5], "varied"),
        ([4, 4, 5, 5, 6], "varied"),
        ([4, 5, 4, 5], "varied"),
        (["s0", "s0"], "s0"),
        (["s0", 4], "varied"),
        ([None, 4], "varied"),
    ],
)
def test_summary(values: list[object], expected: str) -> None:
    assert str(summary(values)) == expected
