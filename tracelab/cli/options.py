"""What several commands share: the options of a tree, the showing of it, the check of an output file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from ..errors import PatternWarning, TracelabError

if TYPE_CHECKING:
    from ..calls import Trace

Command = TypeVar("Command", bound=Callable[..., Any])


def output_option(command: Command) -> Command:
    """`-o FILE`: where the trace is written."""
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        help="Write the trace: .json or .json.gz, or - for stdout; {rank} stands for the rank.",
    )(command)


def fold_option(help: str) -> Callable[[Command], Command]:
    """`--no-fold`, as the keyword `fold`."""
    return click.option("--no-fold", "fold", is_flag=True, default=True, flag_value=False, help=help)


def view_options(command: Command) -> Command:
    """The options that say how a tree is shown; a command gets them as keywords for `show_tree`."""
    for option in (
        click.option("--filter", metavar="PATTERN", help="Keep '*Attention.forward' and what is above it."),
        click.option(
            "--width", metavar="N", type=click.IntRange(min=20), help="Columns; default: as in the terminal."
        ),
        click.option("--ascii", is_flag=True, default=None, help="Draw with ASCII letters only."),
        fold_option("Show every repeat on its own."),
        click.option(
            "--depth", metavar="N", type=click.IntRange(min=1), help="Levels shown; default: one screen."
        ),
    ):
        command = option(command)
    return command


def chain_options(command: Command) -> Command:
    """`--chain` and `--chain-all`, as keywords for `show_tree`."""
    all_of_it = click.option(
        "--chain-all", "noise", is_flag=True, help="--chain, with functions that only hand on."
    )
    return click.option(
        "--chain", is_flag=True, help="Show the functions between calls, with the lines that call on."
    )(all_of_it(command))


def show_tree(recorded: Trace, view: dict[str, Any], file: TextIO | None = None) -> None:
    """Draw the tree; a filter that matches nothing is an error that names what comes near."""
    from ..renderers import tree

    with strict_filter():
        tree.show(recorded, **view, file=file)


@contextmanager
def strict_filter() -> Iterator[None]:
    """A filter that matches nothing ends the command."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", PatternWarning)
        try:
            yield
        except PatternWarning as unknown:
            raise TracelabError(str(unknown)) from None


def check_output(output: str | None) -> None:
    """Refuse an output file that could not be written, before a script has run for an hour."""
    from ..exporters import STANDARD, SUFFIXES
    from ..instruments import path_of_rank

    if output is None or output == STANDARD:
        return
    path = Path(path_of_rank(output, None))
    if not path.name.lower().endswith(tuple(SUFFIXES)):
        raise TracelabError(f"cannot write {output!r}: the known suffixes are {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise TracelabError(f"cannot write {output!r}: it is a folder")
    if not path.parent.is_dir():
        raise TracelabError(f"cannot write {output!r}: there is no folder {str(path.parent)!r}")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise TracelabError(f"cannot write {output!r}: the folder {str(path.parent)!r} is not writable")
