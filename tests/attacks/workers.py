"""What worker processes import and call; a module of its own, for a spawned one finds it by its name."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

import tracelab

BUSY = "another trace is writing to it; each needs a file of its own"


class Lines(Dataset[torch.Tensor]):
    """Each item comes out of a module, which a worker calls."""

    def __init__(self) -> None:
        self.module = nn.Linear(2, 2)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        with torch.no_grad():
            return self.module(torch.full((2,), float(index)))


def collate(items: list[torch.Tensor]) -> tuple[torch.Tensor, int]:
    """A batch, and how many recorders its process has."""
    from tracelab.recorder import active

    nn.Identity()(items[0])
    return torch.stack(items), len(active.recorders)


def own_trace(path: str) -> tuple[Any, ...]:
    """A trace of a worker's own, into a file."""
    from tracelab.recorder import active

    before = len(active.recorders)
    with tracelab.trace(file=path) as trace:
        nn.Sequential(nn.Identity())(torch.ones(1))
    return before, trace.recorded, trace.complete, tracelab.load(path).complete


def refused(path: str) -> str:
    """What a trace into a file is told."""
    try:
        with tracelab.trace(file=path):
            return "entered"
    except tracelab.SetupError as error:
        return str(error)
