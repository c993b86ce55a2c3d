"""The token line: each row of a batch as columns of token, id, kind, position, mask and label.

    row 0 · 7 ids · 2 special · 2 padding right
    token     [CLS]    the  cat  sat  [SEP]    [PAD] ×2
    id        2        5    6    7    3        0
    kind      special                 special  pad
    position  0        1    2    3    4        5–6
    mask      1        1    1    1    1        0
    label     -100     5    6    7    -100     -100

A line that holds nothing is left out, and so is `text`, the letters of each token, where it says what `token`
says, and `type`, which text of a pair it is of, where that is always 0.  Padding that is all the same shares
a column.  Lines are wrapped at the width of the page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple

from ..calls import Token, TokenBatch, TokenRow
from ..calls.tokenrow import IGNORED, PAD, SPECIAL
from .amounts import many
from .clean import clean
from .glyphs import to_ascii
from .guest import cell_len
from .layout import DEFAULT_WIDTH, Piece, Row
from .screen import Screen

MOST = 16
"""So many rows of a batch are shown."""
ALIKE = 3
"""From so many ids of padding on they share a column."""
LONGEST = 24
"""A token is shown up to so many cells."""

NAMES = ("text", "token", "id", "kind", "type", "position", "mask", "label")
STYLES = {SPECIAL: "method", PAD: "note", "unk": "warning"}
GAP = "  "


class Column(NamedTuple):
    """One token, or some that are alike: what each line says of it."""

    cells: tuple[str, ...]
    style: str

    @property
    def width(self) -> int:
        """Cells of the widest line."""
        return max(map(cell_len, self.cells))


def show(
    batches: Sequence[TokenBatch],
    *,
    of: tuple[int, int] | None = None,
    width: int | None = None,
    ascii: bool | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print batches; `of`: the number of the first, and how many there are."""
    screen = Screen(file, width, ascii)
    for batch in batches:
        lines = list(_lines(batch, of, screen.page.width or DEFAULT_WIDTH))
        if screen.page.ascii:
            lines = [[Piece(to_ascii(piece.text), piece.style) for piece in line] for line in lines]
        screen.write(lines)


def _lines(batch: TokenBatch, of: tuple[int, int] | None, width: int) -> Iterator[Row]:
    if batch.seen:
        which = f"batch {of[0]} of {of[1]} · " if of is not None else ""
        yield from _wrapped(f"{which}{batch.seen}", "header", width)
    for note in batch.notes:
        yield from _wrapped(note, "warning", width)
    for row in batch.rows[:MOST]:
        yield from _wrapped(" · ".join(_head(row)), "name", width)
        yield from _table(row, width)
    if len(batch.rows) > MOST:
        yield [Piece(f"{many(len(batch.rows) - MOST, 'more row')}", "note")]


def _wrapped(sentence: str, style: str, width: int) -> Iterator[Row]:
    for line in textwrap.wrap(clean(sentence), width, break_on_hyphens=False):
        yield [Piece(line, style)]


def _head(row: TokenRow) -> Iterator[str]:
    kinds = [token.kind for token in row.tokens]
    yield f"{row.name} {row.row}" if row.name == "row" else f"{row.name} of row {row.row}"
    yield many(len(row.tokens), "id")
    if SPECIAL in kinds:
        yield f"{kinds.count(SPECIAL)} special"
    if PAD in kinds:
        yield f"{kinds.count(PAD)} padding {'left' if kinds[0] == PAD else 'right'}"
    if row.cut:
        yield f"cut at the {row.cut} end"
    ignored = sum(token.label == IGNORED for token in row.tokens)
    if ignored:
        yield f"{many(ignored, 'label')} ignored"
    if row.label is not None:
        yield f"label {row.label}"


def _table(row: TokenRow, width: int) -> Iterator[Row]:
    columns = list(_columns(row))
    shown = [place for place, name in enumerate(NAMES) if _says(name, row, columns, place)]
    first = max((len(NAMES[place]) for place in shown), default=0)
    for part in _parts(columns, width - first - len(GAP)):
        for place in shown:
            line = [Piece(NAMES[place].ljust(first), "note")]
            for column in part:
                cell = column.cells[place]
                line.append(Piece(GAP + cell, _style(NAMES[place], cell, column.style)))
                line.append(Piece(" " * (column.width - cell_len(cell)), ""))
            yield line


def _style(name: str, cell: str, style: str) -> str:
    if name == "label":
        return "note" if cell == str(IGNORED) else "count"
    return style


def _says(name: str, row: TokenRow, columns: Sequence[Column], place: int) -> bool:
    if name == "text":
        return any(token.text not in (None, "", token.token) for token in row.tokens)
    if name == "type" and not any(token.type for token in row.tokens):
        return False
    if row.name != "row":
        return name in ("token", "id")
    return any(column.cells[place] for column in columns)


def _columns(row: TokenRow) -> Iterator[Column]:
    """A column for each token; equal neighbours of padding share one."""
    if row.cut == "left":
        yield _cut()
    start = 0
    while start < len(row.tokens):
        stop = start + 1
        while stop < len(row.tokens) and _alike(row.tokens[start], row.tokens[stop]):
            stop += 1
        if stop - start < ALIKE:
            stop = start + 1
        yield _column(row.tokens, start, stop)
        start = stop
    if row.cut == "right":
        yield _cut()


def _alike(one: Token, other: Token) -> bool:
    same = (one.id, one.mask, one.label, one.type) == (other.id, other.mask, other.label, other.type)
    return one.kind == other.kind == PAD and same


def _column(tokens: Sequence[Token], start: int, stop: int) -> Column:
    token = tokens[start]
    times = f" ×{stop - start}" if stop - start > 1 else ""
    cells = (
        _short(token.text),
        _short(token.token) + times,
        str(token.id),
        token.kind,
        "" if token.type is None else str(token.type),
        _position(tokens, start, stop),
        "" if token.mask is None else str(token.mask),
        "" if token.label is None else str(token.label),
    )
    return Column(cells, STYLES.get(token.kind, ""))


def _position(tokens: Sequence[Token], start: int, stop: int) -> str:
    """The position that the batch gives to a token, else its place in the row."""
    first, last = ((tokens[at].position, at) for at in (start, stop - 1))
    low, high = (place if given is None else given for given, place in (first, last))
    return str(low) if low == high else f"{low}–{high}"


def _cut() -> Column:
    return Column(
        tuple({"text": "…", "token": "…", "kind": "cut"}.get(name, "") for name in NAMES), "warning"
    )


def _short(text: str | None) -> str:
    shown = clean(text or "")
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _parts(columns: Sequence[Column], width: int) -> Iterator[list[Column]]:
    """The columns cut into parts that fit the width; a column that does not stands alone."""
    part: list[Column] = []
    used = 0
    for column in columns:
        needed = column.width + len(GAP)
        if part and used + needed > width + len(GAP):
            yield part
            part, used = [], 0
        part.append(column)
        used += needed
    if part:
        yield part
