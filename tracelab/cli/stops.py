"""The debugger in `tracelab run`: `--break`, `--when` and `--post-mortem`."""

from __future__ import annotations

import bdb
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from ..errors import SetupError
from .refusal import refuse

if TYPE_CHECKING:
    from ..breakpoints import Breakpoint
    from ..calls import Trace


class Stops:
    """The breakpoints of one run; they stand while it is entered."""

    def __init__(self, patterns: tuple[str, ...], when: str | None, post_mortem: bool) -> None:
        """UsageError for what is no place and no condition, before the script begins."""
        if when is not None and not patterns:
            raise click.UsageError("--when needs a --break that it belongs to")
        if patterns:
            from ..stops import Condition, Place

            try:
                Condition(when)
                for pattern in patterns:
                    Place.parse(pattern)
            except SetupError as error:
                raise click.UsageError(str(error)) from None
        self._patterns = patterns
        self._when = when
        self._post_mortem = post_mortem
        self._standing: list[Breakpoint] = []
        self._clearing = ExitStack()

    def __enter__(self) -> None:
        if self._patterns:
            from ..breakpoints import breakpoint

            for pattern in self._patterns:
                self._standing.append(self._clearing.enter_context(breakpoint(pattern, when=self._when)))

    def __exit__(self, *exception: object) -> None:
        self._clearing.close()

    def look_at(self, ended: BaseException | None, recorded: Trace) -> None:
        """After the script: say which breakpoints fitted no call; the debugger, where the script failed."""
        for pattern, point in zip(self._patterns, self._standing, strict=True):
            if not point.met:
                refuse(f"--break {pattern!r} fits no call of this run")
        if not self._post_mortem or not isinstance(ended, Exception) or isinstance(ended, bdb.BdbQuit):
            return
        if ended.__traceback__ is not None:
            from ..stops import failed_call, post_mortem

            post_mortem(ended.__traceback__, lambda: str(recorded), lambda: failed_call(recorded))
