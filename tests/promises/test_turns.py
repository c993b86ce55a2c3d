"""Tasks, generators, greenlets, signal handlers and finalizers of one thread are not mixed up.

What runs in them has the parent that it has on the stack at that moment, and leaves nothing open behind it.
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab

from ..attacks.threads import Chain, X, paths_agree


def test_tasks_that_take_turns() -> None:
    models = [Chain(2), Chain(2)]

    async def work(model: nn.Module) -> None:
        for _ in range(3):
            model(X)
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(*map(work, models))
        await asyncio.to_thread(models[0], X)

    with tracelab.trace() as trace:
        asyncio.run(both())
    assert [call.path for call in trace.calls] == ["", "inner"] * 7
    assert [call.parent is None for call in trace.calls] == [True, False] * 7
    assert [call.root for call in trace.roots] == ["Chain", "Chain#2"] * 3 + ["Chain"]


def test_generators_that_take_turns() -> None:
    def steps(model: nn.Module) -> Iterator[None]:
        for _ in range(3):
            model(X)
            yield

    class Driving(nn.Module):
        def forward(self, generator: Iterator[None]) -> None:
            next(generator)

    first, second, driving = steps(Chain(1)), steps(Chain(1)), Driving()
    with tracelab.trace() as trace:
        next(first)
        driving(second)
        driving(first)
        next(second)
    # A generator's calls belong to whoever resumes it.
    assert [(c.name, c.parent and c.parent.name) for c in trace.calls] == [
        ("Chain.forward", None),
        ("Driving.forward", None),
        ("Chain.forward", "Driving.forward"),
        ("Driving.forward", None),
        ("Chain.forward", "Driving.forward"),
        ("Chain.forward", None),
    ]


class Stopping(nn.Module):
    """Its forward is a generator: it runs when somebody asks for the next item, wherever that is."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Chain(2)

    def forward(self, x: torch.Tensor) -> Iterator[torch.Tensor]:
        try:
            for _ in range(3):
                yield self.inner(x)
        finally:
            self.inner(x)


class Asking(nn.Module):
    def forward(self, items: Iterator[torch.Tensor], how: str) -> None:
        try:
            getattr(items, how)(*([KeyError] if how == "throw" else []))
        except KeyError:
            return


@pytest.mark.parametrize("how", ["__next__", "close", "throw"])
def test_a_generator_suspended_in_the_middle_of_a_forward(how: str) -> None:
    """Its calls belong to whoever resumes, closes or throws into it; nothing stays open above them."""
    stopping, asking = Stopping(), Asking()
    with tracelab.trace() as trace:
        items = stopping(X)  # returns at once
        next(items)
        asking(items, how)
        Chain(1)(X)
    assert [(call.name, call.parent and call.parent.name) for call in trace.calls] == [
        ("Stopping.forward", None),
        ("Chain.forward", None),
        ("Chain.forward", "Chain.forward"),
        ("Asking.forward", None),
        ("Chain.forward", "Asking.forward"),
        ("Chain.forward", "Chain.forward"),
        ("Chain.forward", None),
    ]
    assert trace.complete


def test_forwards_that_are_coroutines() -> None:
    class Waiting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Chain(2)

        async def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(5):
                self.inner(x)
                await asyncio.sleep(0)
            return x

    models = [Waiting() for _ in range(3)]

    async def all_of_them() -> None:
        await asyncio.gather(*(model(X) for model in models))

    with tracelab.trace() as trace:
        asyncio.run(all_of_them())
    assert trace.recorded == 3 + 3 * 5 * 2 and trace.complete
    for call in trace.find("Chain.forward", path="inner.inner"):
        assert call.parent is not None and (call.parent.path, call.parent.root) == ("inner", call.root)


def test_greenlets_that_switch_in_the_middle_of_a_forward() -> None:
    greenlet = pytest.importorskip("greenlet")
    main = greenlet.getcurrent()

    class Switching(Chain):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(3):
                super().forward(x)
                main.switch()
            return x

    with tracelab.trace() as trace:
        lets = [greenlet.greenlet(Switching(3)) for _ in range(4)]
        for let in lets:
            let.switch(X)
        while any(lets):
            for let in lets:
                let.switch()
    assert trace.recorded == 4 * (1 + 3 * 2) and trace.complete
    assert paths_agree(list(trace.calls))
    assert all(call.parent is None or call.parent.root == call.root for call in trace.calls)


def test_signal_handlers_and_finalizers_that_call_traced_modules(tmp_path: Path) -> None:
    """A handler each millisecond, cycles whose `__del__` calls a module, and a file that is written."""
    model, handling, dying = Chain(2), Chain(2), Chain(2)
    handled: list[Any] = []
    died: list[Any] = []

    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            died.append(dying(X))

    def handler(number: int, frame: Any) -> None:
        Cycle()
        handled.append(handling(X))

    before, threshold = signal.signal(signal.SIGALRM, handler), gc.get_threshold()
    gc.set_threshold(50)
    try:
        with tracelab.trace(file=tmp_path / "run.jsonl") as trace:
            signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
            while len(handled) < 50 or not died:
                model(X)
                [[] for _ in range(100)]
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.set_threshold(*threshold)
        gc.collect()
    assert trace.complete and trace.recorded % 2 == 0
    for call in trace.find(path="inner"):
        assert call.parent is not None and (call.parent.path, call.parent.root) == ("", call.root)
    assert {call.root for call in trace.calls} == {"Chain", "Chain#2", "Chain#3"}
    assert tracelab.load(tmp_path / "run.jsonl").recorded == trace.recorded


def test_a_finalizer_that_calls_a_module_in_the_middle_of_a_forward() -> None:
    """`__del__` runs wherever the last reference goes: here when a container dies in a forward."""
    module = Chain(1)

    class Last:
        def __del__(self) -> None:
            module(X)

    class Dropping(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            Last()
            return x

    with tracelab.trace() as trace:
        Dropping()(X)
    assert [(call.name, call.parent and call.parent.name) for call in trace.calls] == [
        ("Dropping.forward", None),
        ("Chain.forward", "Dropping.forward"),
    ]
