"""The packed form of some thousands of events; immutable.

    templates   for each segment, in order, the id of its template; LOOSE for a stretch of events without one
    kinds       the different templates of the block, and
    variables   for each of them its variables: what its instances' numbers mean
    loose_*     the events of the stretches: how many in each, and their codes and meanings one after another
    first, gaps the clocks, as the time from each event to the next

A variable that means the same in all instances is the id of that meaning.  One that moves is a tuple: the
id of a meaning with zeros at the sizes that move, then for each such size its position and its series.

Figures: 8.7 bytes a call, 8 of them clocks, for steps of 65 or 215 calls in which ten values grow; 0.8 bytes
with summed times; 28 bytes when nothing repeats.  112,000 calls of a Llama of 16 layers: 9.0 and 1.1.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Any, Union

LOOSE = -1
"""Stands in `templates` for a stretch of events that are instances of nothing."""

Variable = Union[int, tuple[Any, ...]]
Gaps = Union["array[int]", tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Block:
    """Events of one lane, packed."""

    events: int
    templates: array[int]
    kinds: tuple[int, ...]
    variables: tuple[tuple[Variable, ...], ...]
    loose_sizes: array[int]
    loose_codes: array[int]
    loose_meanings: array[int]
    first: int
    gaps: Gaps
    summary: bool = False
    """Whether clocks of calls below the top of an instance were summed up."""

    def clocks(self) -> list[int]:
        """The clock readings that were kept, in order."""
        return list(accumulate(self.gaps, initial=self.first)) if self.events else []

    def runs_back(self) -> bool:
        """Whether its clock ever goes backwards."""
        return not (isinstance(self.gaps, array) and self.gaps.typecode == "I") and any(
            gap < 0 for gap in self.gaps
        )


def loose_block(codes: array[int], meanings: array[int], clocks: Sequence[int]) -> Block:
    """A block of events that are instances of nothing."""
    return Block(
        events=len(codes),
        templates=array("i", [LOOSE] if codes else []),
        kinds=(),
        variables=(),
        loose_sizes=array("i", [len(codes)] if codes else []),
        loose_codes=codes,
        loose_meanings=meanings,
        first=clocks[0] if codes else 0,
        gaps=gaps(clocks),
    )


def gaps(clocks: Sequence[int]) -> Gaps:
    """The time from each clock reading to the next, in four bytes each where that is enough."""
    differences = list(map(sub, clocks[1:], clocks))
    for width in "Iq":
        try:
            return array(width, differences)
        except OverflowError:
            continue
    return tuple(differences)
