"""How a program ends: what the interpreter says about it, and how the process goes.

The words go out at once, through the `sys.excepthook` that the program may have set; the process goes
later, when the trace has been shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
from types import TracebackType

from .ours import cut_ours


def conclude(ended: BaseException | None) -> int:
    """Say on stderr what the interpreter would say about this end; gives the exit code."""
    if ended is None:
        return 0
    if isinstance(ended, SystemExit):
        return _exit_code(ended)
    sys.last_type, sys.last_value, sys.last_traceback = type(ended), ended, ended.__traceback__
    if sys.version_info >= (3, 12):
        sys.last_exc = ended
    try:
        sys.excepthook(type(ended), ended, ended.__traceback__)
    except SystemExit as leaving:
        return _exit_code(leaving)
    except BaseException as fault:
        cut_ours(fault)
        _say("Error in sys.excepthook:")
        sys.__excepthook__(type(fault), fault, fault.__traceback__)
        _say("\nOriginal exception was:")
        sys.__excepthook__(type(ended), ended, ended.__traceback__)
    return 130 if isinstance(ended, KeyboardInterrupt) else 1


def _exit_code(leaving: SystemExit) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    _say(leaving.code)
    return 1


def _say(what: object) -> None:
    """Print on stderr; where the program has closed it or taken it away, on the stream below it."""
    try:
        print(what, file=sys.stderr or sys.__stderr__)
    except ValueError:
        with contextlib.suppress(OSError):
            os.write(2, f"{what}\n".encode(errors="backslashreplace"))


def leave(ended: BaseException | None, code: int) -> int:
    """The exit code to end with; after Ctrl-C it ends by the signal itself, so that a shell sees it."""
    if isinstance(ended, KeyboardInterrupt) and code == 130:
        sys.excepthook = _say_nothing  # `conclude` has said it
        raise KeyboardInterrupt
    return code


def _say_nothing(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    pass
