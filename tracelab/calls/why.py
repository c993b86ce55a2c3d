"""Why a call was made, and why it ran the function that it ran."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from ..events import Level
from ..values import Spec
from .call import Call

CALLER, WAY, RAN = "caller", "way", "ran"

DRAWN_BY = "tracelab.renderers.why"
"""A string, as in `ANSWERS`: imports keep pointing down."""


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of a source file; `text` is None where the file is not the one that was traced.

    `binds`: it does not call, it binds the name that a later line calls.
    """

    number: int
    text: str | None = None
    binds: bool = False


@dataclass(frozen=True, slots=True)
class Hop:
    """One function on the way to the code that ran, and the lines of it that call the next.

    `kind`: `caller`, `way` (torch's own way to `forward`, decorators), `ran`, of which the line is its `def`.
    `line`: of the `def`, None where that is not known.  Of several lines that call, one did.
    `problem`: why there is no text.
    """

    kind: str
    function: str | None
    file: str | None
    line: int | None
    lines: tuple[CodeLine, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """An argument that passed by: `how` is `positional`, `keyword`, or the parameter that swallowed it."""

    name: str
    spec: Spec
    how: str


@dataclass(frozen=True, slots=True)
class Why:
    """The way of a call, from the line that made it to the function that ran.

    `hops`: outermost first.  `classes`: the MRO of the owner, `ran`: which of them gave the function, None
    for a plain function and for one that hangs on the object itself (`own`).  `notes`: what is uncertain.
    Printed, one screen.
    """

    call: Call
    hops: tuple[Hop, ...]
    classes: tuple[Level, ...] = ()
    ran: int | None = None
    own: bool = False
    arguments: tuple[Given, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        drawn: str = importlib.import_module(DRAWN_BY).text(self)
        return drawn

    def is_what_ran(self, level: Level) -> bool:
        """Whether the function that ran is the one that a class has; a registry may know another one."""
        site = self.call.site
        return level.has_it and (level.file, level.line) == (site.file, site.line)

    @property
    def overriding(self) -> tuple[Level, ...]:
        """Classes that have the function too and come before the one that ran."""
        return tuple([level for level in self.classes[: self.ran] if level.has_it]) if self.ran else ()
