"""The part of a trace that one reader looks at: all of it, or what a filter keeps.

A filter keeps the calls that match and all calls above them.  What it keeps of two equal subtrees may
differ (one step of many, one layer), so under a filter no call has a twin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..calls import Columns
from ..events import UNKNOWN
from .reached import Reached


@dataclass(frozen=True)
class Visible:
    """The calls that may be shown; `keep`: their rows, all of them when None.

    `reached`: how they were reached, where that is shown too.  Then no call has a twin: one that was made
    from the same line may have come there by another way.
    """

    columns: Columns
    keep: frozenset[int] | None = None
    reached: Reached | None = None

    def children_of(self, row: int) -> Sequence[int]:
        """The visible children of a row, in order; of `UNKNOWN`: the visible roots."""
        children = self.columns.children_of(row)
        keep = self.keep
        return children if keep is None else [child for child in children if child in keep]

    def twin(self, row: int) -> int:
        """A row whose visible subtree is the same but for sizes."""
        has_twin = self.keep is None and self.reached is None
        return self.columns.twin(row) if has_twin else row

    def size(self, row: int) -> int:
        """How many visible calls stand below `row`."""
        return self.columns.subtree_size(row) if self.keep is None else self._sizes.get(row, 0)

    @cached_property
    def _sizes(self) -> dict[int, int]:
        parent = self.columns.parent
        sizes: dict[int, int] = {}
        # Children have larger row numbers: each row is finished before it is added to the one above.
        for row in sorted(self.keep or (), reverse=True):
            above = parent[row]
            if above != UNKNOWN:
                sizes[above] = sizes.get(above, 0) + sizes.get(row, 0) + 1
        return sizes
