"""One line of source and what is said of it, on a page of a certain width.

    309   query_states = (self.q_proj(hidden_states) …  query_states f32[1,4,4,8] | f32[1,4,1,8]
                                                        -> q_proj #17 | #131

The text has its column, the notes have theirs; how wide they are is chosen once for a listing (`fitting`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..calls import Listing
from .clean import clean
from .glyphs import to_ascii
from .guest import cell_len, chop_cells
from .layout import Page, Piece, Row
from .sourcefolds import Fold
from .sourcenotes import BETWEEN, CALLS, Note

UNREACHED = "·"
GAP = "  "
LEAST_NOTES, MOST_NOTES = 20, 0.62
"""Cells for the notes at least, and their share of the width at most where the text needs room too."""
COUNT = 8
"""Cells of a short note at most, such as `×4`: what comes next is put beside it even if it has to be cut."""
DIGITS = 7
"""The number of a line is no longer in any file that is read."""


class Sheet(NamedTuple):
    """Where things stand on a page: digits of numbers, cells of the text, cells of the notes."""

    page: Page
    digits: int
    text: int
    notes: int | None
    column: int

    def sign(self, text: str) -> str:
        """`text` in the letters that can be written."""
        return to_ascii(text.replace(UNREACHED, "-")) if self.page.ascii else text

    def number(self, number: int) -> str:
        """The number of a line; a file may say anything."""
        return self.page.shorten(str(number), self.digits).rjust(self.digits)

    def indent(self, text: str) -> int:
        """By how much a line is indented, as it is shown."""
        wide = text.expandtabs(4)
        return max(len(wide) - len(wide.lstrip()) - self.column, 0)

    def words(self, text: str) -> str:
        """A line of source without the indentation of the function."""
        bare = text.strip()
        return " " * self.indent(text) + clean(bare) if bare else ""

    def rows(self, number: str, words: Piece, said: Sequence[Note]) -> Iterator[Row]:
        """The lines of the page for one line of source."""
        gutter = Piece(self.sign(number.ljust(self.digits + 3)), "guide", words.source)
        line = self.sign(words.text)
        packed = list(self._packed(said))
        room = None if self.page.width is None else self.page.width - cell_len(gutter.text)
        calls = any(note.style == CALLS for note in said)
        if not packed or (calls and cell_len(line) > self.text):
            # Nothing stands beside it: a line may be as long as the page.
            yield [gutter, words._replace(text=line if room is None else self._cut(line, room), source=None)]
            gutter, line = Piece(" " * len(gutter.text), ""), ""
        for at, some in enumerate(packed):
            cut = self._cut(line, self.text) if at == 0 else ""
            start = gutter if at == 0 else Piece(" " * len(gutter.text), "")
            gap = " " * (self.text - cell_len(cut)) + GAP
            yield [start, Piece(cut, words.style), Piece(gap if self.text else "", ""), *some]

    def _packed(self, said: Iterable[Note]) -> Iterator[list[Piece]]:
        """Notes in as few rows as they need, each on one row where that is possible."""
        row: list[Piece] = []
        used = 0
        for note in said:
            room = self.notes
            if room is not None and 0 < used <= COUNT:
                room -= used  # a count alone is no row
            *above, words = self._broken(note, room)
            if room is not None and used > COUNT and (above or used + cell_len(words) > room):
                yield row
                row, used = [], 0
            for part in above:
                yield [*row, *_gap(row), Piece(part, note.style)]
                row, used = [], 0
            row += [*_gap(row), Piece(words, note.style)]
            used += cell_len(words) + len(GAP)
            if above:
                yield row
                row, used = [], 0
        if row:
            yield row

    def _broken(self, note: Note, room: int | None) -> Iterator[str]:
        """A note in parts that fit: broken between columns; only a value that is too long is cut."""
        words = self.sign(note.text)
        if room is None or cell_len(words) <= room:
            yield words
            return
        words = self.sign(note.head + note.values[0])
        for value in note.values[1:]:
            more = self.sign(BETWEEN + value)
            if cell_len(words) + cell_len(more) <= room:
                words += more
                continue
            yield self._cut(words, room)
            words = more
        yield self._cut(words, room)

    def _cut(self, text: str, room: int) -> str:
        """The beginning of a text that is too long."""
        if cell_len(text) <= room:
            return text
        dots = self.sign("…")
        return (chop_cells(text, room - len(dots))[0] if room > len(dots) else "") + dots[: max(room, 0)]


def _gap(row: Sequence[Piece]) -> list[Piece]:
    return [Piece(GAP, "")] if row else []


def fitting(
    listing: Listing, page: Page, told: Sequence[Sequence[Note]], chosen: Sequence[int | Fold]
) -> Sheet:
    """The columns of a page, for what is said of the chosen lines: as much as fits on rows of its own."""
    first = listing.lines[0].text.expandtabs(4) if listing.lines else ""
    digits = min(max([1, *(len(str(line.number)) for line in listing.lines)]), DIGITS)
    bare = Sheet(page, digits, 0, None, len(first) - len(first.lstrip()))
    places = [at for at in chosen if not isinstance(at, Fold) and told[at]]
    longest = max([0, *(cell_len(bare.sign(bare.words(listing.lines[at].text))) for at in places)])
    if page.width is None:
        return bare._replace(text=longest)
    room = page.width - digits - 3
    if not longest:
        return bare._replace(notes=room)
    most = max(room - longest - len(GAP), int(room * MOST_NOTES))
    widths = [_width(some, bare) for at in places for some in (told[at], *([note] for note in told[at]))]
    said = max([min(LEAST_NOTES, most), *(width for width in widths if width <= most)])
    text = min(longest, room - said - len(GAP))
    return bare._replace(text=text, notes=room - text - len(GAP))


def _width(said: Sequence[Note], sheet: Sheet) -> int:
    return sum(cell_len(sheet.sign(note.text)) for note in said) + len(GAP) * (len(said) - 1)
