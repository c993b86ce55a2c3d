"""The folded call tree on a screen, in a file, in a notebook.

    WhisperForConditionalGeneration · 312 calls · 0.21 s · 6 steps
    WhisperForConditionalGeneration.generate  defined in WhisperGenerationMixin
    └ .generate  defined in GenerationMixin
      ├ model.encoder WhisperEncoder                f32[1,80,100] → f32[1,50,32]
      └ ._sample  greedy
        ├ step 0 prefill  kv 0                            i64[1,4] → f32[1,1,99]
        └ steps 1–5 decode ×5  kv 4…8                     i64[1,1] → f32[1,1,99]

By default the best lines for one screen are shown (`analyses.budget`).  `depth` shows all lines down to a
level, `fold=False` every single call.  On a terminal, or where a width is given, lines are cut to it; in a
pipe nothing is cut and nothing is coloured.
"""

from __future__ import annotations

import html as _html
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from ..analyses.budget import Shown, all_lines, best_lines
from ..analyses.lines import HELPERS
from ..analyses.outline import Outline
from ..analyses.reached import Reached
from ..analyses.selection import matching
from ..calls import Trace, quiet
from ..errors import TracelabError
from .glyphs import can_write
from .guest import Console, ConsoleOptions, RenderResult
from .headline import empty, footer, header
from .labels import label
from .layout import DEFAULT_WIDTH, WIDE, Page, Row, guides, guides_below
from .screen import Screen, plain, styled
from .via import via

MAX_LINES = 40


def show(
    trace: Trace,
    depth: int | None = None,
    fold: bool = True,
    width: int | None = None,
    *,
    ascii: bool | None = None,
    filter: str | None = None,
    file: IO[str] | None = None,
    max_lines: int | None = MAX_LINES,
    chain: bool = False,
    noise: bool = False,
) -> None:
    """Print the tree.

    `filter`: only calls that match (`Owner.function` or a path, with `*`), and those above them.
    `file`: where to (standard output).  `ascii`: None asks the encoding of the file.  `max_lines`: None
    for no limit; with `depth` or `fold=False` there is none.  `chain`, `noise`: see `Trace.print`.
    """
    screen = Screen(file, width, ascii)
    page = replace(screen.page, sources=not fold or (screen.page.width or 0) >= WIDE)
    screen.write(tree(trace, page, depth, fold, filter, max_lines, chain=chain, noise=noise))


def text(trace: Trace) -> str:
    """The tree as plain text of at most 80 columns and 40 lines."""
    return "\n".join(plain(row) for row in tree(trace, Page(DEFAULT_WIDTH)))


def html(trace: Trace) -> str:
    """The tree as an inert HTML fragment."""
    return f'<pre style="line-height:1.2">{_html.escape(text(trace))}</pre>'


def renderable(trace: Trace) -> Tree:
    """The tree as something that `rich.print` can show, in the width that it is given."""
    return Tree(trace)


class Tree:
    """A trace on a rich console."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        page = Page(options.max_width, options.ascii_only or not can_write(options.encoding))
        for row in tree(self._trace, page):
            line = styled(row)
            line.end = "\n"
            yield line


def tree(
    trace: Trace,
    page: Page,
    depth: int | None = None,
    fold: bool = True,
    filter: str | None = None,
    max_lines: int | None = MAX_LINES,
    *,
    chain: bool = False,
    noise: bool = False,
) -> Iterator[Row]:
    """The finished lines of the tree."""
    if depth is not None and depth < 1:
        raise TracelabError(f"depth {depth!r} shows nothing; it takes 1 or more")
    # A trace that is still running grows while it is drawn: this is one moment of it.
    trace = Trace(trace.columns)
    if not len(trace.columns):
        yield from empty(trace, page)
        return
    reached = _reached(trace, noise) if chain or noise else None
    outline = Outline(trace, fold, None if filter is None else matching(trace, filter), reached)
    if depth is not None or not fold or max_lines is None:
        yield from header(trace, page)
        yield from _drawn(outline, all_lines(outline, depth), page)
        return
    with quiet():
        # Around the tree stand a header of one to three lines and a footer, with chains of two.
        above = list(header(trace, page))
        room = max_lines - len(above) - (1 if reached is None else 2)
        rows = [*above, *_drawn(outline, best_lines(outline, max(room, 3)), page)]
    yield from rows


def _reached(trace: Trace, noise: bool) -> Reached:
    """How the calls were reached; an error if nobody has kept that."""
    found = Reached(trace.columns, noise)
    if not found.known:
        raise TracelabError(
            "this trace has no call chains: record it with trace(chain=True) or tracelab run --chain"
        )
    return found


def _drawn(outline: Outline, shown: Iterator[Shown], page: Page) -> Iterator[Row]:
    """The lines of the tree and the footer, which tells what they left out."""
    lasts: list[bool] = []
    lines = hidden = 0
    for one in shown:
        del lasts[one.depth :]
        lasts.append(one.last)
        lines += 1
        if not one.open and one.line.kind != HELPERS:
            hidden += outline.all_hidden(one.line)
        yield page.place(guides(lasts, one.depth), label(outline, one.line, one.open))
        words = via(outline, one.line)
        if words is not None:
            yield page.place(guides_below(lasts, one.depth, one.open), words)
    yield from footer(outline, hidden, lines, page)
