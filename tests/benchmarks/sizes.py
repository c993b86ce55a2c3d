"""Traces of very many calls: the memory they keep, their files, and how fast they answer.

Two extremes, of modules that do nothing so that a million calls take seconds.  `repeated`: the same step
again and again, in which one dimension grows, as in decoding.  `unrepeated`: a random module of 500 gets a
random tensor, so that no two stretches are alike.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tracelab

from .measure import memory_of
from .tracers import first_answers
from .workloads import Pass

REPOSITORY = Path(__file__).resolve().parents[2]

STEP = 65
"""Calls of one step: a sequence and 64 modules in it."""

PLACES = 500
"""Modules among which the walk without repetition chooses."""


class Wander(nn.Module):
    """Calls modules in an order that never comes again."""

    def __init__(self) -> None:
        super().__init__()
        self.places = nn.ModuleList([Pass() for _ in range(PLACES)])
        self.dice = random.Random(0)

    def forward(self, tensors: list[torch.Tensor], count: int) -> None:
        places, dice = list(self.places), self.dice
        for _ in range(count):
            dice.choice(places)(dice.choice(tensors))


def repeated(calls: int) -> Callable[[], None]:
    """A program of at least so many module calls in equal steps of `STEP`."""
    model = nn.Sequential(*[Pass() for _ in range(STEP - 1)])
    steps = -(-calls // STEP)
    row = torch.zeros(1, steps + 1)

    def run() -> None:
        for step in range(steps):
            model(row[:, : step + 1])

    return run


def unrepeated(calls: int) -> Callable[[], None]:
    """A program of at least so many module calls, in portions of 100 under one module."""
    model = Wander()
    tensors = [torch.zeros(1, size) for size in range(1, 51)]

    def run() -> None:
        for _ in range(-(-calls // 101)):
            model(tensors, 100)

    return run


def traced(run: Callable[[], object], **options: Any) -> tracelab.Trace:
    """Its trace, no longer recording and read once."""
    with torch.no_grad(), tracelab.trace(**{"limit": 10_000_000, **options}) as trace:
        run()
    first_answers(trace)
    return trace


@dataclass(frozen=True)
class Size:
    """A trace: bytes of memory kept and at the highest, bytes in its file, seconds to write and read it."""

    calls: int
    kept: int
    peak: int
    file: int
    write: float
    read: float

    @property
    def each(self) -> float:
        """Bytes of memory for each call."""
        return self.kept / self.calls


def size_of(run: Callable[[], object], **options: Any) -> Size:
    """Record it, save it, load it."""
    traced(nothing_much)  # whatever is made only once
    memory = memory_of(lambda: traced(run, **options))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        write = seconds(lambda: memory.left.save(path))
        read = seconds(lambda: first_answers(tracelab.load(path)))
        file = path.stat().st_size
    return Size(memory.left.recorded, memory.kept, memory.peak, file, write, read)


def nothing_much() -> None:
    Pass()(torch.zeros(1))


@dataclass(frozen=True)
class Answers:
    """Seconds until a trace has answered for the first time; no answer helps the next."""

    calls: int
    length: float
    find_some: float
    find_all: float
    text: float
    lines: int


def answers_of(calls: int) -> Answers:
    """How fast a trace of repeated steps answers."""
    columns = traced(repeated(calls)).columns
    drawn: list[str] = []

    def trace() -> tracelab.Trace:
        """One that has not been asked yet."""
        return tracelab.Trace(columns)

    return Answers(
        calls=trace().recorded,
        length=seconds(lambda: len(trace().calls)),
        find_some=seconds(lambda: trace().find(path="7")),
        find_all=seconds(lambda: trace().find("Pass.*")),
        text=seconds(lambda: drawn.append(str(trace()))),
        lines=len(drawn[0].splitlines()),
    )


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one run, with the garbage collector on."""
    began = time.process_time()
    work()
    return time.process_time() - began


def import_seconds(repeats: int = 5) -> float:
    """Wall seconds of `import tracelab` in a fresh interpreter, the best of some."""
    code = "import time; t = time.perf_counter(); import tracelab; print(time.perf_counter() - t)"
    return min(float(run_python("-c", code)) for _ in range(repeats))


def show_seconds(trace: tracelab.Trace) -> float:
    """Wall seconds of `tracelab show` of its file, the start of the interpreter included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        trace.save(path)
        began = time.perf_counter()
        run_python("-m", "tracelab", "show", str(path))
        return time.perf_counter() - began


def run_python(*arguments: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
