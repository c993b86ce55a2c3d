"""`Columns` over packed lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from ...events import UNKNOWN, Recording, Visits
from ...packing import Block, Listed, Tables
from ...packing.codes import GIVEN, RAISED, RETURNED
from ..columns import Columns
from .clocks import Clocks, Duration, Start
from .column import Column, Values
from .family import Family
from .layout import LOOSE, Layout, Overlap
from .loose import Loose
from .numbering import Numbering
from .values import Number, Parent, Same, Thread


class Parts(NamedTuple):
    """The lanes of a recording in blocks, each with the tables to read it, and the clock readings around."""

    lanes: list[list[tuple[Block, Tables]]]
    visits: Visits
    facts: Sequence[dict[str, Any]]
    began: int
    now: int


class Folded(Columns):
    """The columns of a recording whose lanes are packed; equal, row by row, to the flat ones."""

    def __init__(self, recording: Recording, now: int) -> None:
        """Raises `Overlap` where the threads have no folded form."""
        numbering = Numbering()
        loose = Loose(recording.visits, numbering, recording.facts, now)
        layout = Layout(loose, recording.started)
        for number, lane in enumerate(recording.lanes):
            layout.add(number, lane, recording.visits, Listed(recording))
        clocks = Clocks(layout)
        if len(recording.lanes) > 1:
            _interleave(layout, clocks)
        layout.settle()
        super().__init__(
            sites=recording.sites,
            places=recording.places,
            specs=numbering.specs,
            signatures=numbering.signatures,
            errors=numbering.errors,
            threads=[lane.thread for lane in recording.lanes],
            facts=_facts(layout, recording.facts),
            dropped=recording.dropped,
            faults=dict(recording.faults),
            meta=dict(recording.meta),
            lineages=recording.lineages,
            sources=recording.sources,
        )
        self._layout = layout
        self._family = Family(layout)
        self._set("site", Same(layout, "site"))
        self._set("place", Same(layout, "place"))
        self._set("status", Same(layout, "status"))
        self._set("parent", Parent(layout))
        self._set("thread", Thread(layout))
        self._set("inputs", Number(layout, numbering, GIVEN, loose.inputs))
        self._set("output", Number(layout, numbering, RETURNED, loose.output))
        self._set("error", Number(layout, numbering, RAISED, loose.error))
        self._set("start", Start(clocks))
        self._set("duration", Duration(clocks))

    def parts(self) -> Parts:
        """What the columns are made of, for who writes them down."""
        layout, loose = self._layout, self._layout.loose
        lanes: list[list[tuple[Block, Tables]]] = [[] for _ in self.threads]
        for thread, block, tables in layout.blocks:
            lanes[thread].append((block, tables))
        for thread, rest in layout.tails:
            if rest.codes:
                tables = Tables(loose.visits)
                lanes[thread].append((rest.block(tables), tables))
        return Parts(lanes, loose.visits, loose.said, layout.began, loose.now)

    def _set(self, name: str, values: Values) -> None:
        # A column that is read like an array, and nobody writes to the columns of a trace.
        setattr(self, name, cast("Any", Column(self._layout, values)))

    # --- answers out of the templates -----------------------------------------------------------

    def children_of(self, row: int) -> Sequence[int]:
        """The rows of the calls made by a call, in order; of UNKNOWN: of the roots."""
        return self._family.children_of(row)

    def subtree_size(self, row: int) -> int:
        """How many calls there are below a call."""
        return self._family.subtree_size(row)

    def twin(self, row: int) -> int:
        """A row that has the same sites, places and forms in its whole subtree, call by call."""
        return self._family.twin(row)

    def rows_at(self, wanted: Sequence[bool]) -> list[int]:
        """The rows of the calls whose site is wanted, in order."""
        return self._family.rows_at(wanted)

    def gather(self, column: str, rows: Sequence[int], offset: int = 0) -> list[int]:
        """The numbers of a column at `offset` behind each of some rows."""
        found: list[int] = getattr(self, column).gather(rows, offset)
        return found

    def times_of(self, row: int) -> tuple[int, int, int, int] | None:
        """Count, total, shortest and longest of a call over all instances of its template, in nanoseconds.

        None for a call that has its own times.
        """
        part, call = self._family.find(row)
        number = self._layout.pattern[part]
        if number == LOOSE:
            return None
        pattern = self._layout.patterns[number]
        times = pattern.times
        if times is None or pattern.parents[call] == UNKNOWN:
            return None
        return times.instances, times.totals[call], times.shortest[call], times.longest[call]


def _interleave(layout: Layout, clocks: Clocks) -> None:
    if any(block.runs_back() for _, block, _ in layout.blocks):
        raise Overlap
    start = Start(clocks)
    times = []
    for part in range(len(layout.first)):
        last = layout.calls(part) - 1
        if layout.pattern[part] == LOOSE:
            piece = list(start.piece(part))
            if piece != sorted(piece):
                raise Overlap
        times.append((start.value(part, 0), start.value(part, last)))
    layout.interleave(times)


def _facts(layout: Layout, said: Sequence[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The facts of all calls, by row."""
    found = {layout.loose.row[call]: facts for call, facts in layout.loose.facts.items()}
    for part, number in enumerate(layout.pattern):
        if number == LOOSE or not layout.patterns[number].facts:
            continue
        pattern = layout.patterns[number]
        for call, variable in pattern.facts:
            fact = layout.meaning(part, variable).sizes[0]
            found.setdefault(layout.first[part] + call, {}).update(said[fact])
    return dict(sorted(found.items()))
