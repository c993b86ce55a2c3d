"""What a callee is usually given, or usually gives: two readers, and when to make a new one.

Calls come in regimes: a prompt, then a token a step, then the next prompt.  So the reader before the last is
kept too, and the two change places.  Sizes that grew by the same twice in a row will go on growing, and
become a hole.  Where calls follow no rule a new reader each time would cost more than it earns, so after
FREE misses one is made only at each power of two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .parts import Parts, Unreadable, growing
from .readers import Holes, Read, never

FREE = 8
"""So many misses cost a new reader each, but for the first: many callees are called once."""


class Habit:
    """One side of one callee.  `read` is replaced as a whole: threads share it."""

    __slots__ = ("_grew", "_last", "_misses", "_other", "read")

    def __init__(self) -> None:
        self.read: Read = never
        self._other: Read = never
        self._last: Parts | None = None
        self._grew: Holes = ()
        self._misses = 0

    def again(self, *given: Any) -> int | None:
        """What the reader before the last says; if that is a number, it is the one to ask first now."""
        other = self._other
        number = other(*given)
        if number is not None:
            self.read, self._other = other, self.read
        return number

    def learn(self, apart: Callable[[], Parts], make: Callable[[Parts, Holes], Read]) -> None:
        """The last value was new: make a reader from its parts, if that may pay."""
        misses = self._misses = self._misses + 1
        if misses == 1 or (misses > FREE and misses & (misses - 1)):
            return
        try:
            parts = apart()
        except Unreadable:
            return
        grew = growing(self._last, parts)
        holes = grew if grew == self._grew else ()
        self._last, self._grew = parts, grew
        self._other, self.read = self.read, make(parts, holes)
