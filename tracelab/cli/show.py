"""`tracelab show`: the call tree of a trace file, on a machine that need not have torch."""

from __future__ import annotations

from typing import Any

import click

from .options import show_tree, view_options


@click.command(short_help="Show the call tree of a trace file.")
@view_options
@click.argument("file")
def show(file: str, **view: Any) -> None:
    """Show the call tree of FILE, a trace that was saved; - reads standard input."""
    from ..exporters import load

    show_tree(load(file), view)
