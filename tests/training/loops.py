"""Small programs that train, untraced and traced from the same weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

import tracelab
from tracelab.calls import Step

X = torch.arange(24.0).reshape(6, 4) / 10
Y = torch.tensor([0, 1, 0, 1, 0, 1])


def net(inputs: int = 4, outputs: int = 2) -> nn.Sequential:
    """Two layers with weights that are the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(inputs, 8), nn.ReLU(), nn.Linear(8, outputs))


def loss_of(model: nn.Module, rows: int = 6) -> torch.Tensor:
    """The cross entropy of the first rows."""
    return nn.functional.cross_entropy(model(X[:rows]), Y[:rows])


def both(program: Callable[[], nn.Module], **options: Any) -> tracelab.Trace:
    """The trace of a program whose model has the very weights that it has untraced."""
    plain = program()
    with tracelab.trace(**options) as trace:
        traced = program()
    assert same_weights(plain, traced)
    assert trace.internal_errors == 0
    return trace


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def phases(trace: tracelab.Trace) -> list[str]:
    return [step.phase for step in trace.steps()]


def rows(steps: Sequence[Step], *names: str) -> list[tuple[Any, ...]]:
    """What the facts of steps say under some names."""
    return [tuple(step.facts.get(name) for name in names) for step in steps]
