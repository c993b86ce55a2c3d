"""The wrapper that stands in for a traced function.

It asks the active recorder to `enter`, calls the original, and reports `leave` or `fail`.  The rules that
the code below follows, each learnt from a fault:

* It passes through first: a compiler or tracer at work (outside of any `try`, which a compiler could not
  look into), no recorder active, its own patch taken out.
* The host's call stands in its own `try`, our bookkeeping in others: a fault of ours is counted and goes
  no further, an exception of the host's (KeyboardInterrupt too) is noted and raised on unchanged, without
  our line in its traceback.
* How deep a thread is, is put back by two nested `finally`: a Ctrl-C that lands in the inner one still
  meets the outer one, so the next call never gets a parent that has already ended.
* One frame of ours for each method call (three for a function or static method): deep models come near
  the recursion limit as it is.
* That frame is taken for one of the import system by `warnings.warn(..., stacklevel=2)`, which skips
  those: the warning of a traced function names the line of its caller, traced or not.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from . import active
from .recorder import Recorder
from .target import Target

_set_traceback = BaseException.__dict__["__traceback__"].__set__
_get_traceback = BaseException.__dict__["__traceback__"].__get__
_getframe = sys._getframe
_SKIPPED = f"{__file__} <importlib._bootstrap>"
"""The file name that `warnings` takes for a part of the import system."""


def wrap(target: Target) -> Callable[..., Any]:
    """A function with the signature of `target.original` that reports each call to the active recorders."""
    if target.bound:
        return functools.wraps(target.original)(_reporter(target, target.original))
    method = _reporter(target, _with_self(target.original))

    @functools.wraps(target.original)
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(target.holder, *args, **kwargs)
        except BaseException as error:
            hide_our_lines(error)
            raise

    return function


def _reporter(
    target: Target, original: Callable[..., Any], recorders: tuple[Recorder, ...] | None = None, nth: int = 0
) -> Callable[..., Any]:
    """The method that calls `original` and reports to the first of `recorders` (None: those active then).

    With nested traces it calls, in place of `original`, the reporter for the remaining recorders, which
    is `nth` of our frames away from the caller.
    """
    is_compiling, tracing_state = _compilers()
    up = 1 + nth if target.bound else 2 + nth

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or tracing_state() is not None:
            return original(self, *args, **kwargs)
        try:
            told = active.recorders if recorders is None else recorders
            if not told or target.retired:
                return original(self, *args, **kwargs)
            recorder = told[0]
            proceed = original if len(told) == 1 else _reporter(target, original, told[1:], nth + 1)
            try:
                try:
                    caller = _getframe(up)
                except ValueError:  # no Python frame made this call
                    caller = None
                entered = recorder.enter(target, self, args, kwargs, caller)
            except Exception as error:
                recorder.fault(f"enter {target.function}", error)
                entered = None
            if entered is None:
                return proceed(self, *args, **kwargs)
            writer, known = entered
            depth = writer.depth
            try:
                try:
                    writer.depth = depth + 1
                    output = proceed(self, *args, **kwargs)
                except BaseException as error:
                    recorder.fail(writer, depth, error)
                    raise
                finally:
                    writer.depth = depth
                recorder.leave(writer, known, depth, output)
                return output
            finally:
                writer.depth = depth
        except BaseException as error:
            hide_our_lines(error)
            raise

    method.__code__ = _skipped(method.__code__)
    return method


@functools.cache
def _skipped(code: CodeType) -> CodeType:
    return code.replace(co_filename=_SKIPPED)


def hide_our_lines(error: BaseException, file: str = __file__) -> None:
    """Take the entries of one file of ours off the front of an exception's traceback."""
    entry = _get_traceback(error)
    while entry is not None and entry.tb_frame.f_code.co_filename in (_SKIPPED, file):
        entry = entry.tb_next
    _set_traceback(error, entry)


def original_of(function: Any) -> Any:
    """The function under wrappers of ours; any other function as it is."""
    found = function
    while type(found) is FunctionType and found.__code__.co_filename in (_SKIPPED, __file__):
        found = found.__dict__["__wrapped__"]
    return found


def _with_self(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function in the form of a method."""

    def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def _compilers() -> tuple[Callable[[], bool], Callable[[], Any]]:
    """How to ask whether torch is compiling or jit-tracing right now; constant where torch is not loaded."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "compiler"):
        return (lambda: False), (lambda: None)
    return torch.compiler.is_compiling, torch._C._get_tracing_state
