"""`tracelab follow`: where a tensor of a trace file went, through lines and calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..calls.path import Path, PathHop


@click.command(short_help="Show where a tensor went, through lines and calls.")
@click.option("--name", metavar="NAME", help="Not what CALL gave back, but what its lines called NAME.")
@click.option("--all", "everything", is_flag=True, help="Show every hop of every way.")
@click.option("--json", "form", flag_value="json", help="Write a JSON object.")
@click.option(
    "--width", metavar="N", type=click.IntRange(min=20), help="Columns; default: as in the terminal."
)
@click.option("--ascii", is_flag=True, default=None, help="Write ASCII letters only.")
@click.argument("file")
@click.argument("call")
def follow(
    file: str,
    call: str,
    name: str | None,
    everything: bool,
    form: str | None,
    width: int | None,
    ascii: bool | None,
) -> None:
    """Show where the tensor went that CALL of FILE gave back: a trace recorded with --source and --follow.

    CALL is a number, Owner.function or a path in the model, the first call that matches.
    """
    from ..analyses import following
    from ..exporters import load

    recorded = load(file)
    number = call.removeprefix("#")
    asked = int(number[:18]) if number.isascii() and number.isdigit() else call
    found = following.follow(recorded, asked, name)
    if form == "json":
        click.echo(json.dumps(plain(found)))
        return
    from ..renderers.path import show

    show(found, all=everything, width=width, ascii=ascii)


def plain(path: Path) -> dict[str, Any]:
    """The path as JSON can hold it: calls become their numbers, specs their texts."""
    return {
        "short": path.short,
        "words": list(path.words),
        "start": path.start,
        "call": path.call.id,
        "spec": None if path.spec is None else str(path.spec),
        "hops": [_hop(hop) for hop in path.hops],
        "branches": [
            {"after": branch.after, "hops": [_hop(hop) for hop in branch.hops], "joins": branch.joins}
            for branch in path.branches
        ],
        "ended": path.ended,
        "notes": list(path.notes),
        "cut": path.cut,
    }


def _hop(hop: PathHop) -> dict[str, Any]:
    about = ("number", "what", "how", "parameter", "name", "file", "line", "text")
    found = {one: getattr(hop, one) for one in about}
    spec = None if hop.spec is None else str(hop.spec)
    return {**found, "words": list(hop.words), "call": hop.call.id, "spec": spec}
