"""The gate of this interpreter: what it has to do, and which of the two ways is open.

A watch is opened before the callee is called and closed after it, on the same thread.  In between the first
frame with its code is its own.  A gate knows its watches by weak references: the frame of the wrapper has the
only other one, so a watch that a Ctrl-C kept from being closed goes with that frame.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType, FrameType
from typing import Protocol


class Watcher(Protocol):
    """Somebody who is told of one call: its function begins, a line is about to run, it ends."""

    code: CodeType

    @property
    def waits(self) -> bool:
        """Whether the function has not begun yet."""
        ...

    def is_at(self, frame: FrameType) -> bool:
        """Whether this is the frame of the call."""
        ...

    def entered(self, frame: FrameType) -> None:
        """The function begins."""
        ...

    def at(self, frame: FrameType, line: int) -> None:
        """A line is about to run."""
        ...

    def raised(self) -> None:
        """An exception is under way."""
        ...

    def left(self, frame: FrameType, value: object) -> None:
        """The function returns `value`, or None with an exception that leaves it."""
        ...


class Gate(Protocol):
    """Lets the events of watched functions in."""

    def open(self, watch: Watcher) -> None:
        """From now on the events of this thread may belong to `watch`."""
        ...

    def close(self, watch: Watcher) -> str | None:
        """They do no more; whoever took our place in the meantime, by name."""
        ...

    def tidy(self) -> None:
        """A recording is over: take out what no watch needs."""
        ...


@functools.cache
def the_gate() -> Gate:
    """One for the process: the interpreter has one slot for tracers, and few for tools."""
    if hasattr(sys, "monitoring"):
        from .monitoring import Monitoring

        return Monitoring()
    from .tracing import Tracing

    return Tracing()
