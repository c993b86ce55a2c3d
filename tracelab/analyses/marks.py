"""Facts about each call that depend on everything below it.

    size    how many calls stand below it (and may be shown)
    chain   it is, or leads to, a decoding loop: the way from the user's line to the steps
    small   a method call that ran no module, failed nowhere and says nothing of data: a helper
    opaque  it has run compiled code, whose calls nobody sees
    again   autograd has made it, to run a checkpointed forward a second time
    levels  how many levels of lines stand below it; between a loop and its calls stands a line for each step

They are found when they are asked for: the ways to the loops by climbing from each loop, a helper by
looking through what it called, once for all its twins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from ..calls import OK, made_by_autograd
from ..events import UNKNOWN
from .upwards import upwards
from .visible import Visible

DATA = frozenset({"texts", "sounds", "images", "chats"})
"""A method call that says what became of data is no helper: it is one half of the story."""


class Marks:
    """The facts, by row; `loops` are the rows of the decoding loops."""

    def __init__(self, visible: Visible, loops: Collection[int]) -> None:
        self._visible = visible
        self._columns = visible.columns
        self._loops = loops
        self._small: dict[int, bool] = {}
        self._levels: dict[int, int] = {}

    def size(self, row: int) -> int:
        """How many visible calls stand below a row."""
        return self._visible.size(row)

    def chain(self, row: int) -> bool:
        """Whether a row is a decoding loop or leads to one."""
        return row in self._ways

    @cached_property
    def _ways(self) -> set[int]:
        found: set[int] = set()
        for loop in self._loops:
            row = loop
            while row != UNKNOWN and row not in found:
                found.add(row)
                row = self._columns.parent[row]
        return found

    def small(self, row: int) -> bool:
        """Whether a row is a helper."""
        return upwards(self._columns.twin(row), self._small, self._beneath, self._make)

    def _beneath(self, row: int) -> Sequence[int]:
        """What must be small for `row` to be small: nothing below matters where the call itself is not."""
        return self._twins_below(row) if self._helps(row) else ()

    def _make(self, row: int, below: Iterable[bool]) -> bool:
        return self._helps(row) and all(below)

    def _helps(self, row: int) -> bool:
        columns = self._columns
        helper = columns.sites[columns.site[row]].kind in ("method", "function")
        if not helper or columns.status[row] != OK or row in self._ways or self.opaque(row):
            return False
        return DATA.isdisjoint(columns.facts.get(row, ()))

    def opaque(self, row: int) -> bool:
        """Whether a row has run compiled code."""
        return "compiled" in self._columns.facts.get(row, ())

    def again(self, row: int) -> bool:
        """Whether a row was called by autograd itself."""
        return row in self._again

    @cached_property
    def _again(self) -> frozenset[int]:
        return frozenset(made_by_autograd(self._columns))

    def levels(self, row: int) -> int:
        """How many levels of lines there are below a row."""
        return upwards(self._columns.twin(row), self._levels, self._twins_below, self._one_more)

    def _twins_below(self, row: int) -> Sequence[int]:
        return [self._columns.twin(child) for child in self._columns.children_of(row)]

    def _one_more(self, row: int, below: Iterable[int]) -> int:
        deepest = max(below, default=-1)
        return deepest + 1 + (deepest >= 0 and row in self._loops)
