"""One thing that happened, in the smallest form that still says everything.

This is the border between the two halves of the house: the recorder appends, `fold` reads, and neither
knows the other.  A recording holds

* **tables** of what is the same for many calls: `Site` (which callable of which object), `Place` (the
  line that made the call), specs, and signatures (which specs came in, under which names);
* one **lane** a thread: a flat list of ints, three for each event, in the order in which they happened.

        code            value                clock
        visit id        signature of inputs  nanoseconds       an entry: visits[code] = (site, place, depth)
        returned(d)     spec of output       nanoseconds       the call at depth d returned
        raised(d)       error id             nanoseconds       an exception left the call at depth d
        FACT            fact id              depth             an instrument says something of that call

Each row says its own depth, so the parent of a call is the latest call one level up.  Whatever row an
interrupt may have swallowed, the rows that follow it still say where they belong.  Flat ints are not
tracked by the garbage collector; one small dict or object for each call would make the collector the
largest cost of a trace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from .values import Spec

FACT = -1
"""The code of a row that says something of an open call."""

BASE = -(1 << 40)
"""The code of a row that may stand first in a lane: its third int says how many events came before."""

KINDS = ("module", "method", "function", "loss", "backward", "optimizer", "line")
"""What a call can be a call of."""

BACKWARD = "backward"
"""What autograd does when it makes a checkpointed module run again."""

FORKED = "forked"
"""Stands in the meta of what a child of a fork has of a recording: it ends where the child begins."""

SWITCHED_OFF = "switched_off"
"""Stands in the meta of a recording that was given up before its end, because of many faults of our own."""

LINES_LOST = "lines_lost"
"""Stands in the meta: how often somebody else took the place of the tracer that sees lines, by name."""

UNFOLLOWED = "unfollowed"
"""Stands in the meta: how many tensors got no number, because too many had one already."""

UNKNOWN = -1
"""Stands for an id that was not recorded or does not exist."""


def returned(depth: int) -> int:
    """The code of a return at `depth`: -2, -4, -6, ..."""
    return -2 - 2 * depth


def raised(depth: int) -> int:
    """The code of an exception that left the call at `depth`: -3, -5, -7, ..."""
    return -3 - 2 * depth


@dataclass(frozen=True, slots=True)
class Site:
    """What every call of one callable of one object has in common.

    `kind`: module, method, function, loss, ...  `owner`: class of `self`.  `defined_in`: class in the
    MRO whose code ran (module name for a plain function).  `root`: label of the real root model, and
    `path`: dotted place in it, `""` for the root itself; both None where there is no model.
    `file`, `line`: the `def` line of the function whose code ran, through all decorators.
    `parameters`: names of the positional parameters without `self`, to bind inputs; `varargs`: the name
    of the `*` parameter.
    `container`: path of the nearest enclosing module that has a forward of its own: the one that
    should be on the stack when this module is called.  `aliases`: further paths of a shared module.
    `during`: `BACKWARD` where autograd was running backward when the call was made.
    `lineage`: number of the `Lineage` that says how a call gets there; two classes may share name and lines.
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
    during: str | None = None
    lineage: int | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """`Owner.function`, the form that patterns match."""
        return f"{self.owner}.{self.function}" if self.owner else self.function


class Level(NamedTuple):
    """One class of an MRO; where it has the function itself, the line of the `def` if that is Python."""

    name: str
    module: str
    has_it: bool = False
    file: str | None = None
    line: int | None = None


class Layer(NamedTuple):
    """A function that hands the call on: its `def` line, and the lines of it that call the next one."""

    function: str
    file: str | None
    line: int | None
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Why a call of a site runs the function that it runs: what only the live classes know.

    `classes`: the MRO of the owner, without `object`; `ran`: which of them gave the function, None where none
    did: a plain function, or one that hangs on the object itself (`own`).
    `layers`: what stands between the caller's line and that function, outermost first: for a module torch's
    `Module.__call__`, then decorators.
    `keywords`: the parameters that are given by name only; `kwargs`: the one that takes all other names.
    """

    classes: tuple[Level, ...] = ()
    ran: int | None = None
    own: bool = False
    layers: tuple[Layer, ...] = ()
    keywords: tuple[str, ...] = ()
    kwargs: str | None = None


class Place(NamedTuple):
    """The line that made a call."""

    file: str
    line: int


class Visit(NamedTuple):
    """A site entered from a place: ids into the two tables, and how many recorded calls were open above."""

    site: int
    place: int
    depth: int


Visits = Union[Sequence[Visit], Mapping[int, Visit]]
"""The table of visits, whole or while it grows."""


class Signature(NamedTuple):
    """How a call was made: spec ids of the positional arguments, then (name, spec id) of the keywords."""

    positional: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Lane:
    """The events of one thread: those that were packed, and the rows that go on from there.

    Packed rows are taken out after their block was added.  An interrupt, a signal handler or another thread
    that reads may come in between, so the first row says where the rows begin (`BASE`), and what is in the
    blocks already is left out: see `rest`.
    """

    thread: str
    rows: list[int] = field(default_factory=list)
    blocks: list[Any] = field(default_factory=list)
    """`packing.Block`s."""
    packer: Any = None
    """The `packing.Packer` that made the blocks, where there are any."""
    is_packing: bool = False
    """A signal handler may call so many modules in the middle of `pack` that it would begin anew."""

    def rest(self) -> tuple[int, int]:
        """How many events are in the blocks, and where in `rows` the next one stands."""
        packed = sum([block.events for block in self.blocks])
        base, begins = (3, self.rows[2]) if self.rows and self.rows[0] == BASE else (0, 0)
        return packed, base + 3 * (packed - begins)

    def pack(self, everything: bool = False) -> None:
        """Pack what can be packed by now, or all there is; in the thread that writes the lane."""
        if self.is_packing:
            return
        try:
            self.is_packing = True
            packed, at = self.rest()
            block, ints = self.packer.pack(self.rows[at:], everything)
            self.blocks.append(block)
            self.rows[: at + ints] = (BASE, 0, packed + block.events)
        finally:
            self.is_packing = False

    def copy(self) -> Lane:
        """The lane as it is now; rows first, so that no event is missed while its thread goes on."""
        found = Lane(self.thread, list(self.rows), list(self.blocks), self.packer)
        del found.rows[: found.rest()[1]]
        return found


@dataclass(slots=True)
class Recording:
    """Everything that one session has seen, ready to be folded.

    `dropped` counts the calls that were seen but not kept; `faults` our own errors by place; `started`
    is the clock reading that all times are counted from; `sources` has the digests of the files named here.
    """

    sites: list[Site] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    dropped: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    started: int = 0
    meta: dict[str, Any] = field(default_factory=dict)
    lineages: list[Lineage] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
