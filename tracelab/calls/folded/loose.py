"""Calls that are part of no clean instance, one by one, as in flat columns.

`generate` begins in one segment and ends a thousand segments later; a prefill comes once; the last rows of a
running thread are not packed yet.  Their events are followed as `fold` does it, with the calls that wait.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from ...events import UNKNOWN, Visits
from ...packing import Event, depth_of, is_fact, nearest
from ..columns import ERROR, OK, OPEN
from .numbering import Numbering


class Loose:
    """Flat columns of loose calls; a parent of any call is either in its own instance or here."""

    def __init__(
        self, visits: Visits, numbering: Numbering, facts: Sequence[dict[str, Any]], now: int
    ) -> None:
        self.visits = visits
        self._numbering = numbering
        self.said = facts
        self.now = now
        self.site, self.place, self.inputs = array("i"), array("i"), array("i")
        self.output, self.error, self.parent = array("i"), array("i"), array("i")
        self.start, self.end, self.status, self.thread = array("q"), array("q"), array("b"), array("i")
        self.facts: dict[int, dict[str, Any]] = {}
        self.row = array("q")
        """The row of each loose call, once rows are laid out."""

    def __len__(self) -> int:
        return len(self.site)

    def replay(self, waiting: list[list[int]], thread: int, events: Iterable[Event]) -> None:
        """Follow events of a thread; `waiting`: for each depth its calls that have not ended."""
        for code, meaning, clock in events:
            if code >= 0:
                self._enter(waiting, thread, code, self._numbering.number(meaning), clock)
                continue
            depth = depth_of(code)
            if is_fact(code):
                said = self.facts.setdefault(waiting[depth][-1], {})
                said.update(self.said[meaning.sizes[0]])
            else:
                call = waiting[depth].pop()
                failed = code & 1
                self.end[call] = clock
                self.status[call] = ERROR if failed else OK
                (self.error if failed else self.output)[call] = self._numbering.number(meaning)

    def _enter(self, waiting: list[list[int]], thread: int, code: int, inputs: int, clock: int) -> None:
        site, place, depth = self.visits[code]
        self.parent.append(arrive(waiting, depth))
        waiting[depth].append(len(self.site))
        self.site.append(site)
        self.place.append(place)
        self.inputs.append(inputs)
        self.output.append(UNKNOWN)
        self.error.append(UNKNOWN)
        self.start.append(clock)
        self.end.append(self.now)
        self.status.append(OPEN)
        self.thread.append(thread)


def arrive(waiting: list[list[int]], depth: int) -> int:
    """Make room for a call at `depth`; the loose call above it, or UNKNOWN."""
    del waiting[depth + 1 :]  # an interrupt swallowed the end of these: they stay open
    while len(waiting) <= depth:
        waiting.append([])
    return nearest(waiting, depth)
