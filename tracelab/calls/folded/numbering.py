"""Numbers for the specs, signatures and errors that somebody looked at.

Blocks hold forms and sizes, a reader expects numbers into tables.  A meaning gets its number, and becomes a
spec, when it is first looked at: of a million steps, each with lengths of its own, only those that are read.
A number never changes while the tables live.
"""

from __future__ import annotations

import os
import threading

from ...events import UNKNOWN, Signature
from ...forms import Meaning
from ...values import Spec

_LOCK = threading.RLock()
"""Two threads may look at once.  One lock for all, as tables with locks of their own could not be copied."""


def _renew_lock() -> None:
    """In a child of a fork: the thread that held it there is no more."""
    global _LOCK
    _LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


class Numbering:
    """Tables that grow by looking."""

    def __init__(self) -> None:
        self.specs: list[Spec] = []
        self.signatures: list[Signature] = []
        self.errors: list[str] = []
        self._numbers: dict[Meaning, int] = {}

    def number(self, meaning: Meaning) -> int:
        """The number of a meaning in the table of its kind; UNKNOWN for nothing."""
        found = self._numbers.get(meaning)
        if found is None:
            with _LOCK:
                found = self._numbers.get(meaning)
                if found is None:
                    found = self._numbers[meaning] = self._add(meaning)
        return found

    def _add(self, meaning: Meaning) -> int:
        form, sizes = meaning
        if form.kind == "holed":
            return self.number(form.whole(sizes))
        if form.kind == "nothing":
            return UNKNOWN
        if form.kind == "fact":
            return sizes[0]
        table: list[object]
        if form.kind == "given":
            positional, names = form.details
            numbers = [self.number(part) for part in form.parts(sizes)]
            named = zip(names, numbers[positional:], strict=True)
            self.signatures.append(Signature(tuple(numbers[:positional]), tuple(named)))
            return len(self.signatures) - 1
        table = self.errors if form.kind == "error" else self.specs  # type: ignore[assignment]
        table.append(form.fill(sizes))
        return len(table) - 1
