"""The stored form of a trace: columns over tables of what many calls share."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..events import Lineage, Place, Signature, Site
from ..values import Spec
from .index import Index

STATUSES = ("ok", "error", "open")
OK, ERROR, OPEN = range(3)


@dataclass(slots=True)
class Columns:
    """The stored form of a trace: tables of shared things, and one array for each attribute of a call.

    `start` is in nanoseconds since the trace began, `duration` in nanoseconds (of an open call: until
    the trace ended).  `parent`, `inputs`, `output` and `error` hold `UNKNOWN` (-1) where there is none.
    Rows are in start order, so a parent's row comes before its children's.
    """

    sites: list[Site] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    site: array[int] = field(default_factory=lambda: array("i"))
    place: array[int] = field(default_factory=lambda: array("i"))
    inputs: array[int] = field(default_factory=lambda: array("i"))
    output: array[int] = field(default_factory=lambda: array("i"))
    parent: array[int] = field(default_factory=lambda: array("i"))
    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    status: array[int] = field(default_factory=lambda: array("b"))
    error: array[int] = field(default_factory=lambda: array("i"))
    thread: array[int] = field(default_factory=lambda: array("i"))
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    dropped: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    lineages: list[Lineage] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    """The digest of each source file that is named here and could be read, see `sourcetext`."""
    _index: Index = field(default_factory=Index, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.site)

    def forwards(self) -> frozenset[tuple[object, ...]]:
        """Which modules were called outside of backward; nothing where no call was made in backward."""
        return self._index.forwards(self.sites)

    # --- what an analysis asks, so that it need not visit every row ---------------------------------

    def children_of(self, row: int) -> Sequence[int]:
        """The rows of the calls that `row` made, in start order; of `UNKNOWN`: of the roots."""
        return self._index.children(self.parent)[row]

    def subtree_size(self, row: int) -> int:
        """How many calls stand below `row`."""
        return self._index.sizes(self.parent)[row]

    def times_of(self, row: int) -> tuple[int, int, int, int] | None:
        """Count, total, shortest and longest in nanoseconds, where only sums over several calls were kept."""
        return None

    def twin(self, row: int) -> int:
        """A row whose subtree is known to be the same but for sizes and times.

        `row + k` below `row` corresponds to `twin + k`: same site, same place, same ending, same form of
        arguments and output.  What was found out about the twin need not be found out again.  Arrays know
        of no repetition: here every row is its own twin.
        """
        return row

    def rows_at(self, wanted: Sequence[bool]) -> list[int]:
        """The rows, in order, whose site number is `wanted`."""
        if all(wanted):
            return list(range(len(self)))
        return [row for row, site in enumerate(self.site) if wanted[site]]

    def gather(self, column: str, rows: Sequence[int], offset: int = 0) -> list[int]:
        """The numbers of a column (`"inputs"`), at `offset` behind each of some rows with equal subtrees."""
        numbers: array[int] = getattr(self, column)
        if offset:
            return [numbers[row + offset] for row in rows]
        return [numbers[row] for row in rows]
