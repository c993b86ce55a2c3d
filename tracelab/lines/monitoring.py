"""The gate from Python 3.12 on: local events of `sys.monitoring`, which cost nothing in other functions.

Debuggers and coverage have tools of their own and are not disturbed.  Events are asked for by code object,
once and for all its frames in all threads; which frame belongs to a watched call is told apart here.  An
exception that leaves a function has no local event before 3.15: a call that came to no return has failed.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import CodeType
from typing import Any

from ..turns import Turns, in_turn
from .gate import Watcher

_NAME = "tracelab"
_TOOLS = (4, 3)
"""Numbers that no kind of tool is meant to have: debuggers have 0, coverage 1, profilers 2, optimizers 5."""


class Monitoring:
    """One for the process: a tool, while a recording needs it, and the open watches of each thread."""

    def __init__(self) -> None:
        self.turns = Turns()
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._local = threading.local()
        self._tool: int | None = None
        self._all: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._asked: dict[int, CodeType] = {}  # by id: equal codes are different functions

    def open(self, watch: Watcher) -> None:
        """From now on the events of this thread may belong to `watch`."""
        self._local.watches = [*self._watches(), weakref.ref(watch)]
        self._ask(watch)

    def close(self, watch: Watcher) -> str | None:
        """They do no more; whoever took our place in the meantime, by name."""
        self._local.watches = [other for other in self._watches() if other() not in (None, watch)]
        self._all.discard(watch)
        if self._tool is None:
            return "other tools, which have all numbers of sys.monitoring"
        owner = self._monitoring.get_tool(self._tool)
        return None if owner == _NAME else f"the tool {owner!r}"

    @in_turn
    def tidy(self) -> None:
        """A recording is over: take out what no watch needs."""
        tool = self._tool
        if tool is None or len(self._all):
            return
        self._tool, asked, self._asked = None, self._asked, {}
        if self._monitoring.get_tool(tool) != _NAME:
            return
        for code in asked.values():
            self._monitoring.set_local_events(tool, code, 0)
        for event in self._callbacks():
            self._monitoring.register_callback(tool, event, None)
        self._monitoring.free_tool_id(tool)

    @in_turn
    def _ask(self, watch: Watcher) -> None:
        self._all.add(watch)
        if self._tool is None:
            self._tool = self._take_tool()
        if self._tool is not None and id(watch.code) not in self._asked:
            self._monitoring.set_local_events(self._tool, watch.code, sum(self._callbacks()))
            self._asked[id(watch.code)] = watch.code

    def _take_tool(self) -> int | None:
        for tool in _TOOLS:
            if self._monitoring.get_tool(tool) is None:
                self._monitoring.use_tool_id(tool, _NAME)
                for event, callback in self._callbacks().items():
                    self._monitoring.register_callback(tool, event, callback)
                return tool
        return None

    def _callbacks(self) -> dict[int, Callable[..., None]]:
        events = self._monitoring.events
        return {events.PY_START: self._start, events.LINE: self._line, events.PY_RETURN: self._return}

    def _start(self, code: CodeType, _: int) -> None:
        for watch in self._alive():
            if watch.waits and watch.code is code:
                watch.entered(sys._getframe(1))

    def _line(self, _: CodeType, line: int) -> None:
        frame = sys._getframe(1)
        for watch in self._alive():
            if watch.is_at(frame):
                watch.at(frame, line)

    def _return(self, code: CodeType, at: int, value: object) -> None:
        frame = sys._getframe(1)
        for watch in self._alive():
            if watch.is_at(frame):
                watch.left(frame, value)

    def _watches(self) -> list[weakref.ref[Watcher]]:
        return getattr(self._local, "watches", [])

    def _alive(self) -> list[Watcher]:
        return [watch for watch in [reference() for reference in self._watches()] if watch is not None]
