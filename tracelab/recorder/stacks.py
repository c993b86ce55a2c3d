"""Where the writer of a stack is kept: one for each thread, and one for each greenlet.

How deep a call stands is counted by stack.  A thread has one stack, unless greenlets (gevent, eventlet)
switch between many in the middle of a forward: the calls of one would become parents of another's.  So where
the library is loaded its greenlets are told apart; the first one of each thread is the thread itself.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .known import Writer


class Stacks:
    """What `threading.local()` is, with one `writer` for each greenlet of a thread."""

    def __init__(self, threads: threading.local, current: Callable[[], Any]) -> None:
        self._threads = threads
        self._current = current
        self._writers: dict[int, tuple[weakref.ref[Any], Writer]] = {}

    @property
    def writer(self) -> Writer:
        """The writer of the running stack; AttributeError while it has none."""
        running = self._current()
        if running.parent is None:
            found: Writer = self._threads.writer
            return found
        entry = self._writers.get(id(running))
        if entry is None:
            raise AttributeError("writer")
        return entry[1]

    @writer.setter
    def writer(self, writer: Writer) -> None:
        running = self._current()
        if running.parent is None:
            self._threads.writer = writer
            return
        key = id(running)

        def forget(dead: Any) -> None:
            if key in self._writers and self._writers[key][0] is dead:
                del self._writers[key]

        self._writers[key] = weakref.ref(running, forget), writer


def told_apart(known: Any) -> Any:
    """The same place for writers; once greenlets exist, one that tells them apart."""
    current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    if current is None or type(known) is Stacks:
        return known
    return Stacks(known, current)


def thread_name() -> str:
    """The name of this thread; asking `threading` for an unknown one would enter a dummy for ever."""
    known = {thread.ident: thread.name for thread in threading.enumerate()}
    return known.get(threading.get_ident(), "unknown thread")
