"""Numbers of specs and signatures that differ in one running number only.

A decode step sees a cache, a mask and ids that are one longer than in the step before, so nearly every
signature of it is new.  Instead of a new row in the tables for each, the reader (see `readers`) gives the
number of what they have in common in its upper half and the number that fills the hole in its lower half.
When the recording is read, or packed, the two are put together and become an ordinary number.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from ..forms import HOLE, LOWER
from .parts import Parts


class Tree(NamedTuple):
    """Parts of which some sizes (`holes`) are a distance from the number of the hole."""

    parts: Parts
    holes: tuple[int, ...]

    def sizes(self, number: int) -> tuple[int, ...]:
        """The sizes of a call in which the hole was `number`."""
        change = number - self.parts.sizes[self.holes[0]]
        return tuple(
            [size + change if at in self.holes else size for at, size in enumerate(self.parts.sizes)]
        )

    def filled(self, number: int) -> Parts:
        """The parts of that call."""
        return self.parts._replace(sizes=self.sizes(number))


class Holes:
    """The trees with a hole of one recording."""

    def __init__(self, number_of: Callable[[Parts], int]) -> None:
        """`number_of`: the ordinary number of a value or call that is made of these parts."""
        self._trees: dict[int, Tree] = {}
        self._next = count(1)
        self._number_of = number_of
        self._settled: dict[int, int] = {}

    def base(self, parts: Parts, holes: tuple[int, ...]) -> int:
        """What a reader adds the number of the hole to, 0 without holes; sizes have at most HOLE bits."""
        if not holes:
            return 0
        number = next(self._next)
        self._trees[number] = Tree(parts, holes)
        return number << HOLE

    def tree(self, number: int) -> Tree:
        """What stands in the upper half of a number."""
        return self._trees[number >> HOLE]

    def settle(self, number: int) -> int:
        """The ordinary number for any number."""
        if number <= LOWER:
            return number
        settled = self._settled.get(number)
        if settled is None:
            filled = self.tree(number).filled(number & LOWER)
            settled = self._settled[number] = self._number_of(filled)
        return settled
