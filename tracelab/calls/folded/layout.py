"""Which rows belong to which instance.

Rows are numbered in the order in which calls began.  In one lane that is the order of its segments, so a row
is found by bisection over the first rows of the parts: an instance, or a run of loose calls.  Of several
lanes, whole parts are interleaved by time; where parts of two threads overlap in time, their rows would have
to be mixed one by one, and there is no folded form of that (`Overlap`).
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from ...events import Lane, Visits
from ...forms import Meaning
from ...packing import (
    Block,
    Event,
    Listed,
    Segment,
    Tables,
    Tail,
    Template,
    events,
    meaning_at,
    segments,
    tail,
)
from ...packing.block import Variable
from .loose import Loose, arrive
from .pattern import Pattern

LOOSE = -1
"""The pattern of a run of loose calls."""


Stretch = tuple[list[int], int, int]
"""The parts of some rows, the call in each of them, the place of the first among the rows."""


class Overlap(Exception):
    """Parts of several threads overlap in time."""


class Layout:
    """The parts of a trace in row order, as parallel arrays."""

    def __init__(self, loose: Loose, began: int) -> None:
        self.loose = loose
        self.began = began
        self.patterns: list[Pattern] = []
        self.blocks: list[tuple[int, Block, Tables]] = []
        """(thread, block, tables) of each block, lane by lane."""
        self.tails: list[tuple[int, Tail]] = []
        """(thread, events) of what was not packed yet."""
        self.first = array("q")
        """The first row of each part."""
        self.pattern = array("i")
        self.block = array("i")
        """The number of the block; of loose calls the thread."""
        self.at = array("i")
        """The number of the instance in its block; of loose calls the first of them."""
        self.clock = array("i")
        """Where in the clocks of the block those of the instance begin."""
        self.parent = array("i")
        """The loose call above the calls at the top, or UNKNOWN."""
        self.rows = 0
        self._asked: tuple[tuple[Sequence[int], int, list[Stretch]], ...] = ()
        self._known: dict[Template, int] = {}

    # --- reading lanes --------------------------------------------------------------------------

    def add(self, thread: int, lane: Lane, visits: Visits, listed: Listed) -> None:
        """The parts of one more lane, after those of the others."""
        waiting: list[list[int]] = []
        for block in list(lane.blocks):
            self._add_block(thread, block, lane.packer.tables, visits, waiting)
        rest = tail(lane.rows, lane.packer or listed)
        self.tails.append((thread, rest))
        self._replay(thread, waiting, rest)

    def _add_block(
        self, thread: int, block: Block, tables: Tables, visits: Visits, waiting: list[list[int]]
    ) -> None:
        clocks: list[int] | None = None
        number = len(self.blocks)
        self.blocks.append((thread, block, tables))
        for segment in segments(block, tables):
            template = segment.template
            if template is not None and template.group.nest.clean:
                parent = arrive(waiting, template.group.nest.depth)
                pattern = self._pattern(template, visits)
                self._append(self.patterns[pattern].calls, pattern, number, segment, parent)
            else:
                clocks = block.clocks() if clocks is None else clocks
                self._replay(thread, waiting, events(block, tables, segment, clocks))

    def _pattern(self, template: Template, visits: Visits) -> int:
        number = self._known.get(template)
        if number is None:
            number = self._known[template] = len(self.patterns)
            self.patterns.append(Pattern(template, visits))
        return number

    def _replay(self, thread: int, waiting: list[list[int]], happened: Iterable[Event]) -> None:
        before = len(self.loose)
        self.loose.replay(waiting, thread, happened)
        if len(self.loose) > before:
            self._append(len(self.loose) - before, LOOSE, thread, Segment(None, before, 0, 0), LOOSE)

    def _append(self, calls: int, pattern: int, block: int, segment: Segment, parent: int) -> None:
        self.first.append(self.rows)
        self.pattern.append(pattern)
        self.block.append(block)
        self.at.append(segment.at)
        self.clock.append(segment.clock)
        self.parent.append(parent)
        self.rows += calls

    def variables(self, part: int) -> tuple[Variable, ...]:
        """The variables of an instance, as its block has them."""
        _, block, _ = self.blocks[self.block[part]]
        return block.variables[block.kinds.index(self.patterns[self.pattern[part]].template.number)]

    def meaning(self, part: int, variable: int) -> Meaning:
        """What one variable of an instance means."""
        return meaning_at(self.variables(part)[variable], self.blocks[self.block[part]][2], self.at[part])

    def stretches(self, rows: Sequence[int]) -> list[Stretch]:
        """Rows cut where template, block or place change: their parts, the call in each, the place in `rows`.

        The same rows are asked for again, for each column and each offset: the last answers are kept.
        """
        for asked, size, found in self._asked:
            if asked is rows and size == len(rows):
                return found
        made = self._cut(rows)
        self._asked = ((rows, len(rows), made), *self._asked[:3])
        return made

    def _cut(self, rows: Sequence[int]) -> list[Stretch]:
        first = self.first
        parts = [bisect_right(first, row) - 1 for row in rows]
        kinds = [
            (self.pattern[part], self.block[part], row - first[part])
            for part, row in zip(parts, rows, strict=True)
        ]
        found: list[Stretch] = []
        at = 0
        for (_, _, call), equal in groupby(kinds):
            size = len(list(equal))
            found.append((parts[at : at + size], call, at))
            at += size
        return found

    # --- order ----------------------------------------------------------------------------------

    def calls(self, part: int) -> int:
        """How many calls a part has."""
        end = self.first[part + 1] if part + 1 < len(self.first) else self.rows
        return end - self.first[part]

    def thread(self, part: int) -> int:
        """The number of the thread of a part."""
        block = self.block[part]
        return block if self.pattern[part] == LOOSE else self.blocks[block][0]

    def interleave(self, times: list[tuple[int, int]]) -> None:
        """Order the parts by time; `times`: when the first and the last call of each part began."""
        order = sorted(range(len(times)), key=lambda part: (times[part][0], self.thread(part), part))
        for before, after in pairwise(order):
            ended, begins = times[before][1], times[after][0]
            if ended > begins or (ended == begins and self.thread(before) > self.thread(after)):
                raise Overlap
        calls = [self.calls(part) for part in order]
        for name in ("pattern", "block", "at", "clock", "parent"):
            column: array[int] = getattr(self, name)
            setattr(self, name, array("i", [column[part] for part in order]))
        self.rows = 0
        for place, count in enumerate(calls):
            self.first[place] = self.rows
            self.rows += count

    def settle(self) -> None:
        """Tell the loose calls their rows."""
        self.loose.row = array("q", bytes(8 * len(self.loose)))
        for part, pattern in enumerate(self.pattern):
            if pattern == LOOSE:
                at, count, first = self.at[part], self.calls(part), self.first[part]
                self.loose.row[at : at + count] = array("q", range(first, first + count))
