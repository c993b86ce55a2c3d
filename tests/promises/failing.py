"""Faults of our own at every line that records, and in every function: what is wrong afterwards."""

from __future__ import annotations

import contextlib
import gc
import inspect
import linecache
import logging
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import tracelab
from tracelab.calls import Trace
from tracelab.errors import SetupError

from ..attacks import hosts
from ..attacks.injector import Place, at_line, files_of, survey
from .interrupting import left

ROOMS = (
    "recorder",
    "describe",
    "packing",
    "instruments",
    "exporters/stream",
    "session.py",
    "running.py",
    "events.py",
    "forms.py",
)
FILES = files_of(*ROOMS)
ERRORS = (RuntimeError, MemoryError, RecursionError, OSError)
CALLS = 2 + hosts.STEPS * 4
"""`generate` and the one that it overrides, and in each step the model and its three parts."""

OUTSIDE = (
    "if is_compiling() or compiler._is_compiling_flag",
    "way, direct = original, False",
    "entered, proceed = None, original",
    "told = active.recorders",
    "try:",
    "if known is None:",
    "if entered is None:",
    "return way(self, *args, **kwargs)",
    "return proceed(self, *args, **kwargs)",
    "return original(self, *args, **kwargs)",
    "writer, known = entered",
    "depth = writer.depth",
    "writer.depth = depth",
    "output = self.forward(*args, **kwargs) if direct",
    "output = proceed(self, *args, **kwargs)",
    "except BaseException as error:",
    "recorder.fail(writer, depth, error)",
    "if direct:",
    "torch_call.hide_our_lines(error, original",
    "hide_our_lines(error",
    "del error",
    "if own is not None:",
    "own.__get__(None, cls)(**options)",
    "super(base, cls).__init_subclass__(**options)",
    "raise",
    "return output",
)
"""Lines of a wrapper that stand around the host's call: what is raised there cannot be told from the host's
own error.  They do nothing that can fail: they compare, assign, and call."""

WRAPPERS = {"method", "call", "function", "__init_subclass__", "hide_our_lines", "fail", "__exit__", "_run"}
"""The functions in which such lines stand."""


class Log(logging.Handler):
    """Our own log lines."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def seen(trace: Trace) -> list[Any]:
    """What a reader sees of a run of the program."""
    return [
        (c.name, c.path, c.status, c.inputs, c.output, c.call_site, c.parent and c.parent.id)
        for c in trace.calls
    ]


class Run:
    """The program, traced into a file or not, around which something may go wrong."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.expected = hosts.small()
        self.trace: Trace | None = None
        self.result: Any = None
        self.raised: Exception | None = None

    def __call__(self, injection: at_line) -> None:
        self.trace = self.result = self.raised = None
        try:
            with injection, tracelab.trace(file=self.file) as self.trace:
                self.result = hosts.small()
        except Exception as error:
            self.raised = error.with_traceback(None)


def is_outside(injection: at_line) -> bool:
    """Whether the fault came at a line that cannot be told from the host's."""
    place = injection.only
    assert place is not None
    text = linecache.getline(place.file, place.line).strip()
    return injection.code in WRAPPERS and text.startswith(OUTSIDE)


def fault_at(
    place: Place, number: int, error: type[Exception], run: Run, whole: list[Any], log: Log
) -> list[str]:
    """What is wrong after one fault at one place.

    A fault while a value is described cannot be told from a value that refuses to be read: the value is then
    shown as unreadable, with the error, and that counts as told.
    """

    def fail() -> None:
        raise error("ours")

    log.lines.clear()
    injection = at_line(number, fail, FILES, only=place, threads=True)
    run(injection)
    wrong = [f"{what} is left" for what in left()]
    tracelab.reset()
    if run.trace is None:
        if not isinstance(run.raised, (error, SetupError)):
            wrong.append(f"{run.raised!r} came out of the start")
    elif not is_outside(injection):
        if run.raised is not None:
            wrong.append(f"{run.raised!r} reached the host")
        elif run.result != run.expected:
            wrong.append("the host has another result")
        told = run.trace.internal_errors or f"reason='{error.__name__}'" in repr(seen(run.trace))
        if not told and seen(run.trace) != whole:
            wrong.append(f"lost and not counted: {run.trace.recorded} calls")
        if len(log.lines) != len(run.trace.columns.faults):
            wrong.append(f"{log.lines} in the log for {run.trace.columns.faults}")
        if "faults of tracelab itself" not in str(run.trace) and run.trace.internal_errors > 1:
            wrong.append("not shown")
    return [f"{injection.where or place} {error.__name__}: {what}" for what in wrong]


def faults(step: int, first: int, file: Path | None, log: Log) -> tuple[int, list[str]]:
    """Faults at each `step`-th place, from the `first` on; another kind of error each."""
    run = Run(file)
    run(at_line(0, print, frozenset()))
    run(at_line(0, print, frozenset()))
    assert run.trace is not None and run.trace.complete
    whole = seen(run.trace)
    assert len(whole) == CALLS
    places = survey(at_line, FILES, run, threads=True)
    wrong: list[str] = []
    some = list(places.items())[first::step]
    for number, (place, times) in enumerate(some):
        if number % 100 == 0:
            gc.collect()
        which = (1, times, times // 2 + 1)[number % 3]
        wrong += fault_at(place, which, ERRORS[(first + number) % len(ERRORS)], run, whole, log)
    return len(some), wrong


LAST = {
    "fault",
    "fail",
    "_round",
    "hide_our_lines",
    "wrap",
    "general",
    "unseen",
    "is_ours",
    "compilers",
    "ours",
}
"""What notes the faults, and what wrappers are made of."""


def holders() -> list[Any]:
    """The modules of the rooms, and the classes in them."""
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__file__", None) in FILES]
    return modules + [cls for module in modules for cls in vars(module).values() if inspect.isclass(cls)]


def ours() -> dict[str, tuple[Any, str, Any]]:
    """Every function and method of the rooms: where it stands, by name."""
    found: dict[str, tuple[Any, str, Any]] = {}
    for holder in holders():
        for key, value in vars(holder).items():
            is_here = isinstance(value, FunctionType) and value.__code__.co_filename in FILES
            if is_here and not key.startswith("__") and key not in LAST:
                found[f"{value.__module__}.{value.__qualname__}"] = (holder, key, value)
    return {name: place for name, place in found.items() if not name.endswith("_came")}


def broken(
    name: str,
    key: str,
    standing: list[Any],
    error: type[Exception],
    log: Log,
    expected: Any,
    patch: pytest.MonkeyPatch,
) -> list[str]:
    """What is wrong when one function raises whenever it is called during a trace."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("ours")

    log.lines.clear()
    wrong, trace, result = [], None, None
    try:
        with patch.context() as during, tracelab.trace() as trace:
            for holder in standing:
                during.setattr(holder, key, fail)
            result = [hosts.small() for _ in range(3)]
    except Exception as raised:
        wrong.append(f"{raised!r} reached the host")
    tracelab.reset()
    if result is not None and result != [expected] * 3:
        wrong.append("the host has another result")
    if len(set(log.lines)) != len(log.lines):
        wrong.append(f"{log.lines} in the log")
    with contextlib.suppress(error):  # what was stored is read by what was broken
        if trace is not None and trace.internal_errors >= 100 and "switched off" not in str(trace):
            wrong.append("the trace was switched off without a word")
    return [f"{name} {error.__name__}: {what}" for what in [*wrong, *left()]]
