"""Every way on which `optimizer.step` is looked up, and what is left on its classes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tracelab

from .loops import X, loss_of, net

OPTIMIZERS = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ASGD",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_step_of_every_optimizer_is_one_call(name: str) -> None:
    with tracelab.trace() as trace:
        model = net()
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
        for _ in range(2):
            loss_of(model).backward()
            optimizer.step()
    assert [(call.name, call.kind) for call in trace.find(kind="optimizer")] == [
        (f"{name}.step", "optimizer")
    ] * 2


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_a_step_that_a_scheduler_holds_since_before_the_trace_is_seen(name: str) -> None:
    model = net()
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with tracelab.trace() as trace:
        for _ in range(2):
            loss_of(model).backward()
            optimizer.step()
            scheduler.step()
    found = trace.find(f"{name}.step")
    assert len(found) == 2 and all(call.facts["late"] for call in found)
    assert all(call.call_site is not None and call.call_site.file == __file__ for call in found)
    assert found[0].file is not None and found[0].file.endswith(f"torch/optim/{name.lower()}.py")
    steps = trace.steps()
    for call, step in zip(found, steps, strict=True):
        assert step.times["optimizer"] > call.duration and step.times["scheduler"] > 0


def test_a_scheduler_made_in_the_trace_leaves_one_call_and_works_on_afterwards() -> None:
    with tracelab.trace() as trace:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        loss_of(model).backward()
        optimizer.step()
        scheduler.step()
    assert trace.count("SGD.step") == 1
    optimizer.step()  # the scheduler's function holds our wrapper, which passes through
    assert trace.count("SGD.step") == 1


class Own(torch.optim.SGD):
    """Has no step of its own: torch will give it one."""


class Stepping(torch.optim.Optimizer):
    """Has one."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 1.0})

    def step(self, closure: Any = None) -> None:
        """Nothing."""


@pytest.mark.parametrize("cls", [Own, Stepping])
def test_a_class_that_torch_hooks_in_the_trace_keeps_nothing_of_ours(cls: type) -> None:
    fired: list[str] = []
    with tracelab.trace() as trace:
        optimizer: Any = cls(net().parameters())
        optimizer.register_step_post_hook(lambda *_: fired.append("post"))
        optimizer.step()
    assert trace.count(f"{cls.__name__}.step") == 1 and fired == ["post"]
    step: Any = cls.step
    while step is not None:
        assert not step.__code__.co_filename.endswith("<importlib._bootstrap>")
        step = getattr(step, "__wrapped__", None)


def test_hooks_of_steps_and_schedulers_say_what_they_say_untraced(recwarn: pytest.WarningsRecorder) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with tracelab.trace():
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
        loss_of(model).backward()
        optimizer.step()
        scheduler.step()
    assert not recwarn.list


def test_nested_traces_see_one_step_each() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with tracelab.trace(stats=True) as outer, tracelab.trace() as inner:
        model(X).sum().backward()
        optimizer.step()
    assert outer.count("SGD.step") == inner.count("SGD.step") == 1
    assert "grad_norm" in outer.find("SGD.step")[0].facts
    assert "grad_norm" not in inner.find("SGD.step")[0].facts


def test_a_host_that_overrides_torch_functions_is_handed_torchs_own_backward() -> None:
    seen: list[Any] = []
    backward = torch.Tensor.backward

    class Watching(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    model = nn.Linear(4, 1)
    with tracelab.trace() as trace, Watching():
        model(X).sum().backward()
    assert backward in seen and trace.count("backward") == 1
