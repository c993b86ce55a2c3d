"""The things that are measured: generating, importing, remembering, showing."""

from __future__ import annotations

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch
from torch import nn

import tracelab
from tests.models import ZOO

from .measure import added, rounds_of

REPOSITORY = Path(__file__).resolve().parents[2]


@contextmanager
def empty_hooks() -> Iterator[None]:
    """The least that a tracer by torch hooks can cost: one global hook before, one after, both do nothing."""
    before = nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: None)
    after = nn.modules.module.register_module_forward_hook(lambda module, inputs, output: None)
    try:
        yield
    finally:
        before.remove()
        after.remove()


@contextmanager
def one_thread() -> Iterator[None]:
    """No thread pool: its threads spin while they wait, and that would count as CPU time of the variant."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class GenerateCost:
    """CPU seconds of one `generate`: untraced, and what hooks and tracelab add."""

    untraced: float
    hooks: float
    traced: float
    calls: int

    @property
    def ratio(self) -> float:
        """Tracelab's added cost in units of the empty hooks' added cost."""
        return self.traced / self.hooks

    @property
    def slowdown(self) -> float:
        """How much longer the traced run takes."""
        return 1 + self.traced / self.untraced


def generate_cost(tokens: int, rounds: int) -> GenerateCost:
    """A small Llama generates `tokens` tokens with nothing, with empty hooks, and traced in full."""
    entry = ZOO["llama"]
    model = entry.build()
    arguments = {**entry.generate_arguments(), "max_new_tokens": tokens}
    variants = {"none": nullcontext, "hooks": empty_hooks, "traced": tracelab.trace}
    with one_thread():
        taken = rounds_of(lambda: model.generate(**arguments), variants, rounds)
        with tracelab.trace() as trace:
            model.generate(**arguments)
    return GenerateCost(
        untraced=median(taken["none"]),
        hooks=added(taken, "hooks", "none"),
        traced=added(taken, "traced", "none"),
        calls=trace.recorded,
    )


def import_seconds(repeats: int = 5) -> float:
    """Wall seconds of `import tracelab` in a fresh interpreter, the best of some."""
    code = "import time; t = time.perf_counter(); import tracelab; print(time.perf_counter() - t)"
    return min(float(run_python("-c", code)) for _ in range(repeats))


def run_python(*arguments: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@dataclass(frozen=True)
class Size:
    """A trace of many calls: memory while recording and after, bytes on disk, seconds to show the file."""

    calls: int
    peak: int
    kept: int
    file: int
    show: float


def size_of(calls: int, folder: Path) -> Size:
    """At least `calls` module calls of the small Llama, saved and shown by a process of its own."""
    entry = ZOO["llama"]
    model, inputs = entry.build(), entry.inputs()
    with torch.no_grad(), tracelab.trace():
        model(**inputs)  # whatever happens only once
    tracemalloc.start()
    try:
        with torch.no_grad(), tracelab.trace() as trace:
            for _ in range(-(-calls // entry.calls)):
                model(**inputs)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    path = folder / "many.json"
    trace.save(path)
    began = time.perf_counter()
    run_python("-m", "tracelab", "show", str(path))
    return Size(trace.recorded, peak, kept, path.stat().st_size, time.perf_counter() - began)
