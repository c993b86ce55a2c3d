"""How the command line says no: one line on stderr, and an exit code."""

from __future__ import annotations

import contextlib
import sys

from ..renderers.clean import clean

USAGE = 2
"""Exit code for what is wrong on our side of the command line."""


def refuse(message: str, code: int = USAGE) -> int:
    """Say `message` on one line that cannot act in a terminal; gives the exit code."""
    line = " ".join(clean(word) for word in message.split())
    if sys.stderr is not None:
        with contextlib.suppress(Exception):  # a script may have closed it
            print(f"tracelab: {line}", file=sys.stderr)
    return code
