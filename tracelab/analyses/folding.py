"""Which of the calls made by one call can be drawn as one line.

The children of a call are a sequence of positions.  It is cut into chunks:

    call      a position alone, or equal calls one after another: ×N
    stack     equal modules of one list, one after another: layers.0–3 ×4
    repeat    several calls that come again and again in the same order: a training loop

Stacks need equal sizes, repetition in time only equal structure (see `keys`); where sizes change their
rule the repetition is cut (see `repeats.stretches`).  Chunks are folded again until nothing changes, so
that (A A B)(A A B) becomes a repeat of [A ×2, B].

A call that is the only one of its class and function among its siblings is equal to none of them: what
stands below it, which may be the whole trace, need not be looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from .keys import Keys
from .lines import CALL, REPEAT, STACK
from .repeats import LONGEST, Sizes, blocks, stretches
from .visible import Visible


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some positions that make one line: one list for each repetition."""

    kind: str
    symbol: Hashable
    rounds: tuple[tuple[int, ...], ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """All positions of the chunk, in order."""
        return tuple(position for round in self.rounds for position in round)


def fold(rows: Sequence[int], keys: Keys, visible: Visible, sizes: Callable[[int], Sizes]) -> list[Chunk]:
    """The chunks of the siblings `rows`; positions count within `rows`."""
    # Equal neighbours first: otherwise A A B A A B A A B would become A ×2, (B A A) ×2, B.
    chunks = _folded(_stacks(rows, keys, visible), rows, sizes, 1)
    while True:
        folded = _folded(chunks, rows, sizes, LONGEST)
        if len(folded) == len(chunks):
            return folded
        chunks = folded


def _stacks(rows: Sequence[int], keys: Keys, visible: Visible) -> list[Chunk]:
    runs: list[list[int]] = []
    last: tuple[Hashable, int] | None = None
    places = {place: numbered(place) for place in dict.fromkeys(keys.places_of(rows))}
    for position, (row, path) in enumerate(zip(rows, keys.places_of(rows), strict=True)):
        place = places[path]
        here: tuple[Hashable, int] | None = None
        if place is not None:
            below = tuple(keys.exact(child) for child in visible.children_of(row))
            here = (place[0], place[2], keys.own_exact(row), below), place[1]
        if runs and here is not None and last is not None and here == (last[0], last[1] + 1):
            runs[-1].append(position)
        else:
            runs.append([position])
        last = here
    kinds = keys.kinds_of([rows[run[0]] for run in runs])
    seen = Counter(kinds)
    return [
        _stack(run, (keys.loose(rows[run[0]]) if seen[kind] > 1 else kind, len(run)))
        for run, kind in zip(runs, kinds, strict=True)
    ]


def _stack(run: list[int], symbol: Hashable) -> Chunk:
    kind = STACK if len(run) > 1 else CALL
    return Chunk(kind, symbol, tuple((position,) for position in run))


def numbered(place: str | None) -> tuple[str, int, str] | None:
    """`layers.3.linear` as ("layers.", 3, ".linear"), by its last number; None where it has no number."""
    if place is None:
        return None
    parts = place.split(".")
    for at in range(len(parts) - 1, -1, -1):
        if parts[at].isascii() and parts[at].isdigit() and len(parts[at]) < 10:
            before = "".join(f"{part}." for part in parts[:at])
            return before, int(parts[at]), "".join(f".{part}" for part in parts[at + 1 :])
    return None


def _folded(
    chunks: list[Chunk], rows: Sequence[int], sizes: Callable[[int], Sizes], longest: int
) -> list[Chunk]:
    folded: list[Chunk] = []
    for block in blocks([chunk.symbol for chunk in chunks], longest):
        if block.count == 1:
            folded.append(chunks[block.start])
            continue
        starts = range(block.start, block.stop, block.period)
        rounds = [chunks[start : start + block.period] for start in starts]
        positions = [tuple(p for chunk in parts for p in chunk.positions) for parts in rounds]
        measured = [tuple(size for p in round for size in sizes(rows[p])) for round in positions]
        for start, stop in stretches(measured):
            if stop - start == 1:
                folded += rounds[start]
            else:
                folded.append(_join(rounds[start], positions[start:stop]))
    return folded


def _join(parts: list[Chunk], positions: list[tuple[int, ...]]) -> Chunk:
    alone = len(parts) == 1 and parts[0].kind == CALL and len(parts[0].rounds) == 1
    symbol = (REPEAT, tuple(part.symbol for part in parts), len(positions))
    return Chunk(CALL if alone else REPEAT, symbol, tuple(positions))
