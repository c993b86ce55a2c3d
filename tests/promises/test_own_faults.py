"""A fault of tracelab's own never reaches the traced program: it is counted, logged once, and shown.

RuntimeError, MemoryError, RecursionError and OSError are raised at every line that records, describes,
packs, streams or ends, and by every function that does; what may come out is named in `OUTSIDE`.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import linecache
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.errors import SetupError
from tracelab.recorder import recorder as recording

from ..attacks import hosts
from ..attacks.injector import Place, at_line, files_of, survey
from .figures import Figures
from .interrupting import left

pytestmark = pytest.mark.internal_errors

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


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", hosts.PORTION)
    monkeypatch.setattr(recording, "FLAT", 4)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """No collector, and nobody hears of a thread that died at its first line: that is `OUTSIDE` too."""
    log = Log()
    monkeypatch.setattr(threading, "excepthook", lambda told: None)
    logging.getLogger("tracelab").addHandler(log)
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    gc.disable()
    yield log
    gc.enable()
    gc.unfreeze()
    logging.getLogger("tracelab").removeHandler(log)


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


def test_faults_at_some_lines(log: Log, tmp_path: Path, figures: Figures) -> None:
    number, wrong = faults(17, 0, tmp_path / "run.jsonl", log)
    assert not wrong, "\n".join(wrong)
    assert number > 50
    figures("faults injected", number)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(3))
def test_faults_at_every_line(first: int, log: Log, tmp_path: Path, figures: Figures) -> None:
    number, wrong = faults(3, first, tmp_path / "run.jsonl", log)
    assert not wrong, "\n".join(wrong)
    assert number > 400
    figures("faults injected", number)


# --- what fails always ------------------------------------------------------------------------------

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


def ours() -> dict[str, tuple[Any, str, Any]]:
    """Every function and method of the rooms: where it stands, by name."""
    found: dict[str, tuple[Any, str, Any]] = {}
    for _, module in sorted(sys.modules.items()):
        if getattr(module, "__file__", None) not in FILES:
            continue
        for holder in (module, *[cls for cls in vars(module).values() if inspect.isclass(cls)]):
            for key, value in vars(holder).items():
                is_here = isinstance(value, FunctionType) and value.__code__.co_filename in FILES
                if is_here and not key.startswith("__") and key not in LAST:
                    found[f"{value.__module__}.{value.__qualname__}"] = (holder, key, value)
    return {name: place for name, place in found.items() if not name.endswith("_came")}


def broken(
    name: str, error: type[Exception], log: Log, expected: Any, patch: pytest.MonkeyPatch
) -> list[str]:
    """What is wrong when one function raises whenever it is called during a trace."""
    _, key, function = ours()[name]

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("ours")

    log.lines.clear()
    wrong, trace, result = [], None, None
    try:
        with patch.context() as during, tracelab.trace() as trace:
            for module in list(sys.modules.values()):
                if getattr(module, "__file__", None) in FILES:
                    holders = (module, *[cls for cls in vars(module).values() if inspect.isclass(cls)])
                    for holder in holders:
                        if vars(holder).get(key) is function:
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


def test_every_function_fails_always(log: Log, monkeypatch: pytest.MonkeyPatch, figures: Figures) -> None:
    with tracelab.trace() as trace:
        expected = hosts.small()
    assert trace.complete
    wrong, names = [], list(ours())
    for number, name in enumerate(names):
        wrong += broken(name, ERRORS[number % len(ERRORS)], log, expected, monkeypatch)
    assert not wrong, "\n".join(wrong)
    assert len(names) > 150
    figures("functions broken", len(names))


# --- switched off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS)
def test_after_a_hundred_faults_recording_stops_and_says_so(
    error: type[Exception], log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen, in a stream and in a saved file; calls that still run then are counted, not logged."""

    class Deep(nn.Module):
        def __init__(self, below: int) -> None:
            super().__init__()
            self.below = Deep(below - 1) if below else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.below is None:
                for _ in range(95):
                    nn.Identity()(x)
                return x
            return self.below(x)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("ours")

    model, x = Deep(9), torch.ones(3)
    with tracelab.trace(file=tmp_path / "run.jsonl") as trace, monkeypatch.context() as patch:
        patch.setattr("tracelab.describe.describer.Describer.usual_value", fail)
        assert model(x) is x
        assert model(x) is x
    # 95 identities and the 5 innermost levels are a hundred; the other 5 levels end after that.
    assert trace.columns.faults == {f"leave: {error.__name__}": 105}
    assert trace.recorded == 105
    assert len(log.lines) == 2
    assert "switched off after 100" in log.lines[1]
    trace.save(tmp_path / "saved.json")
    for told in (trace, tracelab.load(tmp_path / "run.jsonl"), tracelab.load(tmp_path / "saved.json")):
        assert told.meta["switched_off"] is True
        assert told.internal_errors == 105
        assert not told.complete
        assert "switched off by 105 faults of its own" in str(told)
