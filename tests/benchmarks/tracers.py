"""Who is measured: nobody, empty torch hooks, tracelab in its modes, and its peers; one row each.

A tracer is a context manager around one run.  It gives what to run, and when it is over, what it has
kept and how that is saved.  A peer is asked for what is nearest to a tree of module calls with shapes,
in its cheapest setting that gives it; it is imported when its row is measured, so that one that is not
installed is a row that says so.  Those that tracelab does not depend on (viztracer, torchlens) are looked for
on the path like any other: give them a folder of their own in PYTHONPATH for the run.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tracelab

from .workloads import Program


@dataclass
class Watch:
    """One run under a tracer.  `run` is to be called inside; the rest is there when it is over."""

    run: Callable[[], object]
    kept: object = None
    save: Callable[[Path], object] | None = None
    faults: str = ""


Enter = Callable[[Program, Path], AbstractContextManager[Watch]]


@dataclass(frozen=True)
class Tracer:
    """One row of the tables; `quiet`: the garbage collector is off during its runs."""

    name: str
    title: str
    enter: Enter
    quiet: bool = True


# --- the two that everybody is compared with --------------------------------------------------------


@contextmanager
def nothing(program: Program, folder: Path) -> Iterator[Watch]:
    yield Watch(program.run)


@contextmanager
def empty_hooks(program: Program, folder: Path) -> Iterator[Watch]:
    """The least that a tracer by torch hooks can cost: one global hook before, one after, both do nothing."""
    before = nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: None)
    after = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: None)
    try:
        yield Watch(program.run)
    finally:
        before.remove()
        after.remove()


# --- ours -------------------------------------------------------------------------------------------

OPTIONS = frozenset(inspect.signature(tracelab.trace).parameters)
"""What this version of `trace()` takes."""

STREAM = object()
"""Stands for a new file in the folder of the measurement."""

_numbers = itertools.count()


def ours(*, read: bool = True, **options: Any) -> Enter:
    """A trace with these options; with `read` as far as its first answers, since it folds when it is read."""

    @contextmanager
    def enter(program: Program, folder: Path) -> Iterator[Watch]:
        stream = folder / f"{next(_numbers)}.jsonl"
        given = {name: stream if value is STREAM else value for name, value in options.items()}
        watch = Watch(program.run)
        with tracelab.trace(**given) as trace:
            yield watch
        if read:
            first_answers(trace)
        watch.kept, watch.faults = trace, faults_of(trace)
        if "file" not in options:
            watch.save = lambda path: trace.save(path.with_suffix(".json"))

    return enter


def first_answers(trace: tracelab.Trace) -> tuple[int, str, float]:
    """What makes a trace a usable one: how many calls, and all about the last of them."""
    calls = trace.calls
    last = calls[-1]
    return len(calls), last.name, last.duration or 0.0


def faults_of(trace: tracelab.Trace) -> str:
    """What a trace says of itself that must not be."""
    counted = {"internal errors": trace.internal_errors, "calls dropped": trace.dropped}
    return ", ".join(f"{number} {name}" for name, number in counted.items() if number)


# --- peers ------------------------------------------------------------------------------------------


def torch_profiler(**options: bool) -> Enter:
    """Operators with their shapes."""

    @contextmanager
    def enter(program: Program, folder: Path) -> Iterator[Watch]:
        watch = Watch(program.run)
        activities = [torch.profiler.ProfilerActivity.CPU]
        with torch.profiler.profile(activities=activities, record_shapes=True, **options) as profile:
            yield watch
        watch.kept = profile
        watch.save = lambda path: profile.export_chrome_trace(str(path.with_suffix(".json")))

    return enter


@contextmanager
def debug_mode(program: Program, folder: Path) -> Iterator[Watch]:
    """Modules and operators with their shapes."""
    room = importlib.import_module("torch.utils._debug_mode")
    watch = Watch(program.run)
    with room.DebugMode(record_nn_module=True) as mode:
        yield watch
    watch.kept = mode
    watch.save = lambda path: path.with_suffix(".txt").write_text(mode.debug_string(), encoding="utf-8")


@contextmanager
def hunter(program: Program, folder: Path) -> Iterator[Watch]:
    """Every function named `forward`, with its arguments, written as it runs."""
    library = importlib.import_module("hunter")
    with (folder / f"{next(_numbers)}.txt").open("w", encoding="utf-8") as stream:
        printer = library.CallPrinter(stream=stream)
        with library.trace(function="forward", kind_in=["call", "return"], action=printer):
            yield Watch(program.run)


@contextmanager
def viztracer(program: Program, folder: Path) -> Iterator[Watch]:
    """Every function, names and times only; its buffer has room for a million entries."""
    tracer = importlib.import_module("viztracer").VizTracer(verbose=0)
    watch = Watch(program.run, kept=tracer)
    tracer.start()
    try:
        yield watch
    finally:
        tracer.stop()
    watch.save = lambda path: tracer.save(str(path.with_suffix(".json")))


@contextmanager
def transformers_debugger(program: Program, folder: Path) -> Iterator[Watch]:
    """Every module with its tensors as text; one file, overwritten by each forward of the whole model."""
    room = importlib.import_module("transformers.model_debugging_utils")
    try:
        with room.model_addition_debugger_context(program.model, debug_path=str(folder)):
            yield Watch(program.run)
    finally:
        # It leaves attributes on the modules and another way of printing behind.
        for module in program.model.modules():
            vars(module).pop("forward", None)
        torch.set_printoptions(profile="default", sci_mode=None)


class Whole(nn.Module):
    """A program as a module, for a tracer that runs modules itself."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.model = program.model
        self.program = program
        self.outcome: object = None

    def forward(self, unused: torch.Tensor) -> object:
        self.outcome = self.program.run()
        return self.outcome


@contextmanager
def torchlens(program: Program, folder: Path) -> Iterator[Watch]:
    """Every operation with its tensors, as a graph; it runs the program itself."""
    library = importlib.import_module("torchlens")
    whole = Whole(program)
    watch = Watch(program.run)

    def run() -> object:
        watch.kept = library.trace(whole, torch.zeros(1))
        return whole.outcome

    watch.run = run
    try:
        yield watch
    finally:
        # It leaves its wrappers on torch's functions and on the modules.
        importlib.import_module("torchlens.backends.torch.wrappers").unwrap_torch()
        library.release_model(whole)


TRACERS = (
    Tracer("none", "not traced", nothing),
    Tracer("hooks", "empty torch hooks", empty_hooks),
    Tracer("default", "**tracelab**", ours()),
    Tracer("gc", "… with the garbage collector on", ours(), quiet=False),
    *(
        Tracer(name, title, ours(**options))
        for name, title, options in (
            ("names", "… names only, `shapes=False`", {"shapes": False}),
            ("summary", '… `times="summary"`', {"times": "summary"}),
            ("values", "… `values=True`", {"values": True}),
            ("stats", "… `stats=True`", {"stats": True}),
            ("file", "… streamed to a file, `file=`", {"file": STREAM}),
        )
        if set(options) <= OPTIONS
    ),
    Tracer("profiler", "torch.profiler, shapes", torch_profiler()),
    Tracer("profiler-stack", "torch.profiler, shapes and stacks", torch_profiler(with_stack=True)),
    Tracer("debug-mode", "torch DebugMode", debug_mode),
    Tracer("hunter", "hunter, each `forward`", hunter),
    Tracer("viztracer", "viztracer", viztracer),
    Tracer("debugger", "transformers' model debugger", transformers_debugger),
    Tracer("torchlens", "torchlens", torchlens),
)
"""In the order of the tables."""

BY_NAME = {tracer.name: tracer for tracer in TRACERS}
