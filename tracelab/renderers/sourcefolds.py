"""Which lines of a listing are shown, and what stands for the others.

Empty lines, comments of several lines and the further lines of a statement go: the numbers of the lines tell
it.  A docstring, or a longer run of lines that were not reached, becomes one line: `… 12 lines not reached`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..calls.listing import COMMENT, CONTINUED, DOCUMENTATION, EMPTY, SIGNATURE, STATEMENT, WORD, Listing

LEAST = {"documentation": 2, "comment": 2, "not reached": 4, "more": 2}
"""From so many lines on they are folded."""
WORDS = {
    "documentation": "lines of documentation",
    "comment": "",
    "not reached": "lines not reached",
    "more": "",
}


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines that are not shown: the positions from `start` to before `stop`."""

    start: int
    stop: int
    kind: str

    def __str__(self) -> str:
        """What stands for them; nothing where the numbers of the lines are enough."""
        return WORDS[self.kind] and f"… {self.stop - self.start} {WORDS[self.kind]}"


def shown(listing: Listing, noted: Callable[[int], bool], all: bool = False) -> Iterator[int | Fold]:
    """Positions of lines that are shown, and folds; `noted`: whether something is said of a position."""
    if all:
        yield from range(len(listing.lines))
        return
    kinds = _kinds(listing, noted)
    for kind, run in groupby(range(len(kinds)), key=lambda at: kinds[at]):
        places = [at for at in run if listing.lines[at].role != EMPTY]
        if not kind or len(places) < LEAST[kind]:
            yield from places
        else:
            yield Fold(places[0], places[0] + len(places), kind)


def reached(listing: Listing) -> list[bool | None]:
    """For each position whether it ran in any column, None where that is not known.

    What never runs by itself is like the statement that comes next.
    """
    found: list[bool | None] = []
    following: bool | None = True
    for at in range(len(listing.lines) - 1, -1, -1):
        role = listing.lines[at].role
        if role in (SIGNATURE, STATEMENT, CONTINUED):
            states = [column.lines[at].reached for column in listing.columns]
            following = True if any(states) else None if None in states else False
        found.append(True if role == DOCUMENTATION else following)
    return found[::-1]


def _kinds(listing: Listing, noted: Callable[[int], bool]) -> Sequence[str]:
    """What each position could be folded as; empty lines go with what is before them."""
    found: list[str] = []
    ran = reached(listing)
    for at, line in enumerate(listing.lines):
        if line.role == EMPTY:
            kind = found[-1] if found else ""
        elif line.role == DOCUMENTATION:
            kind = "documentation"
        elif ran[at] is False and line.role in (STATEMENT, CONTINUED, COMMENT, WORD):
            kind = "not reached"
        elif line.role == COMMENT:
            kind = "comment"
        elif line.role == CONTINUED and not noted(at):
            kind = "more"
        else:
            kind = ""
        found.append(kind)
    return found
