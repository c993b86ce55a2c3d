"""What autograd calls while it runs backward is told apart from what was called before."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

import tracelab
from tracelab.calls import Trace
from tracelab.recorder import recorder as recording


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.act = nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.linear(self.act(x)))


class Model(nn.Module):
    def __init__(self, reentrant: bool = False) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=self.reentrant)
        return x


def x() -> torch.Tensor:
    return torch.ones(2, 3, requires_grad=True)


def marks(trace: Trace) -> list[tuple[str | None, bool]]:
    return [(call.path, "recomputed" in call.facts) for call in trace.calls if call.kind == "module"]


BLOCK = ("", ".act", ".linear", ".act")
FIRST = [("", False), *((f"blocks.{n}{part}", False) for n in (0, 1) for part in BLOCK)]
AGAIN = [(f"blocks.{n}{part}", True) for n in (1, 0) for part in BLOCK]


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("times", ["exact", "summary"])
@pytest.mark.parametrize("portion", [10_000, 50], ids=["loose", "packed"])
def test_every_step_of_a_long_training(
    reentrant: bool, times: str, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PORTION", portion)
    model = Model(reentrant)
    with tracelab.trace(times=times) as trace:
        for _ in range(40):
            model(x()).sum().backward()
    assert marks(trace) == (FIRST + AGAIN) * 40


def test_without_early_stop_nothing_is_missing_and_with_it_the_end_is_no_failure() -> None:
    with tracelab.trace() as trace:
        with torch.utils.checkpoint.set_checkpoint_early_stop(False):
            Model()(x()).sum().backward()
        Model()(x()).sum().backward()
    errors = [call.error for call in trace.calls if call.status == "error"]
    assert set(errors) <= {"_StopRecomputationError"}
    assert trace.complete
    assert "✗" not in str(trace)


@pytest.mark.parametrize(
    "options", [{"depth": 2}, {"values": True, "stats": True}, {"shapes": False}], ids=str
)
def test_on_the_general_way(options: dict[str, Any]) -> None:
    """Limits and several traces at once do not take the short way."""
    model = Model()
    with tracelab.trace(**options) as trace, tracelab.trace() as inner:
        for _ in range(2):
            model(x()).sum().backward()
    assert marks(inner) == (FIRST + AGAIN) * 2
    kept = [one for one in FIRST if "." not in (one[0] or "").removeprefix("blocks.")]
    again = [one for one in AGAIN if "." not in (one[0] or "").removeprefix("blocks.")]
    assert marks(trace) == ((kept + again) * 2 if "depth" in options else (FIRST + AGAIN) * 2)


def test_a_trace_of_the_model_alone() -> None:
    model = Model()
    with tracelab.trace(model) as trace:
        model(x()).sum().backward()
    assert marks(trace) == FIRST + AGAIN


def test_a_checkpoint_in_a_checkpoint() -> None:
    """The inner one runs three times: in the forward, and twice for backward."""

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Model()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return checkpoint(self.inner, x, use_reentrant=False)

    with tracelab.trace() as trace:
        Outer()(x()).sum().backward()
    counts = [
        (again, sum(mark == ("inner.blocks.0", again) for mark in marks(trace))) for again in (False, True)
    ]
    assert counts == [(False, 1), (True, 2)]


def test_backward_inside_of_a_forward() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Model()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            loss = self.model(x).sum()
            loss.backward()
            return self.model(x)

    loop = Loop()
    with tracelab.trace() as trace:
        loop(x())
        loop(x())
    first = [(f"model.{path}".rstrip("."), again) for path, again in FIRST]
    again = [(f"model.{path}", again) for path, again in AGAIN]
    assert marks(trace) == [("", False), *first, *again, *first] * 2


def test_backward_on_another_thread_and_of_autograd_grad() -> None:
    model = Model()
    with tracelab.trace() as trace:
        loss = model(x()).sum()
        thread = threading.Thread(target=loss.backward)
        thread.start()
        thread.join()
        torch.autograd.grad(model(x()).sum(), list(model.parameters()))
    assert marks(trace) == (FIRST + AGAIN) * 2


def test_a_sequence_of_torch_in_segments() -> None:
    model = nn.Sequential(*[nn.Linear(3, 3) for _ in range(4)])
    with tracelab.trace() as trace:
        checkpoint_sequential(model, 2, x(), use_reentrant=False).sum().backward()
    again = [call for call in trace.calls if "recomputed" in call.facts]
    assert [call.owner for call in again] == ["Linear"] * 2  # the last segment is not checkpointed


@pytest.mark.parametrize("reentrant", [True, False])
def test_where_the_second_call_comes_from_the_same_line_at_the_same_level(reentrant: bool) -> None:
    block = Block()

    def run(given: torch.Tensor) -> torch.Tensor:
        return block(given)

    class Loop(nn.Module):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            for _ in range(2):
                checkpoint(run, given, use_reentrant=reentrant).sum().backward()
            return given

    block_marks = [(path.lstrip("."), again) for again in (False, True) for path in BLOCK]
    with tracelab.trace() as trace:
        for _ in range(2):
            checkpoint(run, x(), use_reentrant=reentrant).sum().backward()
        Loop()(x())
    assert marks(trace) == [*block_marks * 2, (None, False), *block_marks * 2]


def test_a_module_that_only_backward_calls_repeats_nothing() -> None:
    probe, model = nn.Linear(3, 3), nn.Linear(3, 3)

    def look(gradient: torch.Tensor) -> None:
        with torch.no_grad():
            probe(gradient)

    with tracelab.trace() as trace:
        result = model(x())
        result.register_hook(look)
        result.sum().backward()
        model(x())
    assert [call.facts for call in trace.calls if call.kind == "module"] == [{}, {"during": "backward"}, {}]
    assert "called in backward" in str(trace)


def test_nothing_is_marked_without_a_checkpoint() -> None:
    model = nn.Sequential(Block(), Block())
    with tracelab.trace() as trace:
        for _ in range(3):
            model(x()).sum().backward()
            torch.func.grad(lambda given: model(given).sum())(torch.ones(2, 3))
    assert not any(call.facts for call in trace.calls)
    assert {site.during for site in trace.columns.sites} == {None}


def test_marks_follow_a_copy() -> None:
    with tracelab.trace() as trace:
        Model()(x()).sum().backward()
    assert marks(copy.deepcopy(trace)) == FIRST + AGAIN
