"""The annotated source of a function: its lines on the left, what was seen of them on the right.

    WhisperAttention.forward · modeling_whisper.py:285 · model.decoder.layers.(0-3).self_attn
                                                        prefill | decode 1–5
    309   query_states = (self.q_proj(hidden_states) …  query_states f32[1,4,4,8] | f32[1,4,1,8]
                                                        -> q_proj #17 | #131
    328 ·     key_states = past_key_values.layers[se…

Lines are cut at the width, never wrapped; one of which nothing is said may use the whole width, and so may
one that made recorded calls: what is said of it stands below.  What was
never reached is dim, and has a sign for where there is no colour.  `sourcefolds` says which lines are shown,
`sourcenotes` what is said of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import IO, NamedTuple

from ..calls import Listing
from .amounts import many
from .clean import clean
from .glyphs import can_write, to_ascii
from .guest import Console, ConsoleOptions, RenderResult, cell_len, chop_cells
from .layout import DEFAULT_WIDTH, Page, Piece, Row
from .screen import Screen, plain, styled
from .sourcefolds import Fold, reached, shown
from .sourcenotes import BETWEEN, CALLS, Note, notes

UNREACHED = "·"
SIGNS = {True: " ", False: UNREACHED, None: "?"}
"""Whether a line was reached; None: not known."""
GAP = "  "
LEAST_NOTES, MOST_NOTES = 20, 0.62
"""Cells for the notes at least, and their share of the width at most where the text needs room too."""
DIGITS = 7
"""The number of a line is no longer in any file that is read."""
LISTINGS = 3
"""So many are shown before the others are only named."""


def show(
    listings: Sequence[Listing],
    *,
    all: bool = False,
    width: int | None = None,
    ascii: bool | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print listings.  `all`: every one, with every line."""
    screen = Screen(file, width, ascii)
    some = listings if all else listings[:LISTINGS]
    for number, listing in enumerate(some):
        if number:
            screen.write([[]])
        screen.write(rows(listing, screen.page, all))
    rest = listings[len(some) :]
    if rest:
        screen.write([[], screen.page.words(f"{many(len(rest), 'more listing')}, --all shows them:", "note")])
        screen.write(screen.page.words(f"  {_title(listing)}", "note") for listing in rest)


def text(listing: Listing, width: int = DEFAULT_WIDTH, all: bool = False) -> str:
    """A listing as plain text."""
    return "\n".join(plain(row) for row in rows(listing, Page(width), all))


def renderable(listing: Listing) -> Drawn:
    """A listing as something that `rich.print` can show, in the width that it is given."""
    return Drawn(listing)


class Drawn:
    """A listing on a rich console."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Page(options.max_width, options.ascii_only or not can_write(options.encoding))
        for row in rows(self._listing, page):
            line = styled(row)
            line.end = "\n"
            yield line


def rows(listing: Listing, page: Page, all: bool = False) -> Iterator[Row]:
    """The finished lines of a listing."""
    told = [notes(listing, at) for at in range(len(listing.lines))]
    chosen = list(shown(listing, lambda at: bool(told[at]), all))
    sheet = _sheet(listing, page, told, chosen)
    yield from _header(listing, page)
    if listing.problem is not None:
        yield page.words(f"no text: {clean(listing.problem)}", "warning")
    labels = [column.label for column in listing.columns]
    if any(labels) and len(labels) > 1:
        yield from sheet.rows("", Piece("", ""), [Note("", tuple(map(clean, labels)), "header")])
    ran = reached(listing)
    for one in chosen:
        if isinstance(one, Fold):
            if words := str(one):
                indent = " " * sheet.indent(listing.lines[one.start].text)
                yield from sheet.rows("", Piece(indent + words, "note"), [])
            continue
        line = listing.lines[one]
        number = f"{sheet.number(line.number)} {SIGNS[ran[one]]}"
        text = Piece(sheet.words(line.text), "" if ran[one] else "note", (listing.file, line.number))
        yield from sheet.rows(number, text, told[one])
    yield from _footer(listing, page, chosen)


class _Sheet(NamedTuple):
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
            *above, words = self._broken(note)
            size = cell_len(words)
            if row and (above or (self.notes is not None and used + size > self.notes)):
                yield row
                row, used = [], 0
            for part in above:
                yield [Piece(part, note.style)]
            if row:
                row.append(Piece(GAP, ""))
            used += size + len(GAP)
            row.append(Piece(words, note.style))
            if above:
                yield row
                row, used = [], 0
        if row:
            yield row

    def _broken(self, note: Note) -> Iterator[str]:
        """A note in parts that fit: broken between columns; only a value that is too long is cut."""
        words = self.sign(note.text)
        if self.notes is None or cell_len(words) <= self.notes:
            yield words
            return
        words = self.sign(note.head + note.values[0])
        for value in note.values[1:]:
            more = self.sign(BETWEEN + value)
            if cell_len(words) + cell_len(more) <= self.notes:
                words += more
                continue
            yield self._cut(words, self.notes)
            words = more
        yield self._cut(words, self.notes)

    def _cut(self, text: str, room: int) -> str:
        """The beginning of a text that is too long."""
        if cell_len(text) <= room:
            return text
        dots = self.sign("…")
        return (chop_cells(text, room - len(dots))[0] if room > len(dots) else "") + dots[: max(room, 0)]


def _sheet(
    listing: Listing, page: Page, told: Sequence[Sequence[Note]], chosen: Sequence[int | Fold]
) -> _Sheet:
    first = listing.lines[0].text.expandtabs(4) if listing.lines else ""
    digits = min(max([1, *(len(str(line.number)) for line in listing.lines)]), DIGITS)
    bare = _Sheet(page, digits, 0, None, len(first) - len(first.lstrip()))
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


def _width(said: Sequence[Note], sheet: _Sheet) -> int:
    return sum(cell_len(sheet.sign(note.text)) for note in said) + len(GAP) * (len(said) - 1)


def _header(listing: Listing, page: Page) -> Iterator[Row]:
    """What was called and where its text stands; on a line of its own, if need be, which objects."""
    title = _title(listing)
    if page.width is None or cell_len(title) <= page.width or " · " not in title:
        yield page.words(title, "header")
        return
    code, place = title.split(" · ", 2)[:2], title.split(" · ", 2)[2:]
    yield page.words(" · ".join(code), "header")
    for words in place:
        yield page.words(words, "header")


def _title(listing: Listing) -> str:
    """What was called, where its text stands, which objects, which calls."""
    words = [listing.name, f"{PurePath(listing.file).name}:{listing.start}"]
    if listing.place:
        words.append(listing.place)
    if len(listing.columns) == 1 and listing.columns[0].label:
        words.append(listing.columns[0].label)
    return clean(" · ".join([*words, many(len(listing.calls), "call")]))


def _footer(listing: Listing, page: Page, chosen: Sequence[int | Fold]) -> Iterator[Row]:
    """What is not shown, what was not recorded."""
    cut = sum(column.cut for column in listing.columns)
    if cut:
        yield page.words(f"incomplete: {many(cut, 'more line event')} not kept", "warning")
    folded = sum(one.stop - one.start for one in chosen if isinstance(one, Fold))
    if folded:
        yield page.words(f"folded: {many(folded, 'line')} · --all shows them", "note")
