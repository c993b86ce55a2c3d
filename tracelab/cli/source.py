"""`tracelab source`: the lines that ran in a trace file, with what they bound."""

from __future__ import annotations

import json
from typing import Any

import click

from ..calls import Call, Listing, SourceLine, Trace
from ..errors import TracelabError


@click.command(short_help="Show the source of functions that ran, with the shapes that each line made.")
@click.option("--path", metavar="PATH", help="Only calls at this place in the model; takes *.")
@click.option("--step", metavar="N", type=click.IntRange(min=0), help="Only calls in this step.")
@click.option("--all", "everything", is_flag=True, help="Show every listing, and every line of it.")
@click.option("--json", "form", flag_value="json", help="Write a JSON list, one object for each listing.")
@click.option(
    "--width", metavar="N", type=click.IntRange(min=20), help="Columns; default: as in the terminal."
)
@click.option("--ascii", is_flag=True, default=None, help="Write ASCII letters only.")
@click.argument("file")
@click.argument("call", required=False)
def source(
    file: str,
    call: str | None,
    path: str | None,
    step: int | None,
    everything: bool,
    form: str | None,
    width: int | None,
    ascii: bool | None,
) -> None:
    """Show the lines of CALL in FILE, a trace that was recorded with --source; - reads standard input.

    CALL is the number of a call, as a listing has it (17 or #17), or a pattern such as
    WhisperAttention.forward; without it everything that was recorded is shown.
    """
    from ..exporters import load

    found = _found(load(file), call, path, step)
    if form == "json":
        click.echo(json.dumps([plain(listing) for listing in found]))
        return
    from ..renderers.source import show

    show(found, all=everything, width=width, ascii=ascii)


def _found(trace: Trace, wanted: str | None, path: str | None, step: int | None) -> list[Listing]:
    from ..analyses import listing

    number = "" if wanted is None else wanted.removeprefix("#")
    if number.isascii() and number.isdigit():
        if path is not None or step is not None:
            raise TracelabError(f"call {number} is one call: --path and --step do not go with it")
        return listing.of_call(trace, int(number[:20]))
    found = listing.source(trace, wanted, path=path, step=step)
    if not found:
        raise TracelabError(found.explanation)
    return found


def plain(listing: Listing) -> dict[str, Any]:
    """A listing as JSON can hold it: calls become their numbers, specs their texts."""
    columns = [
        {
            "label": column.label,
            "steps": column.steps,
            "calls": [call.id for call in column.calls],
            "ended": column.ended,
            "cut": column.cut,
            "last": column.last,
            "returned": None if column.returned is None else str(column.returned),
        }
        for column in listing.columns
    ]
    lines = [
        {
            "number": line.number,
            "text": line.text,
            "role": line.role,
            "columns": [_seen(column.lines[at]) for column in listing.columns],
        }
        for at, line in enumerate(listing.lines)
    ]
    names = ("name", "file", "first", "start", "place", "problem", "certain")
    about = {name: getattr(listing, name) for name in names}
    return {"call": listing.call.id, **about, "columns": columns, "lines": lines}


def _seen(line: SourceLine) -> dict[str, Any]:
    return {
        "hits": line.hits,
        "reached": line.reached,
        "condition": line.condition,
        "bound": {name: str(spec) for name, spec in line.bound.items()},
        "calls": [_made(call) for call in line.calls],
    }


def _made(call: Call) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "path": call.path}
