"""What stands beside a line of source: how often, which way, what it bound, which calls it made.

    ×4   → True   query_states f32[1,4,384]   -> q_proj #17

With several columns what is the same is written once; what differs stands in the order of the columns, with
`–` for a column that did not reach the line: `query_states f32[1,4,384] | f32[1,1,384]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..analyses.stepwise import folded_paths
from ..calls import Call
from ..calls.listing import CONTINUED, Listing, SourceLine
from .clean import clean

BETWEEN = " | "
NOT_REACHED, UNKNOWN = "–", "?"
ONCE = (1, "≥1")
CALLS = "path"
"""The style of the calls that a line made."""


class Note(NamedTuple):
    """Something that is said of a line: what of, what each column says, the style of the theme."""

    head: str
    values: tuple[str, ...]
    style: str

    @property
    def text(self) -> str:
        """All of it on one line."""
        return self.head + BETWEEN.join(self.values)


def notes(listing: Listing, at: int) -> list[Note]:
    """What is said of the line at a position."""
    lines = [column.lines[at] for column in listing.columns]
    said = [*_condition(lines), *_bound(lines), *_calls(listing, lines), *_ends(listing, lines)]
    return [*_hits(lines, bool(said)), *said]


def _hits(lines: Sequence[SourceLine], told: bool) -> Iterator[Note]:
    """How often the line ran, where that is not once; and whether only some columns reached it."""
    if lines[0].role == CONTINUED or not any(line.reached for line in lines):
        return
    counts = [f"×{line.hits}" if line.reached else _away(line) for line in lines]
    often = any(line.reached and line.hits not in ONCE for line in lines)
    if often or (len(set(counts)) > 1 and not told):
        yield Note("", _beside(counts), "count")


def _condition(lines: Sequence[SourceLine]) -> Iterator[Note]:
    """Which way a test went; of a loop only where it is not what its count says."""
    if any(line.condition is not None for line in lines):
        found = [_way(line) for line in lines]
        if set(found) != {"varied"} or not lines[0].text.lstrip().startswith("while"):
            yield Note("→ ", _beside(found), "count")


def _way(line: SourceLine) -> str:
    if line.condition is None:
        return UNKNOWN if line.reached else _away(line)
    return str(line.condition)


def _away(line: SourceLine) -> str:
    """What stands for a column that did not reach a line."""
    return UNKNOWN if line.reached is None else NOT_REACHED


def _bound(lines: Sequence[SourceLine]) -> Iterator[Note]:
    for name in dict.fromkeys(name for line in lines for name in line.bound):
        values = [clean(str(line.bound[name])) if name in line.bound else _away(line) for line in lines]
        yield Note(f"{clean(name)} ", _beside(values), "shape")


def _calls(listing: Listing, lines: Sequence[SourceLine]) -> Iterator[Note]:
    """The recorded calls that a line made, each with its number in the tree."""
    if not any(line.calls for line in lines):
        return
    made = [_made(column.calls[0], line.calls) for column, line in zip(listing.columns, lines, strict=True)]
    names = {name for name, _ in made if name}
    if len(names) == 1:
        numbers = [number or NOT_REACHED for _, number in made]
        yield Note(f"-> {names.pop()} ", _beside(numbers), CALLS)
    else:
        words = [f"{name} {number}".strip() or NOT_REACHED for name, number in made]
        yield Note("-> ", _beside(words), CALLS)


def _made(caller: Call, calls: Sequence[Call]) -> tuple[str, str]:
    """The name of some calls, and their numbers."""
    if not calls:
        return "", ""
    names = folded_paths(dict.fromkeys(_name(caller, call) for call in calls))
    times = f" ×{len(calls)}" if len(calls) > 1 else ""
    return clean(", ".join(names)), f"#{calls[0].id}{times}"


def _name(caller: Call, call: Call) -> str:
    """The place of a module in that of its caller, else what the function is called."""
    if call.kind != "module" or not call.path:
        return call.name
    above = caller.path
    if above is not None and caller.root == call.root and call.path.startswith(f"{above}." if above else ""):
        return call.path[len(above) + 1 :] if above else call.path
    return call.path


def _ends(listing: Listing, lines: Sequence[SourceLine]) -> Iterator[Note]:
    """What was returned, or the exception that left the function at this line."""
    ends = [column.returned if column.last == lines[0].number else None for column in listing.columns]
    if any(spec is not None for spec in ends):
        values = [
            clean(str(spec)) if spec is not None else UNKNOWN if column.ended == "open" else NOT_REACHED
            for spec, column in zip(ends, listing.columns, strict=True)
        ]
        yield Note("returned ", _beside(values), "shape")
    left = [
        f"✗ {clean(column.calls[0].error or 'left by an exception')}"
        if column.ended == "exception" and column.last == line.number
        else NOT_REACHED
        for column, line in zip(listing.columns, lines, strict=True)
    ]
    if set(left) != {NOT_REACHED}:
        yield Note("", _beside(left), "error")


def _beside(values: Sequence[str]) -> tuple[str, ...]:
    """What the columns say, once where all say the same."""
    return (values[0],) if len(set(values)) == 1 else tuple(values)
