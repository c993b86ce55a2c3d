"""One thing that happened, in the smallest form that still says everything.

This is the border between the two halves of the house: the recorder appends, `fold` reads, and neither
knows the other.  A recording holds

* **tables** of what is the same for many calls: `Site` (which callable of which object), `Place` (the
  line that made the call), specs, and signatures (which specs came in, under which names);
* one **lane** a thread: a flat list of ints, three for each event, in the order in which they happened.

        code        signature            nanoseconds
        visit id    signature of inputs  clock at entry        an entry: visits[code] = (site, place)
        RETURN      spec of output       clock at exit
        RAISE       error id             clock at exit
        LOST        0                    clock at repair       the innermost open call never reported its end

Entries and exits of a lane nest like brackets, so parents need not be written down.  Flat ints are not
tracked by the garbage collector; one small dict or object for each call would make the collector the
largest cost of a trace.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .values import Spec

RETURN = -1
RAISE = -2
LOST = -3
UNKNOWN = -1
"""Stands for a spec or signature that was not recorded."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every call of one callable of one object has in common.

    `kind`: module, method, function, loss, ...  `owner`: class of `self`.  `defined_in`: class in the
    MRO whose code ran (module name for a plain function).  `root`: label of the real root model, and
    `path`: dotted place in it, `""` for the root itself; both None where there is no model.
    `file`, `line`: the `def` line of the function whose code ran, through all decorators.
    `parameters`: names of the positional parameters without `self`, to bind inputs.
    `container`: path of the nearest enclosing module that has a forward of its own: the one that
    should be on the stack when this module is called.  `aliases`: further paths of a shared module.
    """

    kind: str
    owner: str
    defined_in: str
    function: str
    root: str | None = None
    path: str | None = None
    file: str | None = None
    line: int | None = None
    parameters: tuple[str, ...] = ()
    varargs: str | None = None
    container: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`Owner.function`, the form that patterns match."""
        return f"{self.owner}.{self.function}" if self.owner else self.function


class Place(NamedTuple):
    """The line that made a call."""

    file: str
    line: int


class Visit(NamedTuple):
    """A site entered from a place: ids into the two tables."""

    site: int
    place: int


class Signature(NamedTuple):
    """How a call was made: spec ids of the positional arguments, then (name, spec id) of the keywords."""

    positional: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Lane:
    """The events of one thread."""

    thread: str
    rows: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Recording:
    """Everything that one session has seen, ready to be folded.

    `facts` maps (lane number, number of the entry in that lane) to what an instrument derived there.
    `seen` counts all calls, `dropped` those over the limit; `faults` counts our own errors by place.
    """

    sites: list[Site] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    facts: dict[tuple[int, int], dict[str, object]] = field(default_factory=dict)
    dropped: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    started: int = 0
    meta: dict[str, object] = field(default_factory=dict)
