"""The general way of a call: any callable, any number of traces at once, limits and facts.

It asks the active recorder to `enter`, calls the original, and reports `leave` or `fail`, by the rules that
stand in `wrapper`, whose short way covers most calls.  With nested traces it calls, in place of the original,
the same for the remaining recorders.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from sys import _getframe as frame_above
from types import FrameType
from typing import Any

from . import active
from .recorder import Recorder
from .target import Target
from .tracebacks import hide_our_lines, standing_in, unseen


def general(target: Target, nth: int = 0) -> Callable[..., Any]:
    """A function with the signature of `target.original` that reports each call to the active recorders.

    `nth`: how many of our frames there are between it and the caller.
    """
    if target.bound:
        bound = functools.wraps(target.original)(reporter(target, target.original, nth=nth))
        return standing_in(bound, target.original)
    method = reporter(target, _with_self(target.original), nth=nth)

    @functools.wraps(target.original)
    @unseen
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(target.holder, *args, **kwargs)
        except BaseException as error:
            hide_our_lines(error)
            raise

    return standing_in(function, target.original)


def reporter(
    target: Target, original: Callable[..., Any], recorders: tuple[Recorder, ...] | None = None, nth: int = 0
) -> Callable[..., Any]:
    """The method that calls `original` and reports to the first of `recorders` (None: those active then).

    With nested traces it calls, in place of `original`, the reporter for the remaining recorders, which
    is `nth` of our frames away from the caller.
    """
    is_compiling, compiler, tracing_state, waiting = compilers()
    up = 1 + nth if target.bound else 2 + nth

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or compiler._is_compiling_flag or tracing_state() is not None or waiting():
            return original(self, *args, **kwargs)
        try:
            entered, proceed = None, original
            told = active.recorders if recorders is None else recorders
            try:
                if told and not target.retired:
                    recorder = told[0]
                    if len(told) > 1:
                        proceed = reporter(target, original, told[1:], nth + 1)
                    entered = recorder.enter(target, self, args, kwargs, _caller(up, target.through))
            except Exception as error:
                told[0].fault(f"enter {target.function}", error)
            if entered is None:
                return proceed(self, *args, **kwargs)
            writer, known = entered
            depth, lines, watch = writer.depth, known.lines, None
            try:
                try:
                    writer.depth = depth + 1
                    watch = lines and lines.begin(writer, args, kwargs)
                    output = proceed(self, *args, **kwargs)
                except BaseException as error:
                    writer.depth = depth
                    if lines is not None:
                        lines.end(watch, writer, failed=True)
                    if target.tells is not None and isinstance(error, Exception):
                        recorder.tell(target, writer, target.tells.failed, self, args, kwargs, error)
                    recorder.fail(writer, depth, error)
                    raise
                finally:
                    writer.depth = depth
                if lines is not None:
                    lines.end(watch, writer, failed=False, output=output)
                if target.tells is not None:
                    recorder.tell(target, writer, target.tells.after, self, args, kwargs, output)
                try:
                    recorder.leave(writer, known, depth, output)
                except Exception as error:
                    recorder.fault("leave", error)
                return output
            finally:
                writer.depth = depth
        except BaseException as error:
            hide_our_lines(error)
            raise

    return unseen(method)


def _caller(up: int, files: tuple[str, ...]) -> FrameType | None:
    """The frame `up` above ours; above it again, as long as its code stands in some files of the library."""
    try:
        caller: FrameType | None = frame_above(up + 1)
    except ValueError:  # no Python frame made this call
        return None
    while caller is not None and caller.f_code.co_filename.endswith(files):
        caller = caller.f_back
    return caller


def _with_self(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function in the form of a method."""

    @unseen
    def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


class NotCompiling:
    """Stands for `torch.compiler` where torch is not loaded, or has no such flag."""

    _is_compiling_flag = False


def compilers() -> tuple[Callable[[], bool], Any, Callable[[], Any], Callable[[], Any]]:
    """How to ask whether torch is at work on what is called: whether dynamo is looking into us, whose flag
    says so of other compilers, whether it is jit-tracing, whether dynamo waits for a frame to compile.

    `torch.compiler.is_compiling()` asks for the flag and for scripting, 0.07 us; `is_dynamo_compiling()`,
    which dynamo knows to be true while it looks into a function, and a look at the flag take half of that.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "compiler"):
        return (lambda: False), NotCompiling, (lambda: None), (lambda: None)
    tracing_state = torch._C._get_tracing_state
    dynamo = getattr(getattr(torch._C, "_dynamo", None), "eval_frame", None)
    waiting = getattr(dynamo, "get_eval_frame_callback", lambda: None)
    if type(getattr(torch.compiler, "_is_compiling_flag", None)) is not bool:
        return torch.compiler.is_compiling, NotCompiling, tracing_state, waiting
    return torch.compiler.is_dynamo_compiling, torch.compiler, tracing_state, waiting
