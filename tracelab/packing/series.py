"""The values that one size takes over the instances of a block, as short as they can be said.

A cache grows by one with every step, so its lengths 5, 6, 7, ... 64 are one arithmetic run `(5, 1, 60)`:
first, delta, count.  A series is a flat tuple of such runs; where runs would be longer than the numbers
themselves (batches that are padded to anything), it is the numbers, in the narrowest array that holds them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import sub
from typing import Union

Series = Union[tuple[int, ...], "array[int]"]


def series(values: Sequence[int]) -> Series:
    """The shortest series of at least one value."""
    deltas = list(map(sub, values[1:], values))
    if not deltas or deltas.count(deltas[0]) == len(deltas):
        return (values[0], deltas[0] if deltas else 0, len(values))
    runs = _runs(values, deltas)
    plain = None if 8 * len(runs) < 2 * len(values) else _plain(values)
    return runs if plain is None else plain


def value_at(values: Series, index: int) -> int:
    """One value of a series."""
    if isinstance(values, array):
        return values[index]
    at = 0
    while index >= values[at + 2]:
        index -= values[at + 2]
        at += 3
    return values[at] + index * values[at + 1]


def values_of(values: Series) -> Iterator[int]:
    """All values of a series, in order."""
    if isinstance(values, array):
        yield from values
        return
    for at in range(0, len(values), 3):
        first, delta, count = values[at : at + 3]
        for index in range(count):
            yield first + index * delta


def _runs(values: Sequence[int], deltas: list[int]) -> tuple[int, ...]:
    """Greedy arithmetic runs: each goes on as long as its first delta holds."""
    runs: list[int] = []
    at, count = 0, len(values)
    while at < count:
        delta = deltas[at] if at < count - 1 else 0
        end = at + 1
        while end < count and deltas[end - 1] == delta:
            end += 1
        runs += (values[at], delta, end - at)
        at = end
    return tuple(runs)


def _plain(values: Sequence[int]) -> array[int] | None:
    """The numbers in an array; None for numbers of more than 64 bits."""
    for width in "bhiq":
        try:
            return array(width, values)
        except OverflowError:
            continue
    return None
