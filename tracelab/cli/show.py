"""`tracelab show`: the call tree of a trace file, on a machine that need not have torch."""

from __future__ import annotations

from typing import Any

import click

from ..errors import TracelabError
from .options import chain_options, show_tree, strict_filter, view_options


@click.command(short_help="Show the call tree of a trace file.")
@chain_options
@view_options
@click.option("--svg", metavar="FILE", help="Draw one screen as an SVG picture instead.")
@click.argument("file")
def show(file: str, svg: str | None, **view: Any) -> None:
    """Show the call tree of FILE, a trace that was saved; - reads standard input."""
    from ..exporters import files, load

    recorded = load(file)
    if svg is None:
        show_tree(recorded, view)
        return
    from ..renderers import picture

    with strict_filter():
        drawn = picture.svg(recorded, **view)
    try:
        files.write(svg, [drawn], compress=False)
    except OSError as error:
        raise TracelabError(f"cannot write {svg!r}: {error.strerror}") from None
