"""Compiled code is noticed at the door of dynamo, by whatever way it is entered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.recorder import active
from tracelab.recorder.recorder import Recorder

REPOSITORY = Path(__file__).resolve().parent.parent.parent
X = torch.ones(2, 3)


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(X)


@pytest.fixture(autouse=True)
def door_and_stance() -> Any:
    """Both are what they were, whatever a test did; none hits a limit that others have used up."""
    torch._dynamo.reset()
    door, stance = dynamo()._callback_from_stance, dynamo()._stance
    assert stance.stance == "default"
    yield
    assert dynamo()._callback_from_stance is door
    assert dynamo()._stance is stance


def dynamo() -> Any:
    return sys.modules["torch._dynamo.eval_frame"]


def eager() -> bool:
    return dynamo()._stance.stance == "force_eager"


def compiled() -> Any:
    return torch.compile(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), backend="eager")


SHOWN = ["", "_orig_mod", "_orig_mod.0", "_orig_mod.1"]


def paths(trace: tracelab.Trace) -> list[str | None]:
    return [call.path for call in trace.calls]


# --- the door ---------------------------------------------------------------------------------------


def test_a_compiled_function_outside_of_every_call_is_counted() -> None:
    model = nn.Linear(3, 3)
    function = torch.compile(lambda x: model(x) + 1, backend="eager")
    with tracelab.trace() as trace:
        for _ in range(3):
            function(X)
    assert (trace.recorded, trace.meta["compiled_regions"]) == (0, 3)
    assert "compiled code unseen 3 times outside · see_through_compile=True" in str(trace)


def test_a_compiled_function_in_a_forward_is_told_of_the_forward() -> None:
    double = torch.compile(lambda x: x * 2, backend="eager")

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(1000):
                x = double(x) * 0.5
            return self.inner(x)

    model = Model()
    with tracelab.trace() as trace, tracelab.trace() as inner:
        model(X)
    for one in (trace, inner):
        assert [call.facts for call in one.calls] == [{"compiled": True}, {}]
        assert "partly compiled: not all that runs inside is seen" in str(one)
        assert "compiled_regions" not in one.meta


def test_a_loop_over_compiled_code_says_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded: a million regions in one call are one row."""
    rows: list[int] = []

    class Model(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(500):
                double(x)
            rows.append(len(active.recorders[0].local.writer.rows))
            return x

    double = torch.compile(lambda x: x * 2, backend="eager")
    with tracelab.trace():
        Model()(X)
    assert rows == [6]  # the entry of the call, and the fact


def test_calls_between_two_graphs_are_seen() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.aside(self.first(x)))

        @torch._dynamo.disable
        def aside(self, x: torch.Tensor) -> torch.Tensor:
            return self.first(x)

    model = torch.compile(Model().requires_grad_(False), backend="eager")
    model(X)
    with tracelab.trace() as trace:
        model(X)
    assert paths(trace) == ["", "_orig_mod.first"]
    assert "partly compiled" in str(trace)


def test_compiled_calls_do_not_share_a_line_with_their_neighbours() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c, self.d = nn.Identity(), nn.Identity(), nn.Identity(), nn.Identity()
            self.b.compile(backend="eager")
            self.c.compile(backend="eager")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.d(self.c(self.b(self.a(x))))

    model = Model()
    model(X)
    with tracelab.trace() as trace:
        model(X)
    marked = [line for line in str(trace).splitlines() if "compiled:" in line]
    assert [line[:12] for line in marked] == ["├ b Identity", "├ c Identity"]


def test_export_is_no_compiled_code() -> None:
    model = nn.Linear(3, 3)
    with tracelab.trace() as trace:
        torch.export.export(model, (X,))
        torch.export.export(model, (X,), strict=True)
    assert "compiled_regions" not in trace.meta


@pytest.mark.internal_errors
def test_a_fault_at_the_door_is_ours_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiled()
    expected = model(X)

    def broken(self: Recorder) -> None:
        raise MemoryError

    monkeypatch.setattr(Recorder, "note_compiled", broken)
    with tracelab.trace() as trace:
        assert torch.equal(model(X), expected)
    assert trace.columns.faults == {"compiled: MemoryError": 1}
