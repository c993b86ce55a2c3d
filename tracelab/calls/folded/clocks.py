"""When calls began and how long they took.

A block holds the time from each event to the next, so a clock reading is a sum over the block; the sums of
the blocks that were read last are kept.  Where times are summed up, calls below the top of their instance
have the mean of all instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from .layout import LOOSE, Layout
from .pattern import Pattern

KEPT = 4
"""So many blocks are held unfolded: a reader goes forward, and looks back at a parent now and then."""


class Clocks:
    """The clocks of blocks, counted from the beginning of the trace."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._kept: dict[int, list[int]] = {}

    def of(self, block: int) -> list[int]:
        """All clocks that a block kept."""
        found = self._kept.get(block)
        if found is None:
            packed = self.layout.blocks[block][1]
            found = list(accumulate(packed.gaps, initial=packed.first - self.layout.began))
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[block] = found
        return found

    def events(self, part: int, pattern: Pattern) -> list[int]:
        """The clocks of all events of an instance, if its block has them."""
        at = self.layout.clock[part]
        return self.of(self.layout.block[part])[at : at + len(pattern.template.group.codes)]

    def at(self, part: int, pattern: Pattern, position: int) -> int:
        """The clock of one position that was kept."""
        place = pattern.clock_at[position] if self.summed_up(part) else position
        return self.of(self.layout.block[part])[self.layout.clock[part] + place]

    def summed_up(self, part: int) -> bool:
        """Whether the block of an instance kept the clocks of its top alone."""
        return self.layout.blocks[self.layout.block[part]][1].summary


class Start:
    """Nanoseconds from the beginning of the trace to the entry."""

    fixed = False

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        layout = self._clocks.layout
        if layout.pattern[part] == LOOSE:
            at = layout.at[part]
            return [clock - layout.began for clock in layout.loose.start[at : at + layout.calls(part)]]
        pattern = layout.patterns[layout.pattern[part]]
        if self._clocks.summed_up(part):
            return [self.value(part, call) for call in range(pattern.calls)]
        return pattern.begin(self._clocks.events(part, pattern))

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        return [self.value(part, call) for part in parts]

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        layout = self._clocks.layout
        if layout.pattern[part] == LOOSE:
            return layout.loose.start[layout.at[part] + call] - layout.began
        pattern = layout.patterns[layout.pattern[part]]
        if self._clocks.summed_up(part) and pattern.parents[call] >= 0:
            return self._clocks.at(part, pattern, 0) + pattern.offsets[call]
        return self._clocks.at(part, pattern, pattern.nest.entries[call])


class Duration:
    """Nanoseconds from entry to exit; of an open call, until now."""

    fixed = False

    def __init__(self, clocks: Clocks) -> None:
        self._clocks = clocks

    def piece(self, part: int) -> Sequence[int]:
        """The values of one part."""
        layout = self._clocks.layout
        if layout.pattern[part] == LOOSE:
            return [self.value(part, call) for call in range(layout.calls(part))]
        pattern = layout.patterns[layout.pattern[part]]
        if self._clocks.summed_up(part):
            return [self.value(part, call) for call in range(pattern.calls)]
        events = self._clocks.events(part, pattern)
        return list(map(sub, pattern.end(events), pattern.begin(events)))

    def values(self, parts: Sequence[int], call: int) -> list[int]:
        """The values of one call in instances of one template in one block."""
        return [self.value(part, call) for part in parts]

    def value(self, part: int, call: int) -> int:
        """The value of one call."""
        layout = self._clocks.layout
        if layout.pattern[part] == LOOSE:
            at = layout.at[part] + call
            return layout.loose.end[at] - layout.loose.start[at]
        pattern = layout.patterns[layout.pattern[part]]
        if self._clocks.summed_up(part) and pattern.parents[call] >= 0:
            return pattern.durations[call]
        nest = pattern.nest
        began = self._clocks.at(part, pattern, nest.entries[call])
        return self._clocks.at(part, pattern, nest.exits[call]) - began
