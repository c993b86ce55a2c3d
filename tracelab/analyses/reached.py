"""How calls were reached, as far as a tree draws it: the links, or all frames with those that only hand on.

A call that the function of the call above has made itself has no links, and nothing is drawn of it: the line
above it says enough.  Calls that are reached in different ways are not equal where that is drawn.
"""

from __future__ import annotations

from ..calls import Columns
from ..links import CHAIN, LINK, NOISE, OWN, Frame

Way = tuple[Frame, ...]


class Reached:
    """The ways to the calls of one trace; `noise`: with the frames that only hand on."""

    def __init__(self, columns: Columns, noise: bool = False) -> None:
        self._columns = columns
        self.noise = noise
        self._ways: dict[int, Way] = {}  # by id: the facts stay as long as their columns do

    @property
    def known(self) -> bool:
        """Whether anything was kept."""
        return any(CHAIN in facts for facts in self._columns.facts.values())

    @property
    def hidden(self) -> int:
        """How many frames of all calls are not drawn because they only hand on."""
        if self.noise:
            return 0
        counted: dict[int, int] = {}
        found = 0
        for facts in self._columns.facts.values():
            frames = facts.get(CHAIN, ())
            if id(frames) not in counted:
                counted[id(frames)] = sum([role in NOISE for *_, role in frames])
            found += counted[id(frames)]
        return found

    def way(self, row: int) -> Way:
        """What is drawn of the way to a call; empty for nothing."""
        facts = self._columns.facts.get(row)
        frames: Way | None = None if facts is None else facts.get(CHAIN)
        if not frames:
            return ()
        known = self._ways.get(id(frames))
        if known is None:
            known = self._ways[id(frames)] = self._drawn(frames)
        return known

    def _drawn(self, frames: Way) -> Way:
        if self.noise:
            return frames if any(role != OWN for *_, role in frames) else ()
        has_links = any(role == LINK for *_, role in frames)
        return tuple([frame for frame in frames if frame[3] not in NOISE]) if has_links else ()
