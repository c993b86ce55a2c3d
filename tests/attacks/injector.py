"""Something happens in the middle of our own lines: at the first, the second, the third, or at each place.

`at_line(n, action, files)` runs `action` before the n-th line that is executed in one of `files`;
`at_call(n, action, files)` at the n-th call or return there, which is where CPython looks for signals.
The action may raise: it then looks to our code as if a signal handler had raised at that line.

A long program runs most lines many times.  `survey` says which places it comes to and how often, and
`only=place` counts the events of one of them.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple

import tracelab

IMPORT = " <importlib._bootstrap>"
"""What the file names of our wrappers end in, so that `warnings` skips them."""

HOUSE = Path(tracelab.__file__).parent

Action = Callable[[], None]


class Place(NamedTuple):
    """A line of ours, and what happens there: `line`, `call`, `return`, `c_call` ..."""

    file: str
    line: int
    event: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line} ({self.event})"


def files_of(*rooms: str) -> frozenset[str]:
    """Our source files: `"session.py"`, or a folder, `"recorder"`."""
    found: set[str] = set()
    for room in rooms:
        path = HOUSE / room
        found.update(str(file) for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return frozenset(found)


class Injection:
    """Runs an action once, at the `number`-th event in some files of the thread that entered it.

    `only`: at the `number`-th event of one place.  `threads`: also in threads that begin in the meantime.
    """

    def __init__(
        self,
        number: int,
        action: Action,
        files: frozenset[str],
        only: Place | None = None,
        threads: bool = False,
    ) -> None:
        self.number = number
        self.action = action
        self.files = files if only is None else frozenset([only.file])
        self.only = only
        self.threads = threads
        self.where = ""
        self.code = ""
        self.seen: Counter[Place] | None = None

    @property
    def fired(self) -> bool:
        return bool(self.where)

    def count(self, frame: FrameType, event: str) -> None:
        place = Place(frame.f_code.co_filename.removesuffix(IMPORT), frame.f_lineno, event)
        if self.seen is not None:
            self.seen[place] += 1
            return
        if self.only is not None and self.only != place:
            return
        self.number -= 1
        if self.number == 0:
            sys.settrace(None)
            sys.setprofile(None)
            self.where, self.code = str(place), frame.f_code.co_name
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
        if self.threads:
            threading.settrace(self.trace)
        sys.settrace(self.trace)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: TracebackType | BaseException | None) -> None:
        sys.settrace(self.before)
        if self.threads:
            threading.settrace(None)  # type: ignore[arg-type]

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


def survey(
    kind: type[Injection],
    files: frozenset[str],
    program: Callable[[Injection], object],
    threads: bool = False,
) -> Counter[Place]:
    """How often `program` comes to each place of ours, in the order of their first time.

    It is given an injection that does nothing, to be entered where others will be.
    """
    watching = kind(0, lambda: None, files, threads=threads)
    watching.seen = Counter()
    program(watching)
    assert watching.seen, "nothing was reached at all"
    return watching.seen
