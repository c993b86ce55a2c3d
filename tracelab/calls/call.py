"""One call of a trace, as a view of one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..events import UNKNOWN, Place, Signature, Site
from ..values import Spec, inert
from .again import facts_of_backward
from .columns import STATUSES, Columns

if TYPE_CHECKING:
    from .chain import Chain
    from .why import Why


@dataclass(frozen=True, slots=True)
class Times:
    """The times of one call over all steps like its own: how many, and seconds in all, at least, at most."""

    count: int
    total: float
    shortest: float
    longest: float


class Forest(Protocol):
    """What a call asks of the trace that it belongs to."""

    @property
    def columns(self) -> Columns:
        """The stored form."""
        ...

    @property
    def meta(self) -> dict[str, Any]:
        """Facts about the recording."""
        ...

    def children_of(self, number: int) -> Sequence[int]:
        """Row numbers of the children of a row."""
        ...

    def step_of(self, call: Call) -> int | None:
        """Index of the step that a call belongs to."""
        ...

    def derived_facts(self, call: Call) -> Mapping[str, Any]:
        """What the calls around it say of a call."""
        ...

    def why(self, call: Call) -> Why:
        """The way to a call."""
        ...


class Call:
    """One invocation of one traced callable, from entry to return or exception."""

    __slots__ = ("_trace", "id")

    def __init__(self, trace: Forest, id: int) -> None:
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
        """module, method, function, loss, backward or optimizer; files of later versions may hold line."""
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
        """Plain numbers and words: what an instrument derived at the moment of the call.

        `compiled`: it has run compiled code, whose calls nobody sees.  `recomputed`: a checkpoint made it
        run a second time, in backward.  A `generate` also has what its loop tells (`mode`, `beams`,
        `return_sequences`, `stopped_by`), a loss what the losses below it tell (`labels`, `ignored`,
        `denominator`, `shifted`).
        """
        columns = self._trace.columns
        found = {**columns.facts.get(self.id, {}), **facts_of_backward(columns, self.id)}
        return {**found, **self._trace.derived_facts(self)}

    def why(self) -> Why:
        """The lines that led here, the MRO that decided what runs, the arguments; printed, one screen."""
        return self._trace.why(self)

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
        """Seconds from entry to exit (of an open call: to the end of the trace); a mean where `times` is."""
        return self._trace.columns.duration[self.id] / 1e9

    @property
    def times(self) -> Times | None:
        """With `times="summary"`: what is known of the times of all calls like this one; else None."""
        found = self._trace.columns.times_of(self.id)
        return None if found is None else Times(found[0], *[nanoseconds / 1e9 for nanoseconds in found[1:]])

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

    def chain(self) -> Chain:
        """The functions between the call above and this one; known where `chain=True` was asked for."""
        from .chain import chain_of  # with the first chain, as all that answers are made of

        return chain_of(self._trace.columns.facts.get(self.id, {}))

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
        It is never guessed as a call of its own; the call below it says here what is missing.
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


def is_below(path: str, above: str) -> bool:
    """Whether the dotted `path` stands strictly inside `above`."""
    return path != above and (above == "" or path.startswith(above + "."))
