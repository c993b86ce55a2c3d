"""The tree as an SVG picture, for a page that shows what the terminal shows.

rich draws its own console into SVG; the picture holds text, so it can be searched and copied.
"""

from __future__ import annotations

import io

from rich.console import Console

from ..calls import Trace
from .layout import DEFAULT_WIDTH, Page
from .screen import styled
from .tree import tree


def svg(trace: Trace, title: str = "tracelab", width: int = DEFAULT_WIDTH) -> str:
    """The folded tree on one screen of `width` columns."""
    console = Console(
        record=True,
        width=width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        highlight=False,
    )
    for row in tree(trace, Page(width)):
        console.print(styled(row), soft_wrap=True)
    return console.export_svg(title=title)
