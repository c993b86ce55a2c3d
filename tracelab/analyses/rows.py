"""Very many rows with equal subtrees, held as one subtree and where it stands.

A line of the tree stands for every call that it folds: with 15,000 steps of nine layers, 135,000 of them.
The first steps are looked at; the others are the same at other rows.  So the rows of a line are kept as
parts, each of them `top + offset` for every top and every offset:

    tops     the rows at which equal subtrees begin: the model call of each step
    offsets  how far below a top the line stands: the same for all tops
    base     the twin of the tops, where one looks to find out what stands at an offset

To go one level down only the offsets are looked at, not the tops.  Rows that are equal to no other are a
part of their own, with 0 as the top and the row itself as the offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import NamedTuple

from .visible import Visible


class Part(NamedTuple):
    """Rows `top + offset`, in the order of the tops."""

    tops: Sequence[int]
    base: int
    offsets: Sequence[int]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(self.tops) * len(self.offsets)


class Rows:
    """The rows of a line, the drawn one first."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    @classmethod
    def of(cls, rows: Sequence[int]) -> Rows:
        """Rows of which nothing is known."""
        return cls([Part((0,), 0, rows)] if rows else [])

    def __len__(self) -> int:
        return sum(part.size for part in self.parts)

    def __iter__(self) -> Iterator[int]:
        for tops, _, offsets in self.parts:
            if len(tops) == 1:
                yield from (tops[0] + offset for offset in offsets)
            else:
                yield from (top + offset for top in tops for offset in offsets)

    def __getitem__(self, index: int) -> int:
        for tops, _, offsets in self.parts:
            if index < len(tops) * len(offsets):
                top, offset = divmod(index, len(offsets))
                return tops[top] + offsets[offset]
            index -= len(tops) * len(offsets)
        raise IndexError("no such row in this line")

    @property
    def first(self) -> list[int]:
        """The first row, if there is one."""
        return list(islice(self, 1))

    def below(self, visible: Visible) -> Runs:
        """The rows directly below each row."""
        return Runs([part for whole in self.parts for part in _looked_at(whole, visible)])


def _looked_at(part: Part, visible: Visible) -> Iterator[RunPart]:
    """The children of the rows of a part."""
    if len(part.tops) > 1:
        yield _children(part, visible)
        return
    alone: list[int] = []
    for twin, equal in groupby(part.offsets, visible.twin):
        rows = list(equal)
        if len(rows) == 1:
            alone += rows
            continue
        if alone:
            yield _children(Part((0,), 0, alone), visible)
            alone = []
        yield _children(Part(rows, twin, (0,)), visible)
    if alone:
        yield _children(Part((0,), 0, alone), visible)


def _children(part: Part, visible: Visible) -> RunPart:
    tops, base, offsets = part
    runs = [[row - base for row in visible.children_of(base + offset)] for offset in offsets]
    return RunPart(tops, base, runs)


class RunPart(NamedTuple):
    """Like `Part`, with several offsets, in order, for each repetition of what stands below."""

    tops: Sequence[int]
    base: int
    runs: Sequence[Sequence[int]]


class Runs:
    """The rows directly below a line: one list for each of its repetitions, all of equal calls."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[RunPart]) -> None:
        self.parts = parts

    @classmethod
    def of(cls, runs: Sequence[Sequence[int]]) -> Runs:
        """Lists of rows of which nothing is known."""
        return cls([RunPart((0,), 0, runs)] if runs else [])

    def __len__(self) -> int:
        return sum(len(part.tops) * len(part.runs) for part in self.parts)

    def __iter__(self) -> Iterator[list[int]]:
        for tops, _, runs in self.parts:
            for top in tops:
                yield from ([top + offset for offset in run] for run in runs)

    @property
    def first(self) -> list[int]:
        """The rows of the first repetition."""
        return next(iter(self), [])

    def pick(self, positions: Sequence[int]) -> Rows:
        """The calls at some positions of every repetition."""
        return Rows(
            [
                Part(tops, base, [run[position] for run in runs for position in positions])
                for tops, base, runs in self.parts
            ]
        )

    def cut(self, rounds: Sequence[Sequence[int]]) -> Runs:
        """Every repetition cut into rounds: the positions of each."""
        return Runs(
            [
                RunPart(
                    tops, base, [[run[position] for position in round] for run in runs for round in rounds]
                )
                for tops, base, runs in self.parts
            ]
        )
