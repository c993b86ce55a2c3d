"""Limits, depth and memory: recorded + dropped = seen, and what is dropped costs nothing."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest
import torch
from torch import nn

import tracelab

X = torch.ones(1, 2)


class Level(nn.Module):
    def __init__(self, below: int) -> None:
        super().__init__()
        self.below = Level(below - 1) if below else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if self.below is None else self.below(x)


@pytest.mark.parametrize(
    ("options", "recorded"),
    [
        # Three runs of four levels: 12 calls.
        ({}, 12),
        ({"limit": 0}, 0),
        ({"limit": 5}, 5),
        ({"limit": 12}, 12),
        ({"limit": 13}, 12),
        ({"depth": 1}, 3),
        ({"depth": 3}, 9),
        ({"depth": 4}, 12),
        # The second level is reached for the third time by the sixth kept call.
        ({"depth": 2, "limit": 5}, 5),
    ],
)
def test_recorded_and_dropped_are_what_was_seen(options: dict[str, int], recorded: int) -> None:
    model = Level(3)
    with tracelab.trace(**options) as trace:
        for _ in range(3):
            assert torch.equal(model(X), X * 2)
    assert (trace.recorded, trace.dropped) == (recorded, 12 - recorded)
    assert trace.complete == (recorded == 12)
    assert {call.status for call in trace.calls} <= {"ok"}
    assert max([len(call.ancestors) for call in trace.calls], default=0) < options.get("depth", 5)


def test_what_is_not_followed_is_not_seen() -> None:
    followed, other = Level(1), Level(2)
    with tracelab.trace(followed, depth=1) as trace:
        followed(X)
        other(X)
    assert (trace.recorded, trace.dropped) == (1, 1)


def test_dropped_calls_cost_no_memory() -> None:
    """A training run of days drops hundreds of millions of calls."""
    identity = nn.Identity()
    with tracelab.trace(limit=1) as trace:
        for _ in range(200):
            identity(X)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(20_000):
                identity(X)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert trace.dropped == 20_199
    # One pointer for each would be 160,000 bytes.
    assert grown < 20_000


def test_a_recorded_call_costs_three_numbers() -> None:
    identity = nn.Identity()
    with tracelab.trace() as trace:
        for _ in range(200):
            identity(X)
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(5_000):
                identity(X)
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert trace.recorded == 5_200
    # Two events of three list slots (8 bytes each, up to an eighth over-allocated) and at most two clock
    # readings (32 bytes each): 48 * 9/8 + 64 < 130.
    assert grown / 5_000 < 150


@pytest.mark.parametrize("kind", [nn.Identity, lambda: nn.Linear(2, 2)], ids=["bare", "with parameters"])
def test_modules_made_on_the_spot_do_not_pile_up(kind: Callable[[], nn.Module]) -> None:
    """A search over models makes and drops them by the thousand."""

    def run(times: int) -> None:
        for _ in range(times):
            kind()(X)

    with tracelab.trace(limit=10):
        run(1_100)  # by now every table that is bounded has reached its bound
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            run(1_500)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    assert grown / 1_500 < 40
