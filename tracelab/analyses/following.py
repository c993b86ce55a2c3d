"""Where a tensor went: `trace.follow()`.

It begins with what a call gave back, or with a name that a line bound.  From there the moves are followed in
the order in which they happened (`moves`): the main path takes at each fork the first one that leads to what
the outermost watched function gave back; the others are branches.
"""

from __future__ import annotations

from typing import NamedTuple

from ..calls import Call, Trace
from ..calls.path import Path
from ..errors import TracelabError
from ..events import UNKNOWN
from ..query import unknown
from ..values import inert
from .move import GIVEN, LINE, RETURN
from .moves import Moves, moves
from .selection import rows_matching
from .ways import Ways, label

HINT = 'record it with trace(source="LlamaAttention.forward", follow=True)'


class Start(NamedTuple):
    """A tensor, from a move on; `name`: what it is called."""

    number: int
    at: int
    name: str


def follow(trace: Trace, call: Call | int | str, name: str | None = None) -> Path:
    """The way of a tensor that `call` gave back, or of one that its lines called `name`.

    A text that fits no call may be a name itself: then it is followed in the first call that has it.
    """
    book = moves(trace)
    if not book.followed():
        raise TracelabError(f"no tensors were followed in this trace: {HINT}")
    if isinstance(call, str) and name is None and not rows_matching(trace, call):
        row = next((move.row for move in book.all if call == move.name), None)
        call, name = (call, None) if row is None else (row, call)
    rows = _rows(trace, call)
    there = [row for row in rows if book.is_followed(row)]
    if not there:
        raise TracelabError(f"no tensors of {_named(trace, rows[0])} were followed; {_followed(book)}")
    row = there[0] if name is None else next((one for one in there if _start(book, one, name)), there[0])
    start = _start(book, row, name)
    if start is None:
        raise TracelabError(_nothing(book, row, name))
    return Ways(book, row, start.number, start.at, start.name, name is not None).path()


def _rows(trace: Trace, asked: Call | int | str) -> list[int]:
    """The calls that are meant."""
    if isinstance(asked, str):
        rows = rows_matching(trace, asked)
        if not rows:
            raise TracelabError(unknown(trace, asked))
        return rows
    number = asked.id if isinstance(asked, Call) else asked
    if type(number) is not int or not 0 <= number < len(trace.columns):
        raise TracelabError(
            f"there is no call {number!r}: this trace has {len(trace.columns)}, counted from 0"
        )
    return [number]


def _start(book: Moves, row: int, name: str | None) -> Start | None:
    """Where to begin: after the call, or after the name was bound first."""
    outputs = book.outputs(row)
    if name is None:
        return _output(book, row) if outputs else None
    for at in range(book.begins[row], book.ends[row]):
        move = book.all[at]
        if (
            move.row == row
            and move.kind in (GIVEN, LINE)
            and name in (move.name, move.name.partition("[")[0])
        ):
            return Start(move.target, at + 1, move.name)
    for place, number in outputs:
        if name in (place, place[1:-1]):
            return Start(number, book.ends[row], f"{label(book, row)}{place}")
    return None


def _output(book: Moves, row: int) -> Start:
    """What a call gave back; of several tensors the first of which something was made later."""
    outputs, at = book.outputs(row), book.ends[row]
    for place, number in outputs:
        after = [book.all[one] for one in book.by_source.get(number, ()) if one >= at]
        if len(outputs) > 1 and any(move.target != number or move.kind == RETURN for move in after):
            return Start(number, at, f"{label(book, row)}{place}")
    return Start(outputs[0][1], at, label(book, row))


def _nothing(book: Moves, row: int, name: str | None) -> str:
    """One line: what there is in place of what was asked for."""
    call = _named(book.trace, row)
    some = range(book.begins[row], book.ends[row])
    names = [move.name for move in (book.all[at] for at in some) if move.row == row and move.name]
    known = list(dict.fromkeys([*names, *[place for place, _ in book.outputs(row) if place]]))
    there = f"there are {', '.join(map(inert, known[:8]))}" if known else "it met no tensor at all"
    there += f" and {len(known) - 8} more" if len(known) > 8 else ""
    if name is None:
        return f"{call} gave back no tensor; {there}"
    return f"no tensor called '{inert(name)}' was met in {call}; {there}"


def _named(trace: Trace, row: int) -> str:
    call = Call(trace, row)
    return f"call {row} ({inert(call.name)}{f' at {inert(call.path)}' if call.path else ''})"


def _followed(book: Moves) -> str:
    columns = book.trace.columns
    outer = [row for row in book.followed() if not book.is_followed(columns.parent[row]) and row != UNKNOWN]
    names = list(dict.fromkeys(inert(Call(book.trace, row).name) for row in outer))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"those in {', '.join(names[:3])}{more} were"
