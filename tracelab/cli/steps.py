"""`tracelab steps`: the steps of generation and training in a trace file, for eyes or for another program."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from typing import Any

import click

from ..calls import Call, Step
from .options import fold_option

COLUMNS = [field.name for field in dataclasses.fields(Step)]


@click.command(short_help="Show the steps of generation in a trace file.")
@fold_option("One row for each step.")
@click.option("--json", "form", flag_value="json", help="Write a JSON list, one object for each step.")
@click.option("--csv", "form", flag_value="csv", help="Write CSV; shapes are JSON lists.")
@click.option(
    "--tokens",
    type=click.IntRange(1, 10),
    metavar="K",
    help="Show instead what each step chose among its K highest scores, and which logits processor changed"
    " that; needs a trace with values.",
)
@click.argument("file")
def steps(file: str, fold: bool, form: str | None, tokens: int | None) -> None:
    """Show the generation steps of FILE, a trace that was saved; - reads standard input."""
    from ..exporters import load

    recorded = load(file)
    if tokens is not None:
        try:
            click.echo(str(recorded.tokens(tokens)))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    elif form == "json":
        click.echo(json.dumps([_plain(step) for step in recorded.steps()], default=dict))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_cell, _plain(step).values()) for step in recorded.steps())
    else:
        from ..renderers.steps import show_steps

        show_steps(recorded, fold=fold)


def _plain(step: Step) -> dict[str, Any]:
    """A step as JSON can hold it: calls become their ids."""
    row = {name: getattr(step, name) for name in COLUMNS}
    return {name: value.id if isinstance(value, Call) else value for name, value in row.items()}


def _cell(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    return json.dumps(value, default=dict)
