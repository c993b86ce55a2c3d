"""`tracelab demo`: the whole thing on a small model, with nothing but the install."""

from __future__ import annotations

import os
from typing import Any

import click

from .options import check_output, output_option, show_tree, view_options


@click.command(short_help="Trace a small model that is built on the spot.")
@output_option
@view_options
@click.argument("model", default="whisper", metavar="[whisper|llama|bert|t5]")
def demo(model: str, output: str | None, **view: Any) -> None:
    """Build a small MODEL with random weights and a tokenizer, run it, and show what ran."""
    from ..demo import build
    from ..session import trace

    check_output(output)
    # This process is ours: what transformers has to say about such a model would hide the tree.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    run, about = build(model)
    with trace() as recorded:
        run()
    if output is not None:
        recorded.save(output)
    if output == "-":
        return
    click.echo(about)
    click.echo("Random weights: the words are noise, the calls are those of the large model.\n")
    show_tree(recorded, view)
    if recorded.steps():
        from ..renderers.steps import show_steps

        click.echo()
        show_steps(recorded, fold=view["fold"], width=view["width"], ascii=view["ascii"])
