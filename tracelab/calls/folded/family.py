"""Who stands where in a folded trace: children, sizes and twins, found in the templates."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property

from ...events import UNKNOWN
from .layout import LOOSE, Layout


class Family:
    """Answers about the tree of calls; only the loose calls are ever looked at one by one."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def find(self, row: int) -> tuple[int, int]:
        """The part that a row belongs to, and the number of the call in it."""
        part = bisect_right(self._layout.first, row) - 1
        return part, row - self._layout.first[part]

    def children_of(self, row: int) -> Sequence[int]:
        """The rows of the calls made by a call, in order; of UNKNOWN: of the roots."""
        if row == UNKNOWN:
            return self._loose_children.get(UNKNOWN, ())
        part, call = self.find(row)
        pattern = self._layout.pattern[part]
        if pattern == LOOSE:
            return self._loose_children.get(self._layout.at[part] + call, ())
        first = self._layout.first[part]
        return [first + child for child in self._layout.patterns[pattern].children[call]]

    def subtree_size(self, row: int) -> int:
        """How many calls there are below a call."""
        part, call = self.find(row)
        pattern = self._layout.pattern[part]
        if pattern == LOOSE:
            return self._loose_sizes[self._layout.at[part] + call]
        return self._layout.patterns[pattern].sizes[call]

    def twin(self, row: int) -> int:
        """The row of the same call in the first instance of its template; of a loose call the row itself."""
        part, call = self.find(row)
        pattern = self._layout.pattern[part]
        return row if pattern == LOOSE else self._first_rows[pattern] + call

    def rows_at(self, wanted: Sequence[bool]) -> list[int]:
        """The rows of the calls whose site is wanted, in order."""
        layout = self._layout
        chosen = [[at for at, site in enumerate(one.site) if wanted[site]] for one in layout.patterns]
        loose = layout.loose.site
        rows: list[int] = []
        for part, first in enumerate(layout.first):
            pattern = layout.pattern[part]
            if pattern != LOOSE:
                rows += [first + call for call in chosen[pattern]]
            else:
                at = layout.at[part]
                sites = loose[at : at + layout.calls(part)]
                rows += [first + call for call, site in enumerate(sites) if wanted[site]]
        return rows

    @cached_property
    def _first_rows(self) -> list[int]:
        """The first row of the first instance of each pattern."""
        firsts: dict[int, int] = {}
        for part, pattern in enumerate(self._layout.pattern):
            firsts.setdefault(pattern, self._layout.first[part])
        return [firsts.get(pattern, UNKNOWN) for pattern in range(len(self._layout.patterns))]

    @cached_property
    def _loose_children(self) -> dict[int, array[int]]:
        """The rows below each loose call that has children, and below none, in order."""
        layout = self._layout
        below: dict[int, array[int]] = {}
        for part, first in enumerate(layout.first):
            pattern = layout.pattern[part]
            if pattern == LOOSE:
                at = layout.at[part]
                above = layout.loose.parent[at : at + layout.calls(part)]
                for call, parent in enumerate(above):
                    below.setdefault(parent, array("q")).append(first + call)
            else:
                tops = layout.patterns[pattern].nest.tops
                rows = below.setdefault(layout.parent[part], array("q"))
                rows.extend([first + call for call in tops])
        return below

    @cached_property
    def _loose_sizes(self) -> array[int]:
        layout = self._layout
        sizes = array("q", bytes(8 * len(layout.loose)))
        for part, pattern in enumerate(layout.pattern):
            if pattern != LOOSE and layout.parent[part] != UNKNOWN:
                sizes[layout.parent[part]] += layout.calls(part)
        for call in range(len(sizes) - 1, -1, -1):
            above = layout.loose.parent[call]
            if above != UNKNOWN:
                sizes[above] += sizes[call] + 1
        return sizes
