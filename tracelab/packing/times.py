"""Times summed up: of each call of a template, over all its instances.

With `summary` only the calls at the top of a segment keep their own clocks.  Of those below there is kept how
often, how long in all, the shortest and the longest, and the sum of the offsets at which they began: the
numbers are exact, only to which instance they belonged is forgotten.  The sums of one block are made column
by column (`map(sum, zip(...))`), about 60 ns a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add, itemgetter, sub
from typing import NamedTuple

from .nest import Nest


class Times(NamedTuple):
    """Sums over so many instances, one for each call of a template, in nanoseconds."""

    instances: int
    totals: tuple[int, ...]
    shortest: tuple[int, ...]
    longest: tuple[int, ...]
    offsets: tuple[int, ...]

    def and_also(self, other: Times) -> Times:
        """The sums over the instances of both."""
        return Times(
            self.instances + other.instances,
            tuple(map(add, self.totals, other.totals)),
            tuple(map(min, self.shortest, other.shortest)),
            tuple(map(max, self.longest, other.longest)),
            tuple(map(add, self.offsets, other.offsets)),
        )


def times_of(nest: Nest, instances: Sequence[Sequence[int]]) -> Times:
    """The sums over instances whose events happened at these clocks; the nest must be clean."""
    # An itemgetter of one place gives no tuple: a first place is asked for twice and left out.
    begin, end = itemgetter(0, *nest.entries), itemgetter(0, *nest.exits)
    starts = [begin(clocks)[1:] for clocks in instances]
    ends = [end(clocks)[1:] for clocks in instances]
    durations = list(zip(*[map(sub, *pair) for pair in zip(ends, starts, strict=True)], strict=True))
    first = sum([clocks[0] for clocks in instances])
    return Times(
        len(instances),
        tuple(map(sum, durations)),
        tuple(map(min, durations)),
        tuple(map(max, durations)),
        tuple([sum(column) - first for column in zip(*starts, strict=True)]),
    )
