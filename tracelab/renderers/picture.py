"""The tree as an SVG picture, for a page that shows what the terminal shows.

rich draws its own console into SVG; the picture holds text, so it can be searched and copied.  The fonts
that rich would load from elsewhere are taken out: a picture that is looked at fetches nothing.
"""

from __future__ import annotations

import io
import re

from ..calls import Trace
from .clean import clean
from .guest import Console
from .layout import DEFAULT_WIDTH, Page
from .screen import styled
from .tree import tree

_FONTS = re.compile(r"@font-face\s*\{.*?\}\s*", re.DOTALL)


def svg(
    trace: Trace,
    title: str = "tracelab",
    width: int | None = None,
    *,
    depth: int | None = None,
    fold: bool = True,
    ascii: bool | None = None,
    filter: str | None = None,
    chain: bool = False,
    noise: bool = False,
) -> str:
    """The tree in `width` columns (80); the other options are those of `tree.show`."""
    width = width or DEFAULT_WIDTH
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        highlight=False,
    )
    for row in tree(trace, Page(width, bool(ascii)), depth, fold, filter, chain=chain, noise=noise):
        console.print(styled(row), soft_wrap=True)
    return _FONTS.sub("", console.export_svg(title=clean(title)))
