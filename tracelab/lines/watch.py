"""One watched call: its lines in order, and what each bound.

A gate reports the events of the function's own frame: `entered`, `at` each line, `left`.  What a line bound
is looked up when the next event comes, among the names that its code stores; values are described at once and
never kept.  Numbers of specs are put together here, specs are made from them when somebody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

from .identities import Places
from .stores import parameters, stores

MOST = 10_000
"""So many line events of one call are kept; further ones are counted."""

Bound = tuple[tuple[str, int], ...]
Seen = tuple[int, Bound] | tuple[int, Bound, Places]
Raw = tuple[CodeType, str, int, tuple[Seen, ...]]
"""A pass with numbers in place of specs: code, how it ended, how many lines were cut, lines."""


class Watch:
    """What is seen of one call.  `code`: of the function; the first frame with it is that of the call."""

    __slots__ = (
        "__weakref__",
        "_bound",
        "_cut",
        "_ended",
        "_fault",
        "_frame",
        "_lines",
        "_names",
        "_places",
        "_see",
        "code",
    )

    def __init__(
        self,
        code: CodeType,
        see: Callable[[Any], int],
        fault: Callable[[str, Exception], None],
        places: Callable[[str, Any], Places] | None = None,
    ) -> None:
        """`see`: the number of the spec of a value.  `fault`: what is told of a fault of ours.

        `places`: which tensors are in a value that has a name, where they are followed.
        """
        self.code = code
        self._see = see
        self._fault = fault
        self._places = places
        self._frame = 0
        self._names: Mapping[int, tuple[str, ...]] = stores(code)
        self._lines: list[Seen] = []
        self._bound: tuple[int, tuple[str, ...]] = 0, ()
        self._cut = 0
        self._ended = "open"

    @property
    def waits(self) -> bool:
        """Whether the function has not begun yet."""
        return not self._frame

    def is_at(self, frame: FrameType) -> bool:
        """Whether this is the frame of the call; a function that calls itself has several."""
        return id(frame) == self._frame

    def entered(self, frame: FrameType) -> None:
        """The function begins."""
        try:
            self._frame = id(frame)
            self._bound = self.code.co_firstlineno, parameters(self.code)
        except Exception as error:
            self._fault("lines", error)

    def at(self, frame: FrameType, line: int) -> None:
        """A line is about to run."""
        try:
            self._ended = "open"
            if len(self._lines) >= MOST:
                self._cut += 1
                return
            self._close(frame)
            self._bound = line, self._names.get(line, ())
        except Exception as error:
            self._fault("lines", error)

    def raised(self) -> None:
        """An exception is under way; unless another line runs, it leaves the function."""
        self._ended = "exception"

    def left(self, frame: FrameType, value: object) -> None:
        """The function returns, or an exception leaves it."""
        try:
            self._ended = "return" if self._ended == "open" else self._ended
            if len(self._lines) < MOST:
                self._close(frame)
                self._bound = 0, ()
        except Exception as error:
            self._fault("lines", error)

    def lose(self) -> None:
        """Somebody has taken the place of the tracer: what came after, and how it ended, was not seen."""
        if self._ended == "open":
            self._ended = "lost"

    def raw(self, failed: bool) -> Raw | None:
        """What was seen; None if the function did not run at all.  `failed`: an exception left the call."""
        if self.waits:
            return None
        ended = "exception" if failed or self._ended == "open" else self._ended
        ended = "open" if self._ended == "lost" else ended
        line, _ = self._bound
        lines = (*self._lines, (line, ())) if line else tuple(self._lines)
        return self.code, ended, self._cut, lines

    def _close(self, frame: FrameType) -> None:
        line, names = self._bound
        if not line:
            return
        bound: list[tuple[str, int]] = []
        same: Places = ()
        if names:
            found = frame.f_locals
            see, places = self._see, self._places
            for name in names:
                if name in found:  # a line that stores may not have come to it
                    bound.append((name, see(found[name])))
                    if places is not None:
                        same += places(name, found[name])
        self._lines.append((line, tuple(bound), same) if same else (line, tuple(bound)))
