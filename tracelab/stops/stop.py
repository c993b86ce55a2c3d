"""One call that may be stopped in: the gate says when its function begins and ends."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType, FrameType, TracebackType
from typing import Any

from .condition import Condition

Enter = Callable[[FrameType, TracebackType | None], None]
"""What stops: in a frame, or after what was raised there."""


class Stop:
    """The gate's view of one call.  `code`: of its function; `may`: whether this is a call to stop in."""

    __slots__ = ("__weakref__", "_condition", "_enter", "_fault", "_frame", "_may", "_number", "code")

    def __init__(
        self,
        code: CodeType,
        number: int,
        condition: Condition,
        may: Callable[[], bool],
        enter: Enter,
        fault: Callable[[str, Exception], None],
    ) -> None:
        self.code = code
        self._number = number
        self._condition = condition
        self._may = may
        self._enter = enter
        self._fault = fault
        self._frame = 0

    @property
    def waits(self) -> bool:
        """Whether the function has not begun yet."""
        return not self._frame

    def is_at(self, frame: FrameType) -> bool:
        """Whether this is the frame of the call."""
        return id(frame) == self._frame

    def entered(self, frame: FrameType) -> None:
        """The function begins: stop, if the condition needs no more than what came in."""
        self._frame = id(frame)
        if not self._condition.at_end and self._holds(frame):
            self._enter(frame, None)

    def at(self, frame: FrameType, line: int) -> None:
        """Lines are no concern of a breakpoint."""

    def raised(self) -> None:
        """Nor is what the function may still catch."""

    def left(self, frame: FrameType, value: object) -> None:
        """The function returns `value`."""
        if self._condition.at_end and self._holds(frame, output=value, error=None):
            frame.f_locals["__return__"] = value  # as pdb has it
            self._enter(frame, None)

    def failed(self) -> None:
        """An exception has left the call: stop where it came from in the function."""
        error = sys.exc_info()[1]
        if not self._condition.at_end or error is None:
            return
        traceback = error.__traceback__
        while traceback is not None and not self.is_at(traceback.tb_frame):
            traceback = traceback.tb_next
        if traceback is not None and self._holds(traceback.tb_frame, error=error):
            self._enter(traceback.tb_frame, traceback)

    def _holds(self, frame: FrameType, **more: Any) -> bool:
        try:
            return self._condition.holds({**frame.f_locals, "n": self._number, **more}) and self._may()
        except Exception as error:
            self._fault("breakpoint", error)
            return False
