"""From words to one line of a page: guides, label, shapes at the right end.

Where a page has a width, no line exceeds it: first the parts that may be left out go, then names are
shortened in the middle, last the shapes go.  Without a width nothing is cut, and shapes are aligned as
far as the labels leave room.  A wide page has a column for the source: `modeling_llama.py:285`.  On an
ASCII page the signs are replaced before anything is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import NamedTuple

from .clean import clean
from .glyphs import to_ascii
from .guest import cell_len, chop_cells
from .labels import Label, Source
from .parts import Part

DEFAULT_WIDTH = 80
SHORTEST = 10
"""A name is not made shorter than this while something else can still go."""
WIDE = 120
"""From this width on there is room for the sources."""
SOURCES = 34
"""Cells of the column for the sources."""
DEEPEST = 40
"""Levels that are indented; what lies deeper is told by a number."""


class Piece(NamedTuple):
    """Some text in one style of the theme, and the source line that it links to."""

    text: str
    style: str
    source: Source | None = None


Row = list[Piece]
"""One finished line."""


@dataclass(frozen=True, slots=True)
class Page:
    """Where lines are put.

    `width` in cells (None: lines are as long as they are), `ascii`: only ASCII can be written, `sources`:
    where the code stands is told at the end of each line.
    """

    width: int | None = None
    ascii: bool = False
    sources: bool = False

    @property
    def tree_width(self) -> int | None:
        """Cells for the tree, without the column for the sources."""
        return self.width - SOURCES if self.width is not None and self.sources else self.width

    def words(self, sentence: str, style: str) -> Row:
        """A line of words alone."""
        return self.place("", Label([Part(sentence, style, shrinks=True)]))

    def place(self, guide: str, label: Label) -> Row:
        """The finished line of a label."""
        guide = self._sign(guide)
        parts = [replace(part, text=self._sign(part.text)) for part in label.parts]
        shapes = self._sign(label.shapes)
        width = self.tree_width
        if width is not None:
            guide = self.shorten(guide, width - 1)
            parts, shapes = self._fit(parts, shapes, width - cell_len(guide), label.shapes_first)
        pieces = [Piece(guide, "guide")] if guide else []
        pieces += [Piece(part.text, part.style, label.source if part.shrinks else None) for part in parts]
        if shapes:
            least = 2 if width is None else 1
            pieces.append(_space(pieces, (width or DEFAULT_WIDTH) - cell_len(shapes), least))
            pieces.append(Piece(shapes, "shape"))
        if self.sources and label.source is not None:
            file, line = label.source
            text = self._sign(clean(f"{PurePath(file).name}:{line}"))
            if width is not None:
                text = self.shorten(text, SOURCES - 2)
            pieces.append(_space(pieces, width or DEFAULT_WIDTH, 2))
            pieces.append(Piece(text, "note", label.source))
        return pieces

    def _sign(self, text: str) -> str:
        return to_ascii(text) if self.ascii else text

    def _fit(self, parts: list[Part], shapes: str, room: int, shapes_first: bool) -> tuple[list[Part], str]:
        if shapes_first and _over(parts, shapes, room) > 0:
            shapes = ""
        while _over(parts, shapes, room) > 0 and any(part.rank for part in parts):
            highest = max(part.rank for part in parts)
            parts = [part for part in parts if part.rank < highest]
        shrunk = self._shrink(parts, _over(parts, shapes, room), SHORTEST)
        if shapes and _over(shrunk, shapes, room) > 0:
            shapes = ""
            shrunk = self._shrink(parts, _over(parts, shapes, room), SHORTEST)
        if _over(shrunk, shapes, room) > 0:
            shrunk = self._chop(shrunk, room)
        return shrunk, shapes

    def _shrink(self, parts: list[Part], over: int, shortest: int) -> list[Part]:
        """Take `over` cells from the names, from the longest one first, but leave each `shortest`."""
        shrunk = list(parts)
        for at in sorted(range(len(parts)), key=lambda at: -cell_len(parts[at].text)):
            part = shrunk[at]
            size = cell_len(part.text)
            if over <= 0 or not part.shrinks or size <= shortest:
                continue
            text = self.shorten(part.text, max(size - over, shortest))
            over -= size - cell_len(text)
            shrunk[at] = replace(part, text=text)
        return shrunk

    def _chop(self, parts: list[Part], room: int) -> list[Part]:
        """The last resort: end the line where the page ends."""
        kept = []
        for part in parts:
            text = self.shorten(part.text, room)
            kept.append(replace(part, text=text))
            room -= cell_len(text)
        return kept

    def shorten(self, text: str, width: int) -> str:
        """`text` in at most `width` cells, its middle (of a list of names: its end) replaced by `…`."""
        if cell_len(text) <= width:
            return text
        dots = self._sign("…")
        if width <= len(dots):
            return dots[: max(width, 0)]
        tail = 0 if ", " in text else (width - len(dots)) // 2
        head = width - len(dots) - tail
        right = chop_cells(text[::-1], tail)[0][::-1] if tail else ""
        return f"{chop_cells(text, head)[0]}{dots}{right}"


def _space(pieces: Row, column: int, least: int) -> Piece:
    """Spaces up to a column, or a few where the line is already longer."""
    return Piece(" " * max(column - sum(cell_len(piece.text) for piece in pieces), least), "")


def _over(parts: list[Part], shapes: str, room: int) -> int:
    """By how many cells a line is too long."""
    used = sum(cell_len(part.text) for part in parts)
    return used + (cell_len(shapes) + 1 if shapes else 0) - room


def guides(lasts: Sequence[bool], depth: int) -> str:
    """The lines that connect a line with its parent; `lasts`: whether each ancestor was a last child."""
    if depth == 0:
        return ""
    if depth > DEEPEST:
        return f"│ │ … level {depth + 1}: "
    return "".join("  " if last else "│ " for last in lasts[1:depth]) + ("└ " if lasts[depth] else "├ ")


def guides_below(lasts: Sequence[bool], depth: int, open: bool) -> str:
    """The same for a second line of words; `open`: lines below it follow."""
    if depth > DEEPEST:
        return "│ │ …   "
    bars = "".join("  " if last else "│ " for last in lasts[1 : depth + 1])
    return f"{bars}{'│ ' if open else '  '}"
