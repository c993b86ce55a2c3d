"""`tracelab batch`: the rows of a batch in a trace file, token by token."""

from __future__ import annotations

import click

from ..errors import BatchError


@click.command(short_help="Show a batch in a trace file, token by token.")
@click.option(
    "--number", "-n", metavar="N", type=click.IntRange(min=1), default=1, help="Which batch; 1 is first."
)
@click.option(
    "--width", metavar="N", type=click.IntRange(min=20), help="Columns; default: as in the terminal."
)
@click.option("--ascii", is_flag=True, default=None, help="Write ASCII letters only.")
@click.argument("file")
def batch(file: str, number: int, width: int | None, ascii: bool | None) -> None:
    """Show a batch of FILE, a trace that was recorded with values: for each id its token, mask and label."""
    from ..exporters import load
    from ..renderers.tokenline import show

    batches = load(file).token_batches()
    if number > len(batches):
        raise BatchError(f"there is no batch {number}: this trace has {len(batches)}")
    show(batches[number - 1 : number], of=(number, len(batches)), width=width, ascii=ascii)
