"""Something happens in the middle of our own lines: at the first, the second, the third ...

`at_line(n, action, files)` runs `action` before the n-th line that is executed in one of `files`;
`at_call(n, action, files)` at the n-th call or return there, which is where CPython looks for signals.
The action may raise: it then looks to our code as if a signal handler had raised at that line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import tracelab

HOUSE = Path(tracelab.__file__).parent

Action = Callable[[], None]


def files_of(*rooms: str) -> frozenset[str]:
    """Our source files: `"session.py"`, or a folder, `"recorder"`."""
    found: set[str] = set()
    for room in rooms:
        path = HOUSE / room
        found.update(str(file) for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return frozenset(found)


class Injection:
    """Runs an action once, at the `number`-th event in some files of the thread that entered it."""

    def __init__(self, number: int, action: Action, files: frozenset[str]) -> None:
        self.number = number
        self.action = action
        self.files = files
        self.where = ""

    @property
    def fired(self) -> bool:
        return bool(self.where)

    def count(self, frame: FrameType, event: str) -> None:
        self.number -= 1
        if self.number == 0:
            sys.settrace(None)
            sys.setprofile(None)
            self.where = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} ({event})"
            self.action()

    def is_ours(self, frame: FrameType | None) -> bool:
        return (
            frame is not None
            and frame.f_globals.get("__file__") in self.files  # the code of wrappers has another name
        )


class at_line(Injection):
    """At a line of our own."""

    def __enter__(self) -> at_line:
        self.before = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: TracebackType | BaseException | None) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not self.is_ours(frame) or self.fired:
            return None
        if event == "line":
            self.count(frame, event)
        return self.trace


class at_call(Injection):
    """At a call or return in a line of our own, also of a built-in function."""

    def __enter__(self) -> at_call:
        self.before = sys.getprofile()
        sys.setprofile(self.profile)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: TracebackType | BaseException | None) -> None:
        sys.setprofile(self.before)

    def profile(self, frame: FrameType, event: str, argument: Any) -> None:
        # A return is checked for signals in the caller, after the frame has gone.
        above = frame.f_back if event == "return" else frame
        if self.is_ours(above) and above is not None and not self.fired:
            self.count(above, event)


def everywhere(
    kind: type[Injection], action: Action, files: frozenset[str], most: int = 2000
) -> Iterator[Injection]:
    """An injection for each event in turn; ends when one was not reached any more."""
    for number in range(1, most):
        injection = kind(number, action, files)
        yield injection
        if not injection.fired:
            assert number > 1, "nothing was reached at all"
            return
    raise AssertionError(f"more than {most} events")
