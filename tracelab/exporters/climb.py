"""What it costs to find the parents of calls, counted before it is done.

The parent of a call is the latest call that waits one level up, or the nearest above where that level is
empty, and levels are only empty where ends or entries got lost.  A hostile file can make every call look
through a hundred thousand empty levels.  So the depths are followed first, with one number: how many levels,
from the top, surely hold a call that waits.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..events import Visits
from ..packing import depth_of, is_fact
from . import limits
from .expect import Refused


class Climb:
    """Follows the depths of a lane."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits
        self._solid = 0
        self._left = limits.CLIMB

    def follow(self, codes: Iterable[int], above: int = 0) -> None:
        """Follow events; `above`: levels that are not looked at."""
        visits = self._visits
        solid = self._solid
        for code in codes:
            if code >= 0:
                depth = visits[code].depth - above
                if depth > solid:
                    self._charge(depth - solid)
                else:
                    solid = depth + 1
            elif not is_fact(code):
                solid = min(solid, depth_of(code) - above)
        self._solid = max(solid, 0)

    def instance(self, depth: int) -> None:
        """Follow the calls at the top of a clean instance, at `depth`."""
        if depth > self._solid:
            self._charge(depth - self._solid)
        else:
            self._solid = depth

    def _charge(self, levels: int) -> None:
        self._left -= levels
        if self._left < 0:
            raise Refused("too many calls without a call on the level above")
