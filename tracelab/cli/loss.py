"""`tracelab loss`: the losses in a trace file, for eyes or for another program."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from ..calls import Call, Loss
from .options import fold_option

COLUMNS = [field.name for field in dataclasses.fields(Loss)]


@click.command(short_help="Show the losses in a trace file: shapes, shift, ignored labels, divisor.")
@fold_option("One row for each loss.")
@click.option("--json", "form", flag_value="json", help="Write a JSON list, one object for each loss.")
@click.argument("file")
def loss(file: str, fold: bool, form: str | None) -> None:
    """Show the losses of FILE, a trace that was saved; - reads standard input."""
    from ..exporters import load

    recorded = load(file)
    if form == "json":
        click.echo(json.dumps([_plain(one) for one in recorded.losses()]))
        return
    from ..renderers.losses import show_losses

    show_losses(recorded, fold=fold)


def _plain(one: Loss) -> dict[str, Any]:
    """A loss as JSON can hold it: calls become their ids."""
    row = {name: getattr(one, name) for name in COLUMNS}
    row["out_of_range"] = [dataclasses.asdict(place) for place in one.out_of_range]
    plain = {name: value.id if isinstance(value, Call) else value for name, value in row.items()}
    return {**plain, "file": one.file, "line": one.line}
