"""What a reader sees: `Trace`, a forest of `Call`s.

A trace may hold a million calls, so it is stored as columns (one compact array for each attribute) over
tables of what many calls share.  A `Call` is a view of one row: made when it is asked for, equal to any
other view of the same row.  Nothing here needs torch: a trace is read where torch is not installed.

The verbs of a trace (`find`, `steps`, `print`, `save`, ...) are methods here because that is where a
reader looks for them; the work is done by the rooms above.  `ANSWERS` is their table of contents.  It
holds strings, like a patch point does, so that imports keep pointing down and `import tracelab` stays
light: the room is loaded when its verb is first used.
"""

from __future__ import annotations

import importlib
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from .events import UNKNOWN, Place, Signature, Site
from .values import Dim, Spec

ANSWERS = {
    "find": "tracelab.query:find",
    "count": "tracelab.query:count",
    "steps": "tracelab.analyses.steps:steps",
    "step_of": "tracelab.analyses.steps:step_of",
    "step_indices": "tracelab.analyses.steps:step_indices",
    "save": "tracelab.exporters:save",
    "text": "tracelab.renderers.tree:text",
    "print": "tracelab.renderers.tree:show",
    "rich": "tracelab.renderers.tree:renderable",
    "html": "tracelab.renderers.tree:html",
}

STATUSES = ("ok", "error", "open")
OK, ERROR, OPEN = range(3)


@dataclass(slots=True)
class Columns:
    """The stored form of a trace: tables of shared things, and one array for each attribute of a call.

    `start` is in nanoseconds since the trace began, `duration` in nanoseconds (of an open call: until
    the trace ended).  `parent`, `inputs`, `output` and `error` hold `UNKNOWN` (-1) where there is none.
    Rows are in start order, so a parent's row comes before its children's.
    """

    sites: list[Site] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    site: array[int] = field(default_factory=lambda: array("i"))
    place: array[int] = field(default_factory=lambda: array("i"))
    inputs: array[int] = field(default_factory=lambda: array("i"))
    output: array[int] = field(default_factory=lambda: array("i"))
    parent: array[int] = field(default_factory=lambda: array("i"))
    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    status: array[int] = field(default_factory=lambda: array("b"))
    error: array[int] = field(default_factory=lambda: array("i"))
    thread: array[int] = field(default_factory=lambda: array("i"))
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    dropped: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.site)


class Call:
    """One invocation of one traced callable, from entry to return or exception: the node of the tree."""

    __slots__ = ("_trace", "id")

    def __init__(self, trace: Trace, id: int) -> None:
        self._trace = trace
        self.id = id

    # --- which callable -------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """What this call shares with every other call of the same callable of the same object."""
        columns = self._trace.columns
        return columns.sites[columns.site[self.id]]

    @property
    def kind(self) -> str:
        """module, method, function, loss, backward, optimizer or line."""
        return self.site.kind

    @property
    def name(self) -> str:
        """`Owner.function`: `WhisperForConditionalGeneration.forward`."""
        return self.site.name

    @property
    def owner(self) -> str:
        """Class of `self`."""
        return self.site.owner

    @property
    def defined_in(self) -> str:
        """Class in the MRO of the owner whose code ran."""
        return self.site.defined_in

    @property
    def function(self) -> str:
        """Name of the function alone: `forward`."""
        return self.site.function

    @property
    def root(self) -> str | None:
        """Label of the real root model: its class name, with `#2` for a second one."""
        return self.site.root

    @property
    def path(self) -> str | None:
        """Dotted place in the real root model, `""` for the root itself, None where there is none."""
        return self.site.path

    @property
    def file(self) -> str | None:
        """Source file of the function whose code ran, None where there is no source."""
        return self.site.file

    @property
    def line(self) -> int | None:
        """Line of the `def` of the function whose code ran."""
        return self.site.line

    @property
    def call_site(self) -> Place | None:
        """File and line of the caller."""
        columns = self._trace.columns
        place = columns.place[self.id]
        return None if place == UNKNOWN else columns.places[place]

    # --- what went in and out -------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, Spec]:
        """Specs of the arguments as they were at entry, by parameter name, in the order they were given."""
        columns = self._trace.columns
        number = columns.inputs[self.id]
        if number == UNKNOWN:
            return {}
        return bind(self.site, columns.signatures[number], columns.specs)

    @property
    def output(self) -> Spec | None:
        """Spec of the value as the caller received it; None for a call that did not return."""
        columns = self._trace.columns
        number = columns.output[self.id]
        return None if number == UNKNOWN else columns.specs[number]

    @property
    def facts(self) -> dict[str, Any]:
        """What an instrument derived at the moment of the call, as plain numbers and words."""
        return self._trace.columns.facts.get(self.id, {})

    # --- how it went ----------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """ok, error, or open (it had not returned when the trace ended)."""
        return STATUSES[self._trace.columns.status[self.id]]

    @property
    def error(self) -> str | None:
        """Type of the exception that left the call; with its message only where values are kept."""
        columns = self._trace.columns
        number = columns.error[self.id]
        return None if number == UNKNOWN else columns.errors[number]

    @property
    def start(self) -> float:
        """Seconds from the beginning of the trace to the entry."""
        return self._trace.columns.start[self.id] / 1e9

    @property
    def duration(self) -> float:
        """Seconds from entry to exit; of an open call: to the end of the trace."""
        return self._trace.columns.duration[self.id] / 1e9

    @property
    def thread(self) -> str:
        """Name of the thread that ran it."""
        columns = self._trace.columns
        return columns.threads[columns.thread[self.id]]

    @property
    def rank(self) -> int | None:
        """Rank of the process in a distributed run, None in a single process."""
        rank = self._trace.meta.get("rank")
        return rank if isinstance(rank, int) else None

    @property
    def step(self) -> int | None:
        """Index of the generation step that this call belongs to, None outside a decoding loop."""
        return self._trace.step_of(self)

    # --- where it stands in the tree ------------------------------------------------------------

    @property
    def parent(self) -> Call | None:
        """The traced call that was running in the same thread when this one began."""
        number = self._trace.columns.parent[self.id]
        return None if number == UNKNOWN else Call(self._trace, number)

    @property
    def children(self) -> list[Call]:
        """The traced calls made directly from this one, in start order."""
        return [Call(self._trace, number) for number in self._trace.children_of(self.id)]

    @property
    def ancestors(self) -> list[Call]:
        """The calls above this one, nearest first."""
        return list(self._above())

    def walk(self) -> Iterator[Call]:
        """This call and all calls below it, in start order."""
        waiting = [self.id]
        while waiting:
            number = waiting.pop()
            yield Call(self._trace, number)
            waiting.extend(reversed(self._trace.children_of(number)))

    @property
    def gap(self) -> str | None:
        """Path of the module that should be on the stack above this one but is not.

        A module whose `forward` was called directly, without `__call__`, leaves no trace of its own.
        It is never guessed as a node; the call below it says here what is missing.
        """
        site = self.site
        if not site.container:
            return None
        above = next(
            (call for call in self._above() if call.kind == "module" and call.root == site.root), None
        )
        if above is None or above.path is None or not is_below(site.container, above.path):
            return None
        return site.container

    def _above(self) -> Iterator[Call]:
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Call) and other._trace is self._trace and other.id == self.id

    def __hash__(self) -> int:
        return hash((id(self._trace), self.id))

    def __repr__(self) -> str:
        where = "" if not self.path else f" {inert(self.path)}"
        return f"<Call {self.id} {inert(self.name)}{where} {self.status}>"


class Calls(Sequence[Call]):
    """All calls of a trace in start order; each is made when it is asked for."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __len__(self) -> int:
        return len(self._trace.columns)

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...

    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        rows = range(len(self))
        if isinstance(index, slice):
            return [Call(self._trace, number) for number in rows[index]]
        return Call(self._trace, rows[index])

    def __iter__(self) -> Iterator[Call]:
        return (Call(self._trace, number) for number in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of an outer loop: a prefill or decode step of `generate`.

    `input`, `mask`, `logits` are shapes; `cache_before` and `cache_after` the tokens held by the
    self-attention cache at entry and at exit; `cross_length` the positions of the cross-attention
    cache.  None means that there was no such thing in this step.  `loop` is the decoding loop that the
    step belongs to, `call` the model call of the step, `duration` the seconds that this call took.
    """

    index: int
    phase: str
    call: Call
    loop: Call
    input: tuple[Dim, ...] | None = None
    mask: tuple[Dim, ...] | None = None
    cache_before: int | None = None
    cache_after: int | None = None
    cross_length: int | None = None
    logits: tuple[Dim, ...] | None = None
    tokens: tuple[int, ...] | None = None
    duration: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


class Trace:
    """One recorded run.  Made by `tracelab.trace()`, `tracelab.load()` or `fold`; see DESIGN words."""

    def __init__(self, columns: Columns | None = None, pull: Callable[[], Columns] | None = None) -> None:
        """`pull`: gives the columns recorded so far, for a trace that is still running."""
        self._columns = Columns() if columns is None else columns
        self._pull = pull
        self._over = False
        self._memo: dict[str, Any] = {}

    def finish(self) -> None:
        """The recording is over.  It is folded when it is first read, so that the host need not wait."""
        self._over = True

    @property
    def columns(self) -> Columns:
        """The stored form; while the trace is running, as far as it has come."""
        if self._pull is not None:
            columns = self._pull()
            if columns is not self._columns:
                self._columns = columns
                self._memo.clear()
            if self._over:
                self._pull = None
        return self._columns

    def memo(self, key: str, make: Callable[[], Any]) -> Any:
        """What `make` derives from the columns, kept until they change."""
        columns = self.columns
        if key not in self._memo or columns is not self._columns:
            self._memo[key] = make()
        return self._memo[key]

    # --- structure ------------------------------------------------------------------------------

    @property
    def calls(self) -> Calls:
        """Every call in start order."""
        return Calls(self)

    @property
    def roots(self) -> list[Call]:
        """The calls that no other traced call made, in start order."""
        return [Call(self, number) for number in self.children_of(UNKNOWN)]

    def children_of(self, number: int) -> Sequence[int]:
        """Row numbers of the children of a row, in start order; of `UNKNOWN`: of the roots."""
        index: list[list[int]] = self.memo("children", lambda: _child_index(self.columns.parent))
        return index[number]

    # --- what is known about the recording ------------------------------------------------------

    @property
    def meta(self) -> dict[str, Any]:
        """Facts about the recording: versions, options, what was not armed."""
        return self.columns.meta

    @property
    def recorded(self) -> int:
        """Number of calls that were kept."""
        return len(self.columns)

    @property
    def dropped(self) -> int:
        """Number of calls that were seen but not kept (`limit`, `depth`)."""
        return self.columns.dropped

    @property
    def internal_errors(self) -> int:
        """Number of faults of tracelab itself; `meta["internal_errors"]` has them by place."""
        return sum(self.columns.faults.values())

    @property
    def complete(self) -> bool:
        """Every call that was seen is here, with its end."""
        columns = self.columns
        return not columns.dropped and not columns.faults and OPEN not in columns.status

    # --- verbs: the work is done by the rooms above ---------------------------------------------

    def find(
        self,
        pattern: str = "*",
        *,
        path: str | None = None,
        owner: str | None = None,
        kind: str | None = None,
        step: int | None = None,
        status: str | None = None,
    ) -> list[Call]:
        """The calls that match `Owner.function` (with `*` globs) and all other conditions, in start order."""
        return self._ask("find", pattern, path=path, owner=owner, kind=kind, step=step, status=status)  # type: ignore[no-any-return]

    def count(self, pattern: str = "*") -> int:
        """How many calls match `pattern`."""
        return self._ask("count", pattern)  # type: ignore[no-any-return]

    def steps(self) -> list[Step]:
        """The prefill and decode steps of every decoding loop, in start order."""
        return self._ask("steps")  # type: ignore[no-any-return]

    def step_of(self, call: Call) -> int | None:
        """Index of the step that `call` belongs to."""
        return self._ask("step_of", call)  # type: ignore[no-any-return]

    def step_indices(self) -> array[int]:
        """The same for every call at once, by row; -1 for none."""
        return self._ask("step_indices")  # type: ignore[no-any-return]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trace to `path` as `.json` or `.json.gz`; `tracelab.load(path)` reads it back."""
        self._ask("save", path)

    def print(self, depth: int | None = None, fold: bool = True, width: int | None = None) -> None:
        """Show the folded call tree on the terminal."""
        self._ask("print", depth=depth, fold=fold, width=width)

    def __str__(self) -> str:
        return self._ask("text")  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Trace of {self.recorded} calls{'' if self.complete else ', incomplete'}>"

    def __rich__(self) -> Any:
        return self._ask("rich")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the folded tree, as text and as a page of its own."""
        return {"text/plain": str(self), "text/html": self._ask("html")}

    def _ask(self, verb: str, *args: Any, **options: Any) -> Any:
        room, _, function = ANSWERS[verb].partition(":")
        return getattr(importlib.import_module(room), function)(self, *args, **options)


def bind(site: Site, signature: Signature, specs: Sequence[Spec]) -> dict[str, Spec]:
    """The specs of a signature by the parameter names of the function that ran.

    Positional arguments beyond the named ones belong to `*args` and are written `args[0]`, `args[1]`.
    """
    bound: dict[str, Spec] = {}
    names = site.parameters
    for position, number in enumerate(signature.positional):
        if position < len(names):
            name = names[position]
        else:
            name = f"{site.varargs or 'args'}[{position - len(names)}]"
        bound[name] = specs[number]
    for name, number in signature.keywords:
        # A positional-only parameter leaves its name free for `**kwargs`.
        bound[f"**{name}" if name in bound else name] = specs[number]
    return bound


def inert(name: str) -> str:
    """`name` with every character that could act on a terminal written as its code point."""
    return name if name.isprintable() else repr(name)[1:-1]


def is_below(path: str, above: str) -> bool:
    """Whether the dotted `path` stands strictly inside `above`."""
    return path != above and (above == "" or path.startswith(above + "."))


def _child_index(parent: array[int]) -> list[list[int]]:
    """For each row its children in order; the last entry, index -1, holds the roots."""
    index: list[list[int]] = [[] for _ in range(len(parent) + 1)]
    for number, above in enumerate(parent):
        index[above].append(number)
    return index
