"""The numbers of one sort that came up in the rows of one block, and what they mean.

A number is translated once for each block: not less, because the recorder may give a number a new meaning
when no row holds it any more; not more, because that is Python time.
"""

from __future__ import annotations

from collections.abc import Callable

from ..events import UNKNOWN
from ..forms import HOLE, LOWER, Meaning, Sizes
from .tables import Tables


class Known(dict[int, int]):
    """Number to id of its form; the missing are looked up."""

    __slots__ = ("_forms", "_holed", "_ids", "_look", "_tables", "sizes")

    def __init__(self, tables: Tables, look: Callable[[int], Meaning]) -> None:
        super().__init__()
        self._tables = tables
        self._forms = tables.form_ids
        self._look = look
        self._holed: dict[int, int] = {}
        self._ids: dict[int, int] = {UNKNOWN: 0}
        self[UNKNOWN] = 0
        self.sizes: dict[int, Sizes] = {UNKNOWN: ()}

    def __missing__(self, number: int) -> int:
        if number > LOWER and (holed := self._holed.get(number >> HOLE)) is not None:
            self.sizes[number] = (number & LOWER,)
            self[number] = holed
            return holed
        form, self.sizes[number] = self._look(number)
        found = self._forms.get(form)
        if found is None:
            found = self._tables.form(form)
        self[number] = found
        if number > LOWER:
            self._holed[number >> HOLE] = found
        return found

    def meaning(self, number: int) -> int:
        """The id of the meaning of a number, for good."""
        found = self._ids.get(number)
        if found is None:
            found = self._ids[number] = self._tables.meaning(self[number], self.sizes[number])
        return found
