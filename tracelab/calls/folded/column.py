"""One virtual column: an array to its reader, made piece by piece out of instances.

`[row]` finds the part by bisection and asks for one value.  Iteration asks each part for its piece, a list or
array, and chains the pieces: some 30 ns a value.  Where all instances of a template have the same piece
(site, place, status), `count` and `in` look at templates, not at instances.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Protocol, overload

from .layout import LOOSE, Layout


class Values(Protocol):
    """What stands in a column."""

    fixed: bool
    """Whether the piece is the same for all instances of a template."""

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part, in row order."""
        ...

    def value(self, part: int, call: int) -> int:
        """The value of one call of a part."""
        ...

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        ...


class Column(Sequence[int]):
    """A read-only column over the parts of a layout."""

    def __init__(self, layout: Layout, values: Values) -> None:
        self._layout = layout
        self._values = values

    def __len__(self) -> int:
        return self._layout.rows

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        layout = self._layout
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(layout.rows))]
        row = index + layout.rows if index < 0 else index
        if not 0 <= row < layout.rows:
            raise IndexError("row out of range")
        part = bisect_right(layout.first, row) - 1
        return self._values.value(part, row - layout.first[part])

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(map(self._values.piece, range(len(self._layout.first))))

    def gather(self, rows: Sequence[int], offset: int = 0) -> list[int]:
        """The values at `offset` behind each of some rows, template by template."""
        layout = self._layout
        found: list[int] = []
        for parts, call, at in layout.stretches(rows):
            if layout.pattern[parts[0]] != LOOSE and call + offset < layout.calls(parts[0]):
                found += self._values.values(parts, call + offset)
            else:
                found += [self[row + offset] for row in rows[at : at + len(parts)]]
        return found

    def tolist(self) -> list[int]:
        """All values."""
        return list(self)

    def count(self, value: Any) -> int:
        """How many rows have this value."""
        return sum([self._piece(part).count(value) * times for part, times in self._different()])

    def __contains__(self, value: object) -> bool:
        return any(value in self._piece(part) for part, _ in self._different())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _piece(self, part: int) -> Sequence[int]:
        return self._values.piece(part)

    def _different(self) -> Iterator[tuple[int, int]]:
        """Parts with different pieces, and how many parts have such a piece."""
        patterns = self._layout.pattern
        if not self._values.fixed:
            yield from ((part, 1) for part in range(len(patterns)))
            return
        yield from ((part, 1) for part, pattern in enumerate(patterns) if pattern == LOOSE)
        for pattern, times in Counter(patterns).items():
            if pattern != LOOSE:
                yield patterns.index(pattern), times
