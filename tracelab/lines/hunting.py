"""A hunter predicate in place of a pattern: which lines are kept is asked event by event.

`hunter.Q(...)` and whatever else hunter calls with an event works on the frames of recorded calls, with its
actions and printers.  hunter's own tracer takes no part: it would turn each line of the whole program into an
event, and it loses a Ctrl-C that comes in an action.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from .identities import Places
from .watch import Raw, Watch

Predicate = Callable[[Any], Any]

_NUMBERS = {"call": 0, "exception": 1, "line": 2, "return": 3}


class Hunt(Watch):
    """A call of which those lines are kept for which the predicate holds."""

    __slots__ = ("_found", "_predicate")

    def __init__(
        self,
        code: CodeType,
        see: Callable[[Any], int],
        fault: Callable[[str, Exception], None],
        predicate: Predicate,
        places: Callable[[str, Any], Places] | None = None,
    ) -> None:
        super().__init__(code, see, fault, places)
        self._predicate = predicate
        self._found = False

    def entered(self, frame: FrameType) -> None:
        """The function begins."""
        super().entered(frame)
        self._asks(frame, "call", None)

    def at(self, frame: FrameType, line: int) -> None:
        """A line is about to run."""
        before = self._cut
        super().at(frame, line)
        if not self._asks(frame, "line", None) and self._cut == before:
            self._bound = 0, ()
            self._cut += 1

    def left(self, frame: FrameType, value: object) -> None:
        """The function returns."""
        super().left(frame, value)
        self._asks(frame, "return", value)

    def raw(self, failed: bool) -> Raw | None:
        """What was seen; None if the predicate never held."""
        return super().raw(failed) if self._found else None

    def _asks(self, frame: FrameType, kind: str, value: object) -> bool:
        try:
            holds = bool(self._predicate(_event(frame, kind, value)))
        except Exception as error:
            self._fault("hunter predicate", error)
            return False
        self._found = self._found or holds
        return holds


@functools.cache
def _makes_events() -> tuple[Any, bool]:
    import hunter

    return hunter.Event, hunter.Event.__module__ == "hunter._event"


def _event(frame: FrameType, kind: str, value: object) -> Any:
    """hunter's event; the compiled one has numbers for kinds, the one in Python their names."""
    make, numbered = _makes_events()
    return make(frame, _NUMBERS[kind] if numbered else kind, value, 0, 0, False)
