"""A counter that needs no lock and no memory."""

from __future__ import annotations

from itertools import count


class Tally:
    """Counts atomically: `tick()` is one C call, so a thread or a signal handler cannot lose a count."""

    def __init__(self) -> None:
        self._count = count()
        self.tick = self._count.__next__
        """Count one more; returns how many were counted before."""

    def read(self) -> int:
        """How many were counted: `count(5)`.  Python has no other way to look without counting."""
        return int(repr(self._count)[len("count(") : -1])
