"""One thread at a time, without a lock that stays behind.

A Ctrl-C can come between the last line of a `with lock:` and the release of the lock.  The thread that got it
goes on and may enter again; every other thread that wants to trace or to read would wait for good.  So what
is done in turn is a function: whatever cut it off, on its way out its caller sees whether the lock is still
held, and lets it go.
"""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

Result = TypeVar("Result")
Given = ParamSpec("Given")


class Turns:
    """The right to do something that only one thread may do at a time; that thread may take it again."""

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()
        _all.add(self)

    def take(self, act: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        """Call `act` as soon as no other thread is at it."""
        lock = self._lock
        again = lock._is_owned()  # what `threading.Condition` asks of a lock, too
        try:
            with lock:
                return act(*args, **kwargs)
        except BaseException:
            while lock._is_owned() and not again:
                lock.release()
            raise

    def renew(self) -> None:
        """In a child of a fork: the thread whose turn it was is not there."""
        self._lock = threading.RLock()


class Taking(Protocol):
    """Something whose methods are called in turn."""

    @property
    def turns(self) -> Turns: ...


It = TypeVar("It", bound=Taking)


def in_turn(method: Callable[Concatenate[It, Given], Result]) -> Callable[Concatenate[It, Given], Result]:
    """A method that only one thread is in at a time, of all that share the `turns` of its object."""

    @functools.wraps(method)
    def waiting(self: It, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        return self.turns.take(method, self, *args, **kwargs)

    return waiting


_all: weakref.WeakSet[Turns] = weakref.WeakSet()


def _renew_all() -> None:
    for turns in list(_all):
        turns.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
