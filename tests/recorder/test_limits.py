"""Limits, depth and memory: recorded + dropped = seen, and nothing of the host is kept."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import tracelab

from ..models import ZOO

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


# --- nothing is kept --------------------------------------------------------------------------------


@pytest.fixture
def no_collector() -> Iterator[None]:
    """References are counted and nothing else: what dies, dies at `del`."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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


@pytest.mark.parametrize(
    "options", [{}, {"values": True}, {"stats": True}, {"limit": 1}, {"depth": 1}], ids=str
)
@pytest.mark.parametrize("method", [False, True], ids=["module", "method"])
def test_inputs_outputs_and_modules_die_at_del(
    no_collector: None, options: dict[str, Any], method: bool
) -> None:
    with tracelab.trace(**options) as trace:
        model, x, thing = Keeping(), torch.ones(1, 2), Thing()
        output = model.generate(x, thing) if method else model(x, thing=thing)
        watched = [weakref.ref(one) for one in (model, x, thing, output["out"], model.inner.weight)]
        del model, x, thing, output
        assert [one() for one in watched] == [None] * 5
    assert trace.recorded >= 1


def test_nothing_is_kept_after_the_trace(no_collector: None) -> None:
    model, x, thing = Keeping(), torch.ones(1, 2), Thing()
    with tracelab.trace() as trace:
        output = model(x, thing=thing)
    watched = [weakref.ref(one) for one in (model, x, thing, output["out"])]
    del model, x, thing, output
    assert [one() for one in watched] == [None] * 4
    assert trace.calls[0].inputs["x"].shape == (1, 2)


def test_a_followed_model_is_not_kept(no_collector: None) -> None:
    model = Keeping()
    session = tracelab.trace(model)
    watched = weakref.ref(model)
    with session as trace:
        model(X, thing=Thing())
        del model
        assert watched() is None
    assert trace.recorded == 2


@pytest.mark.parametrize("options", [{}, {"values": True}, {"limit": 0}], ids=str)
def test_nothing_is_kept_after_an_exception(no_collector: None, options: dict[str, Any]) -> None:
    with tracelab.trace(**options) as trace:
        model, x, thing = Keeping(), torch.ones(1, 2), Thing()
        caught = None
        try:
            model(x, thing=thing, fail=True)
        except LookupError as error:
            caught = weakref.ref(thing), weakref.ref(x), weakref.ref(error.__traceback__.tb_frame.f_code)
        watched = [*caught[:2], weakref.ref(model)]
        del model, x, thing
        assert [one() for one in watched] == [None] * 3
    assert trace.recorded == (0 if "limit" in options else 1)


def test_an_exception_object_dies_when_the_host_lets_go(no_collector: None) -> None:
    class Watched(LookupError):
        pass

    class Raising(nn.Module):
        def forward(self) -> None:
            raise Watched

    with tracelab.trace() as trace:
        try:
            Raising()()
        except Watched as error:
            watched = weakref.ref(error)
        assert watched() is None
    assert [call.error for call in trace.calls] == ["Watched"]


@pytest.mark.internal_errors
def test_nothing_is_kept_after_a_fault_of_ours(no_collector: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracelab.describe import Describer

    def broken(self: Any, value: Any, *rest: Any) -> int:
        raise RuntimeError

    monkeypatch.setattr(Describer, "see", broken)
    with tracelab.trace() as trace:
        model, x = nn.Linear(2, 2), torch.ones(1, 2)
        output = model(x)
        watched = [weakref.ref(one) for one in (model, x, output)]
        del model, x, output
        assert [one() for one in watched] == [None] * 3
    assert trace.internal_errors == 1


def test_the_cache_of_a_generate_dies_with_it(no_collector: None) -> None:
    from transformers import DynamicCache

    model = ZOO["llama"].build()
    ids = ZOO["llama"].inputs()["input_ids"]
    with tracelab.trace() as trace, torch.no_grad():
        cache = DynamicCache()
        model(ids, past_key_values=cache)
        watched = weakref.ref(cache), weakref.ref(cache.layers[0].keys)
        del cache
        assert [one() for one in watched] == [None, None]
    assert trace.calls[0].inputs["past_key_values"].type == "DynamicCache"


def test_a_class_defined_during_a_trace_dies_after_it() -> None:
    def define() -> weakref.ref[type]:
        class Passing(nn.Module):
            def generate(self) -> int:
                return 1

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x

        assert Passing().generate() == 1
        Passing()(X)
        return weakref.ref(Passing)

    with tracelab.trace() as trace:
        watched = define()
    gc.collect()
    assert watched() is None
    assert trace.recorded == 2
