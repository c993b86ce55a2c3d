"""What is watched while it is traced, in every mode of a trace, and how much memory traces take."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tracelab
from tracelab.calls import Trace

X = torch.ones(1, 2)
FILE = "run.jsonl"
"""Stands for a file in a folder of the test's own."""
MODES: list[dict[str, Any]] = [
    {},
    {"values": True},
    {"stats": True},
    {"shapes": False},
    {"times": "summary"},
    {"limit": 1},
    {"limit": 0},
    {"depth": 1},
    {"file": FILE},
    {"source": "*"},
    {"file": FILE, "values": True, "times": "summary"},
]
KIB = 1024


def opened(options: dict[str, Any], folder: Path) -> Any:
    """`trace()` in one of the modes."""
    return tracelab.trace(**({**options, "file": folder / FILE} if "file" in options else options))


class Thing:
    """An input that can be watched."""


class Keeping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, *, thing: Thing, fail: bool = False) -> dict[str, Any]:
        if fail:
            raise LookupError("no")
        return {"out": self.inner(x), "thing": [thing]}

    def generate(self, x: torch.Tensor, thing: Thing) -> Any:
        return self(x, thing=thing)


class Watching:
    """Watches all modules of a model, and every tensor and cache that its hooks see go in and out."""

    def __init__(self, model: nn.Module) -> None:
        self.watched: list[weakref.ref[Any]] = [weakref.ref(module) for module in model.modules()]
        self.handles = [
            module.register_forward_hook(self.note, with_kwargs=True) for module in model.modules()
        ]

    def note(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        waiting = [args, kwargs, output]
        while waiting:
            value = waiting.pop()
            if isinstance(value, torch.Tensor):
                self.watched.append(weakref.ref(value))
            elif isinstance(value, dict):
                waiting += value.values()
            elif isinstance(value, (tuple, list)):
                waiting += value
            elif hasattr(value, "layers"):
                self.watched.append(weakref.ref(value))

    @property
    def alive(self) -> list[str]:
        return [type(it).__name__ for reference in self.watched if (it := reference()) is not None]


def told(trace: Trace) -> None:
    trace.print  # noqa: B018
    assert (str(trace), trace.steps(), len(trace.calls), trace.meta) is not None


def memory() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def grown(times: int, options: dict[str, Any], folder: Path) -> tuple[int, int]:
    """By how many bytes Python's memory and that of the process grow in so many traces."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    def run(times: int) -> None:
        for _ in range(times):
            with opened(options, folder) as trace:
                model(X)
            assert trace.recorded + trace.dropped == 3

    run(20)
    tracemalloc.start()
    try:
        run(20)
        before = tracemalloc.get_traced_memory()[0]
        run(times)
        python = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    gc.collect()
    resident = memory()
    run(times)
    return python, memory() - resident
