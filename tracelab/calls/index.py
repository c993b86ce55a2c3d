"""Who stands below whom: what the column of parents says, turned round when it is first asked for.

A column says of each call who made it.  A tree is read the other way, so the children of all calls and the
sizes of all subtrees are found in one walk each, and kept beside the columns.  They follow from the
columns, so a copy or pickle begins without them; a trace that has grown has them made again.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ..events import UNKNOWN, Site


class Index:
    """Children and subtree sizes by row."""

    __slots__ = ("_children", "_forwards", "_sizes")

    def __init__(self) -> None:
        self._children: list[list[int]] = [[]]
        self._sizes = array("i")
        self._forwards: tuple[int, frozenset[tuple[object, ...]]] = 0, frozenset()

    def __reduce__(self) -> tuple[type[Index], tuple[()]]:
        return Index, ()

    def children(self, parent: array[int]) -> list[list[int]]:
        """For each row its children in order; the last entry, index -1, holds the roots."""
        if len(self._children) != len(parent) + 1:
            children: list[list[int]] = [[] for _ in range(len(parent) + 1)]
            for row, above in enumerate(parent):
                children[above].append(row)
            self._children = children
        return self._children

    def sizes(self, parent: array[int]) -> array[int]:
        """For each row the number of calls below it."""
        if len(self._sizes) != len(parent):
            sizes = array("i", bytes(4 * len(parent)))
            for row in range(len(parent) - 1, -1, -1):
                if parent[row] != UNKNOWN:
                    sizes[parent[row]] += sizes[row] + 1
            self._sizes = sizes
        return self._sizes

    def forwards(self, sites: Sequence[Site]) -> frozenset[tuple[object, ...]]:
        """The callables that were called outside of backward; none where nothing was called in backward."""
        if self._forwards[0] != len(sites):
            known = [(one.root, one.path, one.owner, one.function) for one in sites if one.during is None]
            self._forwards = len(sites), frozenset(known if len(known) < len(sites) else ())
        return self._forwards[1]
