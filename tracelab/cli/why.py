"""`tracelab why`: the lines that led to a call of a trace file, the MRO that decided, the arguments."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from ..errors import TracelabError

if TYPE_CHECKING:
    from ..calls import Call, Trace, Why


@click.command(short_help="Show why a call was made, and why it ran what it ran.")
@click.option("--json", "form", flag_value="json", help="Write a JSON object.")
@click.option(
    "--width", metavar="N", type=click.IntRange(min=20), help="Columns; default: as in the terminal."
)
@click.option("--ascii", is_flag=True, default=None, help="Write ASCII letters only.")
@click.argument("file")
@click.argument("call")
def why(file: str, call: str, form: str | None, width: int | None, ascii: bool | None) -> None:
    """Show why CALL of FILE was made: a number, Owner.function or a path, the first call that matches.

    The lines are read from the files that are installed here, and only from those that are still the ones
    that were traced.
    """
    from ..exporters import load

    recorded = load(file)
    asked = chosen(recorded, call)
    answer = asked[0].why()
    if form == "json":
        click.echo(json.dumps(_plain(answer, len(asked))))
        return
    from ..renderers.why import show

    show(answer, width=width, ascii=ascii, of=len(asked))


def chosen(trace: Trace, asked: str) -> list[Call]:
    """The calls that somebody means by a number or a pattern; TracelabError where there is none."""
    from ..analyses.selection import rows_matching
    from ..query import unknown

    calls = trace.calls
    if asked.isascii() and asked.isdigit():
        number = int(asked) if len(asked) < 20 else len(calls)
        if number >= len(calls):
            had = f"its calls are 0 to {len(calls) - 1}" if len(calls) else "it holds no calls"
            raise TracelabError(f"there is no call {asked[:20]} in this trace: {had}")
        return [calls[number]]
    rows = rows_matching(trace, asked)
    if not rows:
        raise TracelabError(unknown(trace, asked))
    return [calls[row] for row in rows]


def _plain(answer: Why, matching: int) -> dict[str, Any]:
    """The answer as JSON can hold it."""
    return {
        "call": answer.call.id,
        "name": answer.call.name,
        "matching": matching,
        "hops": [
            {
                "kind": hop.kind,
                "function": hop.function,
                "file": hop.file,
                "line": hop.line,
                "lines": [dataclasses.asdict(line) for line in hop.lines],
                "problem": hop.problem,
            }
            for hop in answer.hops
        ],
        "mro": [{**level._asdict(), "ran": at == answer.ran} for at, level in enumerate(answer.classes)],
        "own": answer.own,
        "arguments": [
            {"name": given.name, "spec": str(given.spec), "how": given.how} for given in answer.arguments
        ],
        "notes": list(answer.notes),
    }
