"""What a callee is usually given, or usually gives: its reader, and when to make a new one.

Calls come in regimes: a prompt, then a token a step, then the next prompt; and the layers of a model are
given the same.  So the last few readers of all callees of one class are kept together (`Kin`), and one that
missed asks these first.  Sizes that grew by the same twice in a row will go on growing, and become a hole.
Where calls follow no rule a new reader each time would cost more than it earns, so after FREE misses one is
made only at each power of two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import UNKNOWN
from .parts import Parts, growing
from .readers import Holes, Read, never

FREE = 8
"""So many misses of a callee may cost a new reader each."""

READERS = 6
"""So many readers are kept for a class: three regimes of two widths."""


class Kin:
    """One side of all callees of one class: the readers made last, latest first, replaced as a whole."""

    __slots__ = ("misses", "readers")

    def __init__(self) -> None:
        self.readers: tuple[Read, ...] = ()
        self.misses = 0


class Habit:
    """One side of one callee.  `read` is replaced as a whole: threads share it."""

    __slots__ = ("_grew", "_kin", "_last", "_misses", "read")

    def __init__(self, kin: Kin, read: Read = never) -> None:
        self.read = read
        self._kin = kin
        self._last: Parts | None = None
        self._grew: Holes = ()
        self._misses = 0

    def again(self, *given: Any) -> int | None:
        """What a reader of its kin says; if that is a number, it is the one to ask first from now on."""
        for reader in self._kin.readers:
            number = reader(*given)
            if number is not None:
                self.read = reader
                return number
        return None

    def learn(
        self, apart: Callable[[], Parts], is_same: Callable[[], bool], make: Callable[[Parts, Holes], Read]
    ) -> None:
        """The last value was new: make a reader from its parts, if that may pay.

        `is_same`: whether it still has the number that the reader will give.  A thread or a signal handler
        may have resized it since; taken apart in between, it would be known by a wrong number for good.
        """
        kin = self._kin
        kin.misses += 1
        if kin.misses == 1:
            return  # many callees are called once
        misses = self._misses = self._misses + 1
        if misses > FREE and misses & (misses - 1):
            return
        try:
            parts = apart()
            if not is_same():
                return
        except Exception:  # no reader can compare it, or it raises when it is read, as nested tensors do
            return
        grew = growing(self._last, parts)
        holes = grew if grew == self._grew else ()
        self._last, self._grew = parts, grew
        self.read = made = make(parts, holes)
        kin.readers = (made, *kin.readers[: READERS - 1])


def not_kept(*anything: Any) -> int:
    """The reader where only names and times are kept: nothing is looked at."""
    return UNKNOWN
