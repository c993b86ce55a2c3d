"""`tracelab run`: a script as it is, and then its calls.

What belongs to the script is left to it: its arguments are never read as ours, its stdout is not
touched (the tree goes to stderr), its exit code is the exit code.  The trace is shown and written after
the main code of the script has ended, also when it failed; its atexit handlers and the threads that it
has left running come later, because the process then ends as any other.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..errors import ScriptError
from .options import chain_options, check_output, output_option, show_tree, view_options
from .refusal import USAGE, refuse
from .stops import Stops

if TYPE_CHECKING:
    from ..calls import Trace
    from ..script import Program

RECORDING = ("values", "stats", "limit", "source", "follow", "see_through_compile")
"""The options that are those of `trace()`; the others say how the tree is shown."""


@click.command(
    short_help="Trace a script as it is, then show its calls.",
    context_settings={"allow_interspersed_args": False},  # all that follows SCRIPT is the script's
)
@output_option
@click.option("-m", "module", is_flag=True, help="SCRIPT is the name of a module, as in python -m.")
@click.option("--values", is_flag=True, help="Keep small values: texts, token ids, numbers.")
@click.option("--stats", is_flag=True, help="Keep min, max, mean, NaN and Inf counts of floating tensors.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Calls kept.",
)
@click.option(
    "--see-through-compile", is_flag=True, help="Run compiled code as plain Python, so that it is seen."
)
@click.option(
    "--source", metavar="PATTERN", multiple=True, help="Keep the lines of these calls; see tracelab source."
)
@click.option("--follow", is_flag=True, help="For --source: tell tensors apart; see tracelab follow.")
@click.option(
    "--break",
    "breaks",
    metavar="PATTERN[@STEP]",
    multiple=True,
    help="Enter the debugger in calls of 'LlamaAttention.forward', 'model.layers.3.self_attn@4' ...",
)
@click.option("--when", metavar="EXPR", help="For --break: only if this holds, such as 'nan(output)'.")
@click.option("--post-mortem", is_flag=True, help="Enter the debugger where the script fails.")
@click.option("--quiet", is_flag=True, help="Show no tree.")
@chain_options
@view_options
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(
    script: str,
    arguments: tuple[str, ...],
    output: str | None,
    module: bool,
    quiet: bool,
    breaks: tuple[str, ...],
    when: str | None,
    post_mortem: bool,
    **options: Any,
) -> Callable[[], int]:
    """Run SCRIPT with its ARGUMENTS as python would, then show its calls on stderr.

    SCRIPT is a file, a folder or zip file with a __main__.py, a module (-m), or - for a program on
    standard input.  The options of tracelab stand before it; all that follows belongs to the script.
    """
    from ..script import find

    check_output(output)
    program = find(script, list(arguments), module=module)
    recording = {name: options.pop(name) for name in RECORDING}
    recording["chain"] = options["chain"] or options["noise"]
    stops = Stops(breaks, when, post_mortem)
    target = output if output in (None, "-") else os.path.abspath(output)  # noqa: PTH100 (a text stays one)
    return lambda: _trace(program, recording, stops, None if quiet else options, target)


def _trace(
    program: Program, recording: dict[str, Any], stops: Stops, view: dict[str, Any] | None, output: str | None
) -> int:
    from ..script import conclude, leave, run
    from ..session import trace

    process, stderr = os.getpid(), sys.stderr
    with stops, trace(**recording) as recorded:
        ended = run(program)
    if isinstance(ended, ScriptError) and ended.__traceback__ is None:
        return refuse(str(ended), code=1)  # ours, not one that the script raised
    code = conclude(ended)
    stops.look_at(ended, recorded)
    # A child that the script forked, and that came this far, has nothing to show.
    if os.getpid() == process:
        with contextlib.suppress(Exception):  # the script's own output comes before ours
            sys.stdout.flush()
        written = _write(recorded, output)
        _show(recorded, view, stderr)
        code = code if written else code or USAGE
    return leave(ended, code)


def _write(recorded: Trace, output: str | None) -> bool:
    """Write the trace; a failure is said, and may not hide how the script ended."""
    from ..instruments import path_of_rank

    if output is None:
        return True
    try:
        recorded.save(output if output == "-" else path_of_rank(output, recorded.meta.get("rank")))
    except (Exception, KeyboardInterrupt) as error:
        refuse(f"the trace was not written to {output!r}: {type(error).__name__}: {error}")
        return False
    return True


def _show(recorded: Trace, view: dict[str, Any] | None, stderr: TextIO | None) -> None:
    """Show the tree where stderr was when the script began, if it is still there."""
    if view is None or stderr is None or stderr.closed:
        return
    try:
        show_tree(recorded, view, stderr)
    except (OSError, SystemExit, KeyboardInterrupt):
        return  # nobody wants it: `2>&1 | head`, which rich turns into SystemExit, or Ctrl-C
    except Exception as error:
        refuse(f"the tree cannot be shown: {error}")
