"""The gate of Python 3.11: `sys.settrace`, for as long as a watched call runs on this thread.

There is one slot, and it may be taken: by a debugger, by coverage.  Whoever was there is called first with
every event and is put back in the end.  Three things are easily got wrong:

* coverage's tracer takes the slot again each time it is called, so ours is put back after each call of it;
* a debugger that is told to `continue` empties the slot, and is not to be called any more;
* an exception from a tracer, such as a Ctrl-C, empties the slot, too: what was there before comes back
  when the watched call ends.
"""

from __future__ import annotations

import sys
import threading
import weakref
from types import FrameType
from typing import Any

from .gate import Watcher


class Tracing:
    """One for the process; each thread has its own slot and its own open watches."""

    def __init__(self) -> None:
        self._local = threading.local()

    def open(self, watch: Watcher) -> None:
        """From now on the events of this thread may belong to `watch`."""
        slot: Slot | None = getattr(self._local, "slot", None)
        if slot is None:
            slot = self._local.slot = Slot()
        slot.watches.append(weakref.ref(watch, slot.lost))
        slot.look()
        if sys.gettrace() is not slot.ours:
            slot.take()

    def close(self, watch: Watcher) -> str | None:
        """They do no more; whoever took our place in the meantime, by name."""
        slot: Slot = self._local.slot
        others = [other for other in slot.watches if other() not in (None, watch)]
        # First of all: what we call here is seen by our tracer, which leaves when it has nobody to watch.
        instead = None if others else slot.leave()
        slot.watches = others
        slot.look()
        return instead

    def tidy(self) -> None:
        """A recording is over: take out what no watch needs; other threads do so at their next call."""
        slot: Slot | None = getattr(self._local, "slot", None)
        if slot is not None and sys.gettrace() is slot.ours and not slot.alive():
            slot.leave()


class Slot:
    """The place of the tracer in one thread, and who was there before us."""

    def __init__(self) -> None:
        self.watches: list[weakref.ref[Watcher]] = []
        self._awaited: set[int] = set()
        self.ours = self._event
        self._before: Any = None
        self._was_cut_off = False

    def lost(self, _: object) -> None:
        """A watch has gone, which nobody closed."""
        self.look()

    def alive(self) -> list[Watcher]:
        """The watches that are open."""
        return [watch for watch in [reference() for reference in self.watches] if watch is not None]

    def look(self) -> None:
        """Note which codes are waited for; -1 stands for none, and none at all for a slot without watches."""
        alive = self.alive()
        self._awaited = {id(watch.code) for watch in alive if watch.waits} or ({-1} if alive else set())

    def take(self) -> None:
        """Put our tracer in."""
        self._before, self._was_cut_off = sys.gettrace(), False
        sys.settrace(self.ours)

    def leave(self) -> str | None:
        """Put back who was there before; says who is there in our place, if that is so."""
        now, before, self._before = sys.gettrace(), self._before, None
        if now is self.ours or (now is None and self._was_cut_off):
            sys.settrace(before)
            return None
        return "sys.settrace(None)" if now is None else _name(now)

    def _event(self, frame: FrameType, event: str, argument: Any) -> Any:
        """A function is called: watch it, or leave it to whoever was there before."""
        try:
            theirs = None if self._before is None else self.pass_on(self._before, frame, event, argument)
            if id(frame.f_code) not in self._awaited:  # as nearly always
                if not self._awaited:
                    self.leave()
                return theirs
            watches = [watch for watch in self.alive() if watch.waits and frame.f_code is watch.code]
            for watch in watches:
                watch.entered(frame)
            self.look()
            if sys.gettrace() is not self.ours:
                return frame.f_trace  # a debugger was entered, and has the frame now
            return Local(self, watches, theirs) if watches else theirs
        except BaseException:
            self.cut_off()
            raise

    def pass_on(self, tracer: Any, frame: FrameType, event: str, argument: Any) -> Any:
        """What another tracer says to an event."""
        found = tracer(frame, event, argument)
        now = sys.gettrace()
        if now is not self.ours:
            self._before = now
            sys.settrace(self.ours)
        return found

    def cut_off(self) -> None:
        """A Ctrl-C comes out of a tracer of ours, whereupon the interpreter empties the slot."""
        self._was_cut_off = True


class Local:
    """The tracer of one watched frame."""

    __slots__ = ("_slot", "_theirs", "_watches")

    def __init__(self, slot: Slot, watches: list[Watcher], theirs: Any) -> None:
        self._slot = slot
        self._watches = watches
        self._theirs = theirs

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        try:
            if event == "line":
                for watch in self._watches:
                    watch.at(frame, frame.f_lineno)
            elif event == "exception":
                for watch in self._watches:
                    watch.raised()
            elif event == "return":
                for watch in self._watches:
                    watch.left(frame, argument)
            if self._theirs is not None:
                self._theirs = self._slot.pass_on(self._theirs, frame, event, argument)
            return self
        except BaseException:
            self._slot.cut_off()
            raise


def _name(tracer: object) -> str:
    """Which tracer stands there: `pdb.Pdb`, `coverage.tracer.CTracer`, `module.function`."""
    owner = getattr(tracer, "__self__", tracer)
    kind = type(owner)
    if kind.__module__ == "builtins":
        return f"{getattr(tracer, '__module__', '?')}.{getattr(tracer, '__qualname__', '?')}"
    return f"{kind.__module__}.{kind.__qualname__}"
