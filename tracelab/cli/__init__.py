"""The command line: trace a script, look at a trace file, see a demo.

    tracelab run [-o FILE] SCRIPT ARGUMENTS...    tracelab show FILE       tracelab demo
    tracelab run [-o FILE] -m MODULE ARGUMENTS... tracelab steps FILE      tracelab batch FILE
    tracelab source FILE CALL                     tracelab loss FILE
    tracelab why FILE CALL                        tracelab follow FILE CALL

`COMMANDS` is the table of contents: a new command is one file in this folder, one row there.  What goes
wrong on our side is one line on stderr that starts with `tracelab:`, and exit code 2.

Gotcha: a traced script runs after click has returned.  It may use click itself, and would find our
context; and click would take its Ctrl-C, its `OSError` and its exit code for those of a command.  So a
command may give back a function, which `main` calls last.
"""

from __future__ import annotations

import os
import sys

import click

from ..errors import TracelabError
from . import batch, demo, follow, loss, run, show, source, steps, why
from .refusal import refuse

COMMANDS = (
    *(run.run, show.show, steps.steps, source.source, batch.batch),
    *(loss.loss, why.why, follow.follow, demo.demo),
)
"""The commands, in the order of `tracelab --help`."""

BROKEN_PIPE = 1
"""Exit code when the reader of our output went away, as in `| head`."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    try:
        after = commands.main(arguments, prog_name="tracelab", standalone_mode=False)
        sys.stdout.flush()
    except click.Abort:
        return 130
    except click.ClickException as error:
        return refuse(error.format_message())
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        return refuse(f"{error.strerror}: {error.filename!r}" if error.filename else str(error))
    except TracelabError as error:
        return refuse(str(error))
    return after() if callable(after) else after or 0


def _show_version(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from ..running import version

        click.echo(f"tracelab {version()}")
        context.exit()


class _InOrder(click.Group):
    """A group whose help keeps the order of `COMMANDS`, the most used one first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    commands=COMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def commands(context: click.Context) -> None:
    """See what Hugging Face code really does: which call made which, where, with which shapes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
