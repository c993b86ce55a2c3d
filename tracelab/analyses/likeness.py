"""What a call is by itself, without its place and what it made: as a number, equal for equal calls.

There are two ways to be equal.  `loose`: tensors of the same rank and dtype, so that a decode step with a
longer mask equals the one before.  `exact`: all sizes equal too.  In both, a cache counts as its type only
(layer 1 sees what layer 0 has added to it), and so does a number or a text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from ..calls import Columns
from ..events import UNKNOWN, Site
from ..values import CacheSpec, ContainerSpec, Spec, TensorSpec
from .reached import Reached, Way

Reading = Callable[[Spec], Hashable]


def kind_of(site: Site) -> Hashable:
    """What must be the same in two equal calls, whatever they were given."""
    return site.kind, site.owner, site.defined_in, site.function, site.root, site.during


class Likeness:
    """Numbers of calls; `reading` is what counts of a spec, `reached` what counts of the way to a call."""

    def __init__(self, columns: Columns, reading: Reading, reached: Reached | None = None) -> None:
        self._columns = columns
        self._reading = reading
        self._reached = reached
        self._specs: dict[int, Hashable] = {}
        self._known: dict[tuple[int, int, int, int, int, bool, Way], int] = {}
        self._numbers: dict[Hashable, int] = {}

    def number(self, row: int) -> int:
        """The number of one call."""
        columns = self._columns
        compiled = "compiled" in columns.facts.get(row, ())
        facts = (
            columns.site[row],
            columns.inputs[row],
            columns.output[row],
            columns.status[row],
            columns.error[row],
            compiled,
            () if self._reached is None else self._reached.way(row),
        )
        found = self._known.get(facts)
        if found is None:
            whole = self._whole(*facts)
            found = self._known[facts] = self._numbers.setdefault(whole, len(self._numbers))
        return found

    def _whole(
        self, site: int, inputs: int, output: int, status: int, error: int, compiled: bool, way: Way
    ) -> Hashable:
        columns = self._columns
        given: Hashable = None
        if inputs != UNKNOWN:
            signature = columns.signatures[inputs]
            named = tuple((name, self._spec(number)) for name, number in signature.keywords)
            given = (tuple(self._spec(number) for number in signature.positional), named)
        came = None if output == UNKNOWN else self._spec(output)
        return kind_of(columns.sites[site]), given, came, status, error, compiled, way

    def _spec(self, number: int) -> Hashable:
        if number not in self._specs:
            self._specs[number] = self._reading(self._columns.specs[number])
        return self._specs[number]


def loose(spec: Spec) -> Hashable:
    """A spec without its sizes."""
    if isinstance(spec, TensorSpec):
        return spec.type, len(spec.shape), spec.dtype, spec.device
    if isinstance(spec, ContainerSpec):
        inner = tuple((name, loose(field)) for name, field in spec.fields)
        kinds = {kind for _, kind in inner}
        if len(kinds) == 1 and not isinstance(inner[0][0], str):
            return spec.type, "of", inner[0][1]
        return spec.type, inner
    return spec.type


def exact(spec: Spec) -> Hashable:
    """A spec with its sizes."""
    if isinstance(spec, TensorSpec):
        return spec.type, spec.shape, spec.dtype, spec.device
    if isinstance(spec, ContainerSpec):
        return spec.type, spec.length, tuple((name, exact(field)) for name, field in spec.fields)
    if isinstance(spec, CacheSpec):
        return "cache", spec.type
    return spec.type
