"""Numbers for the specs, signatures and errors that somebody looked at.

Blocks hold forms and sizes, a reader expects numbers into tables.  A meaning gets its number, and becomes a
spec, when it is first looked at: of a million steps, each with lengths of its own, only those that are read.
A number never changes while the tables live.

Two threads may look at once, and a Ctrl-C may come at any line, so there is no lock that could stay behind:
each makes an entry, and the first one to say so gives its number to all.  The other entry is never asked for.
"""

from __future__ import annotations

from typing import Any, TypeVar

from ...events import UNKNOWN, Signature
from ...forms import Meaning
from ...values import Spec

T = TypeVar("T")


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
            found = self._numbers.setdefault(meaning, self._add(meaning))
        return found

    def _add(self, meaning: Meaning) -> int:
        form, sizes = meaning
        if form.kind == "holed":
            return self.number(form.whole(sizes))
        if form.kind == "nothing":
            return UNKNOWN
        if form.kind == "fact":
            return sizes[0]
        if form.kind == "given":
            positional, names = form.details
            numbers = [self.number(part) for part in form.parts(sizes)]
            named = zip(names, numbers[positional:], strict=True)
            return _appended(self.signatures, Signature(tuple(numbers[:positional]), tuple(named)))
        table: list[Any] = self.errors if form.kind == "error" else self.specs
        return _appended(table, form.fill(sizes))


def _appended(table: list[T], entry: T) -> int:
    """Where the entry stands, whoever else appends at the same time."""
    table.append(entry)
    at = len(table) - 1
    while table[at] is not entry:
        at -= 1
    return at
