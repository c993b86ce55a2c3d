"""What a clean template says of the calls of each of its instances: everything but times and sizes."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cached_property

from ...events import UNKNOWN, Visits
from ...packing import Template, picker, sort_of
from ...packing.codes import GIVEN, RAISED, RETURNED
from ..columns import ERROR, OK


class Pattern:
    """The columns of one instance, by the number of the call in it."""

    def __init__(self, template: Template, visits: Visits) -> None:
        nest, codes, places = template.group.nest, template.group.codes, template.shape.places
        self.template = template
        self.times = template.times
        self.nest = nest
        self.calls = len(nest.entries)
        self.site = array("i", [visits[codes[at]].site for at in nest.entries])
        self.place = array("i", [visits[codes[at]].place for at in nest.entries])
        self.parents = nest.parents
        ends = [sort_of(codes[at]) for at in nest.exits]
        self.status = array("b", [ERROR if sort == RAISED else OK for sort in ends])
        self.variables = {
            GIVEN: array("i", [places[at] for at in nest.entries]),
            RETURNED: self._at_exits(places, ends, RETURNED),
            RAISED: self._at_exits(places, ends, RAISED),
        }
        """For each sort of number the variable of each call; UNKNOWN for none."""
        self.pick = {sort: picker(variables) for sort, variables in self.variables.items()}
        self.begin = picker(nest.entries)
        self.end = picker(nest.exits)
        self.facts = [(call, places[at]) for call, at in nest.facts]
        """(call, variable) of each fact."""
        self.counts: dict[int, int] = {}

    def _at_exits(self, places: Sequence[int], ends: list[int], wanted: int) -> array[int]:
        exits = self.nest.exits
        return array(
            "i", [places[at] if sort == wanted else UNKNOWN for at, sort in zip(exits, ends, strict=True)]
        )

    @cached_property
    def children(self) -> list[list[int]]:
        """The calls below each call."""
        below: list[list[int]] = [[] for _ in range(self.calls)]
        for call, above in enumerate(self.parents):
            if above != UNKNOWN:
                below[above].append(call)
        return below

    @cached_property
    def sizes(self) -> list[int]:
        """How many calls there are below each call."""
        sizes = [0] * self.calls
        for call in range(self.calls - 1, -1, -1):
            if self.parents[call] != UNKNOWN:
                sizes[self.parents[call]] += sizes[call] + 1
        return sizes

    @cached_property
    def clock_at(self) -> dict[int, int]:
        """Where, in the clocks that are kept of an instance, that of a position stands."""
        return {position: at for at, position in enumerate(self.nest.kept)}

    @cached_property
    def offsets(self) -> list[int]:
        """Where times are summed up, the mean time from the first event to each entry."""
        assert self.times is not None
        return [offset // self.times.instances for offset in self.times.offsets]

    @cached_property
    def durations(self) -> list[int]:
        """Where times are summed up, the mean duration of each call."""
        assert self.times is not None
        return [total // self.times.instances for total in self.times.totals]
