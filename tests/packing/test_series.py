"""Values of a size as arithmetic runs."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelab.packing.series import series, value_at, values_of

STRETCHES = st.lists(st.tuples(st.integers(), st.integers(-3, 3), st.integers(1, 20)), min_size=1, max_size=6)


@given(STRETCHES | st.lists(st.tuples(st.integers(-300, 300), st.just(0), st.just(1)), min_size=1))
def test_every_value_comes_back(stretches: list[tuple[int, int, int]]) -> None:
    values = [first + delta * at for first, delta, count in stretches for at in range(count)]
    short = series(values)
    assert list(values_of(short)) == values
    assert [value_at(short, at) for at in range(len(values))] == values


@pytest.mark.parametrize(
    ("values", "short"),
    [
        ([7], (7, 0, 1)),
        ([5, 6, 7, 8], (5, 1, 4)),
        ([9, 9, 9], (9, 0, 3)),
        ([9, 7, 5], (9, -2, 3)),
        # two decodings one after the other
        ([*range(5, 60), *range(5, 60)], (5, 1, 55, 5, 1, 55)),
    ],
)
def test_runs(values: list[int], short: tuple[int, ...]) -> None:
    assert series(values) == short


def test_what_has_no_runs_is_kept_as_it_is_in_few_bytes() -> None:
    lengths = [31, 7, 99, 12, 64, 5, 80, 33]
    short = series(lengths)
    assert isinstance(short, array)
    assert short.itemsize == 1
    assert series([400, *lengths]).itemsize == 2  # type: ignore[union-attr]


def test_numbers_of_any_length() -> None:
    values = [2**70, 3, -(2**90), 11, 5]
    assert list(values_of(series(values))) == values
