"""What repeats in a sequence: runs of equal items, blocks of several items, numbers in progression.

    A A A B            A ×3, B
    A B C A B C D      (A B C) ×2, D

`blocks` looks at each position for a block that begins there and comes again at once, and takes the
first period that works.  Only distances to the next few equal items can be periods, and a comparison
stops at the first difference, so the work stays near linear.

`stretches` cuts a run of equal calls where their sizes change their rule: prompt lengths 5 and then 1, 1, 1
are a prefill and three decode steps, not four times the same thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

TRIES = 8
"""How many later occurrences of an item are tried as the beginning of the next block."""
LONGEST = 64
"""Longest period of a block."""
LOOP = 4
"""So many sizes in a row without a rule are a loop over irregular input; fewer are different calls."""

Sizes = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """`count` repetitions of the `period` items that begin at `start`."""

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        """First position behind the block."""
        return self.start + self.period * self.count


def blocks(items: Sequence[Hashable], longest: int = LONGEST) -> list[Block]:
    """Cut a sequence into blocks of periods up to `longest`; an item alone is a block of one."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    following = [0] * len(items)
    for position, item in enumerate(items):
        following[position] = len(places[item])
        places[item].append(position)
    found = []
    position = 0
    while position < len(items):
        later = places[items[position]][following[position] + 1 : following[position] + 1 + TRIES]
        block = Block(position, 1, 1)
        for again in later:
            period = again - position
            if period > longest:
                break
            count = _repetitions(items, position, period)
            if count > 1:
                block = Block(position, period, count)
                break
        found.append(block)
        position = block.stop
    return found


def _repetitions(items: Sequence[Hashable], start: int, period: int) -> int:
    stop = start + period
    while stop < len(items) and items[stop] == items[stop - period]:
        stop += 1
    return (stop - start) // period


def stretches(sizes: Sequence[Sizes]) -> list[tuple[int, int]]:
    """Cut repetitions, given the sizes of each, into (start, stop) stretches that follow one rule.

    A rule is: all sizes constant (two or more), or each growing by a constant (three or more).  An item
    on the border of two stretches belongs to the longer one.  `LOOP` or more items without a rule stay
    together; fewer stand alone.
    """
    found: list[tuple[int, int]] = []
    loners: list[int] = []
    for start, stop in _regular(sizes):
        if stop - start == 1:
            loners.append(start)
            continue
        found += _settle(loners)
        loners = []
        found.append((start, stop))
    return found + _settle(loners)


def _settle(loners: list[int]) -> list[tuple[int, int]]:
    if len(loners) >= LOOP:
        return [(loners[0], loners[-1] + 1)]
    return [(position, position + 1) for position in loners]


def _regular(sizes: Sequence[Sizes]) -> list[tuple[int, int]]:
    changes = [_change(before, after) for before, after in pairwise(sizes)]
    runs: list[_Run] = []
    start = 0
    while start < len(changes):
        change, stop = changes[start], start + 1
        while change is not None and stop < len(changes) and changes[stop] == change:
            stop += 1
        if change is not None:
            # `stop - start` equal changes join one item more.
            runs.append(_Run(start, stop + 1, 3 if any(change) else 2))
        start = stop
    return _fill(_share([run for run in runs if run.long_enough]), len(sizes))


class _Run(NamedTuple):
    """Items that follow one rule; fewer than `least` would follow it by chance."""

    start: int
    stop: int
    least: int

    @property
    def long_enough(self) -> bool:
        return self.stop - self.start >= self.least


def _change(before: Sizes, after: Sizes) -> tuple[int, ...] | None:
    """By how much each size grew; None where that cannot be said."""
    if len(before) != len(after):
        return None
    grown = []
    for a, b in zip(before, after, strict=True):
        if a == b:
            grown.append(0)
        elif isinstance(a, int) and isinstance(b, int):
            grown.append(b - a)
        else:
            return None
    return tuple(grown)


def _share(runs: list[_Run]) -> list[tuple[int, int]]:
    """Two runs may both claim the item between them: it goes to the longer one, else to the earlier."""
    shared: list[_Run] = []
    for run in runs:
        if shared and shared[-1].stop > run.start:
            before = shared.pop()
            if before.stop - before.start >= run.stop - run.start:
                run = run._replace(start=before.stop)
            else:
                before = before._replace(stop=run.start)
            if before.long_enough:
                shared.append(before)
        if run.long_enough:
            shared.append(run)
    return [(run.start, run.stop) for run in shared]


def _fill(runs: list[tuple[int, int]], total: int) -> list[tuple[int, int]]:
    """Add the items that no run holds, one by one."""
    whole: list[tuple[int, int]] = []
    position = 0
    for start, stop in [*runs, (total, total)]:
        whole += [(alone, alone + 1) for alone in range(position, start)]
        if stop > start:
            whole.append((start, stop))
        position = stop
    return whole


@dataclass(frozen=True, slots=True)
class Range:
    """What one number was over many calls: constant, in progression from `first` to `last`, or varied."""

    first: object
    last: object
    varied: bool = False

    def __str__(self) -> str:
        if self.varied:
            return "varied"
        return str(self.first) if self.first == self.last else f"{self.first}…{self.last}"


def summary(values: Sequence[object]) -> Range:
    """One `Range` for a number over repetitions that may themselves contain repetitions.

    4 4 5 5 6 6 counts as 4…6: constant inside, growing outside.
    """
    if all(value == values[0] for value in values):
        return Range(values[0], values[0])
    inner = next(at for at, value in enumerate(values) if value != values[0])
    outer = values[::inner]
    steady = len(values) % inner == 0 and all(value == outer[at // inner] for at, value in enumerate(values))
    numbers = [value for value in outer if isinstance(value, int)]
    changes = {after - before for before, after in pairwise(numbers)}
    if steady and len(numbers) == len(outer) and len(changes) == 1:
        return Range(outer[0], outer[-1])
    return Range(None, None, varied=True)
