"""Where a tensor went: hop after hop through lines and calls, and where it forked."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from ..values import Spec
from .call import Call

CALL, INTO, LINE, RETURN, KEPT = "call", "into", "line", "return", "kept"

SAME, MADE = "same object", "made from"

DRAWN_BY = "tracelab.renderers.path"
"""A string, as in `ANSWERS`: imports keep pointing down."""


@dataclass(frozen=True, slots=True)
class PathHop:
    """One stop of a tensor, or of what was made from it.

    `what`: `call` (it went in, and this came out), `into` (into a call whose lines are known), `line` (a
    statement bound it), `return` (the function gave it to its caller), `kept` (a statement put it away).
    `how`: `same object` is known by identity, `made from` is read from the line.  `words`: what it is called
    in the short line, for a line the operations in it.  `call`: the call that is meant, or whose line it is.
    `parameter`: under which it went in; `name`: that was bound.  `file`, `line`, `text`: the line.
    """

    number: int
    what: str
    how: str
    words: tuple[str, ...]
    call: Call
    parameter: str = ""
    name: str = ""
    file: str | None = None
    line: int | None = None
    text: str = ""
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Another way from hop `after` (0: the start); `joins`: the hop whose tensor it comes to in the end."""

    after: int
    hops: tuple[PathHop, ...]
    joins: int | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """Where a tensor went.  Printed, one screen.

    `start`: what it is called, `call`: which gave it, or whose name it was.  `hops`: the main path, to what
    the function gives back; `branches`: the others.  `ended`: why it goes no further.  `notes`: what could
    not be read.  `cut`: so many branches are not told.
    """

    start: str
    call: Call
    spec: Spec | None
    hops: tuple[PathHop, ...]
    branches: tuple[Branch, ...] = ()
    ended: str = ""
    notes: tuple[str, ...] = ()
    cut: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """The short line, word by word: `q_proj`, `view`, `transpose`, ..."""
        return (self.start, *[word for hop in self.hops for word in hop.words])

    @property
    def short(self) -> str:
        """`q_proj → view → transpose → attention_interface → reshape → out_proj`."""
        return " → ".join(self.words)

    def __str__(self) -> str:
        drawn: str = _room().text(self)
        return drawn

    def __rich__(self) -> Any:
        return _room().renderable(self)


def _room() -> Any:
    return importlib.import_module(DRAWN_BY)
