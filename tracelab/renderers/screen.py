"""Where lines are written: how wide it is, whether it has colours, which signs it can show.

A terminal gets colours, links and its own width.  Anything else (a file, a pipe, a CI log) gets plain text
of any length, written without rich, because a listing of a million calls should not be rendered twice.
`NO_COLOR`, `FORCE_COLOR`, `COLUMNS` and the like are rich's business.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from pathlib import PurePath
from typing import IO
from urllib.parse import quote

from ..errors import TracelabError
from .glyphs import can_write
from .guest import Console, Style, Table, Text
from .labels import Source
from .layout import Page, Row
from .theme import STYLES

NARROWEST = 20
WIDEST = 1000
"""More than any table needs."""


class Screen:
    """A place to write finished lines to: `page` says what fits on it."""

    def __init__(
        self, file: IO[str] | None = None, width: int | None = None, ascii: bool | None = None
    ) -> None:
        if width is not None and width < NARROWEST:
            raise TracelabError(f"width {width!r} is too narrow for a tree; it takes {NARROWEST} or more")
        self._file = sys.stdout if file is None else file
        # As it is now: `datasets.map(num_proc=2)` puts another mapping there, and rich keeps the first.
        environment = os.environ
        self.console = Console(
            file=self._file, width=width, highlight=False, markup=False, emoji=False, _environ=environment
        )
        self.terminal = self.console.is_terminal
        if width is None and self.terminal:
            width = max(self.console.width, NARROWEST)
        if ascii is None:
            # A text buffer without an encoding holds any letter.
            encoding = getattr(self._file, "encoding", None)
            ascii = encoding is not None and not can_write(encoding)
        self.page = Page(width, ascii)

    def write(self, rows: Iterable[Row]) -> None:
        """Write the lines, one after another."""
        links = self.terminal and self.console.color_system is not None and not self.console.no_color
        for row in rows:
            if self.terminal:
                self.console.print(styled(row, links), soft_wrap=True)
            else:
                self._file.write(self._encodable(plain(row)) + "\n")

    def write_table(self, table: Table) -> None:
        """Write a table: cut to the width of the page, or as wide as it is where the page has none."""
        if self.terminal:
            self.console.print(table)
            return
        wide = self.page.width or WIDEST
        drawn = Console(file=io.StringIO(), width=wide, color_system=None, force_terminal=False)
        with drawn.capture() as captured:
            drawn.print(table)
        for line in captured.get().splitlines():
            self._file.write(self._encodable(line.rstrip()) + "\n")

    def _encodable(self, text: str) -> str:
        """A name may hold what the stream cannot encode although it can encode our own signs."""
        encoding = getattr(self._file, "encoding", None)
        if text.isascii() or not encoding:
            return text
        return text.encode(encoding, "backslashreplace").decode(encoding)


def plain(row: Row) -> str:
    """A finished line without colours."""
    return "".join(piece.text for piece in row).rstrip()


def styled(row: Row, links: bool = False) -> Text:
    """A finished line in the colours of the theme; never parsed as markup."""
    line = Text(no_wrap=True, overflow="ignore", end="")
    for piece in row:
        look = Style.parse(STYLES.get(piece.style, ""))
        address = link(piece.source) if links else None
        line.append(piece.text, look + Style(link=address) if address else look)
    return line


def link(source: Source | None) -> str | None:
    """A `file://` address of a source line, safe inside an escape sequence; None where there is none."""
    if source is None:
        return None
    file = source[0]
    if file.startswith("~/"):  # a trace keeps no home directory: whoever looks has one of their own
        file = os.path.expanduser(file)  # noqa: PTH111 (Path.expanduser raises for a user without one)
    path = PurePath(file)
    if not path.is_absolute():
        return None
    return f"file://{quote(path.as_posix(), errors='replace')}#{source[1]}"  # a file may name half a letter
