"""Where a tensor went, on one screen: the short line, then one row for each hop, then the branches.

q_proj → * → view → transpose → contiguous → attention_interface → reshape →
contiguous → out_proj
what call 71 gave back: Linear.forward at model.decoder.layers.0.self_attn.q_proj
   1  * → view → transpose → contiguous  query_states  modeling_whisper.py:310      f32[1,4,4,8]
...
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import IO

from ..calls.path import CALL, INTO, KEPT, LINE, RETURN, SAME, Path, PathHop
from .clean import clean
from .glyphs import can_write
from .guest import Console, ConsoleOptions, RenderResult
from .labels import Label
from .layout import DEFAULT_WIDTH, SHORTEST, Page, Row
from .parts import Part
from .screen import Screen, plain, styled

MAIN, BESIDE, WORDS = 20, 10, 4
"""So many rows the main path, the branches and the short line may have; `--all` shows the rest."""


def text(path: Path, width: int = DEFAULT_WIDTH, all: bool = False) -> str:
    """The path without colours."""
    return "\n".join(plain(row) for row in rows(path, Page(width), all))


def show(
    path: Path,
    *,
    all: bool = False,
    width: int | None = None,
    ascii: bool | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print the path."""
    screen = Screen(file, width, ascii)
    screen.write(rows(path, screen.page, all))


def renderable(path: Path) -> Drawn:
    """A path as something that `rich.print` can show, in the width that it is given."""
    return Drawn(path)


class Drawn:
    """A path on a rich console."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Page(options.max_width, options.ascii_only or not can_write(options.encoding))
        for row in rows(self._path, page):
            yield styled(row)


def rows(path: Path, page: Page, all: bool = False) -> Iterator[Row]:
    """All lines."""
    short = _wrapped(clean_words(path.words), page)
    yield from (page.words(line, "header") for line in (short if all else short[:WORDS]))
    if len(short) > WORDS and not all:
        yield page.words("…", "header")
    yield _beginning(path, page)
    yield from _listed(path.hops, page, len(path.hops) if all else MAIN)
    yield page.words(f"   {clean(path.ended)}", "note")
    yield from _branches(path, page, all)
    for note in path.notes:
        yield from (page.words(line, "note") for line in _wrapped(f"note: {clean(note)}", page))


def clean_words(words: Sequence[str]) -> str:
    """The short line, of names that do not act."""
    return " → ".join(map(clean, words))


def _beginning(path: Path, page: Page) -> Row:
    call = path.call
    where = f" at {clean(call.path)}" if call.path else ""
    shape = "" if path.spec is None else clean(str(path.spec))
    words = f"{clean(path.start)} of call {call.id}: {clean(call.name)}{where}"
    return page.place("", Label([Part(words, "note", shrinks=True)], shapes=shape))


def _listed(hops: Sequence[PathHop], page: Page, most: int) -> Iterator[Row]:
    """Hops; of too many the first and the last ones."""
    if len(hops) <= most:
        yield from (_row(hop, page) for hop in hops)
        return
    first, last = most - most // 4, most // 4
    yield from (_row(hop, page) for hop in hops[:first])
    yield page.words(f"   … {len(hops) - first - last} more hops · --all shows them", "note")
    yield from (_row(hop, page) for hop in hops[-last:])


def _row(hop: PathHop, page: Page, before: str = "") -> Row:
    same = "  same object" if hop.how == SAME and hop.what in (CALL, LINE) else ""
    is_told = hop.what == KEPT or (hop.what == INTO and hop.name == hop.parameter)
    name = f"  {clean(hop.name)}" if hop.name and not is_told else ""
    place = "" if hop.file is None else f"  {clean(PurePath(hop.file).name)}:{hop.line}"
    shape = "" if hop.spec is None else clean(str(hop.spec))
    parts = [
        Part(f"{hop.number:>4}  ", "note"),
        Part(before + _said(hop), "method", shrinks=True),
        Part(name, "name", shrinks=bool(name)),
        Part(same, "note", rank=2),
        Part(place, "note", rank=1),
    ]
    source = None if hop.file is None or hop.line is None else (hop.file, hop.line)
    return page.place("", Label([part for part in parts if part.text], shapes=shape, source=source))


def _said(hop: PathHop) -> str:
    """What a hop is, in words."""
    words = clean_words(hop.words)
    if hop.what == CALL:
        return f"{words}({clean(hop.parameter)})"
    if hop.what == INTO:
        return f"into {words} as {clean(hop.parameter)}"
    if hop.what == RETURN:
        return f"{f'{words}, ' if words else ''}returned by {clean(hop.call.name)}"
    if hop.what == KEPT:
        return f"{f'{words}, ' if words else ''}kept in {clean(hop.name)}"
    return words or "named"


def _branches(path: Path, page: Page, all: bool) -> Iterator[Row]:
    """The other ways; a row for each, and all their hops with `all`."""
    if path.branches:
        yield page.words("other ways", "header")
    shown = path.branches if all else path.branches[:BESIDE]
    for branch in shown:
        if all:
            from_where = f"from {branch.after}" if branch.after else "from the start"
            yield page.words(f"   {from_where}{_joining(branch.joins)}", "note")
            yield from (_row(hop, page) for hop in branch.hops)
            continue
        words = [clean_words(hop.words) or _said(hop) for hop in branch.hops if hop.words or hop.what == KEPT]
        last = branch.hops[-1] if branch.hops else None
        name = next((hop.name for hop in reversed(branch.hops) if hop.name), "")
        parts = [
            Part(f"{branch.after:>4}  ", "note"),
            Part(" → ".join(words), "method", shrinks=True),
            Part(f"  {clean(name)}" if name else "", "name"),
            Part(_joining(branch.joins), "note"),
        ]
        shape = "" if last is None or last.spec is None else clean(str(last.spec))
        yield page.place("", Label([part for part in parts if part.text], shapes=shape))
    hidden = len(path.branches) - len(shown)
    if hidden:
        yield page.words(f"   … {hidden} more · --all shows them", "note")
    if path.cut:
        yield page.words(f"   and {path.cut} more that are not told", "note")


def _joining(joins: int | None) -> str:
    return "" if joins is None else "  joins the start" if joins == 0 else f"  joins {joins}"


def _wrapped(words: str, page: Page) -> list[str]:
    """Words on as many lines as they need."""
    if page.width is None:
        return [words]
    return textwrap.wrap(words, max(page.width, SHORTEST), break_long_words=True, break_on_hyphens=False)
