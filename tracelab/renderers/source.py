"""The annotated source of a function: its lines on the left, what was seen of them on the right.

    WhisperAttention.forward · modeling_whisper.py:285 · model.decoder.layers.(0-3).self_attn
                                                        prefill | decode 1–5
    309   query_states = (self.q_proj(hidden_states) …  query_states f32[1,4,4,8] | f32[1,4,1,8]
                                                        -> q_proj #17 | #131
    328 ·     key_states = past_key_values.layers[se…

Lines are cut at the width, never wrapped; one of which nothing is said may use the whole width, and so may
one that made recorded calls: what is said of it stands below.  What was never reached is dim, and has a sign
for where there is no colour.  `sourcefolds` says which lines are shown, `sourcenotes` what is said of each,
and `sheet` where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import IO

from ..calls import Listing
from .amounts import many
from .clean import clean
from .glyphs import can_write
from .guest import Console, ConsoleOptions, RenderResult, cell_len
from .layout import DEFAULT_WIDTH, Page, Piece, Row
from .screen import Screen, plain, styled
from .sheet import UNREACHED, fitting
from .sourcefolds import Fold, reached, shown
from .sourcenotes import Note, notes

SIGNS = {True: " ", False: UNREACHED, None: "?"}
"""Whether a line was reached; None: not known."""
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
    sheet = fitting(listing, page, told, chosen)
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
    call = listing.call
    inherited = call.defined_in != call.owner and call.kind not in ("function", "loss")
    name = f"{listing.name} defined in {call.defined_in}" if inherited else listing.name
    words = [name, f"{PurePath(listing.file).name}:{listing.start}"]
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
    if not listing.certain:
        words = "the text is what is installed here: which version ran was not recorded"
        yield page.words(words, "warning")
    if any(column.ended == "open" for column in listing.columns):
        yield page.words("incomplete: the end of a call was not seen, more lines may have run", "warning")
    folded = sum(one.stop - one.start for one in chosen if isinstance(one, Fold))
    if folded:
        yield page.words(f"folded: {many(folded, 'line')} · --all shows them", "note")
