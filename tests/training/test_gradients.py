"""What an optimizer finds: gradients by name, with shapes and norms worked out by hand, and missing ones."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import tracelab

from .loops import X


class Forked(nn.Module):
    """Two layers of which only one is used."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Linear(4, 2)
        self.unused = nn.Linear(4, 2)
        self.used.bias.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Uses one."""
        out: torch.Tensor = self.used(x)
        return out


def test_names_of_parameters_without_a_gradient_come_from_the_real_model() -> None:
    model = Forked()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tracelab.trace() as trace:
        model(X).sum().backward()
        optimizer.step()
    facts = trace.find(kind="optimizer")[0].facts
    assert facts["parameters"] == 4 and facts["models"] == ("Forked",)
    assert facts["gradients"] == (("used.weight", (2, 4)),)
    assert facts["without_gradient"] == ("unused.weight", "unused.bias") and facts["frozen"] == 1
    assert trace.steps()[0].facts["without_gradient"] == ("unused.weight", "unused.bias")


def test_norms_by_module_and_group_are_those_worked_out_by_hand() -> None:
    """loss = sum of a(x) and b(x) over one row x = (3, 4), each with a single output.

    The gradient of a weight row is x, of norm 5, of a bias 1: each module sqrt(25 + 1), together sqrt(52).
    Groups: both weights sqrt(50), both biases sqrt(2).
    """
    model = nn.ModuleDict({"a": nn.Linear(2, 1), "b": nn.Linear(2, 1)})
    weights = [part.weight for part in model.values()]
    biases = [part.bias for part in model.values()]
    optimizer = torch.optim.SGD([{"params": weights}, {"params": biases, "lr": 0.2}], lr=0.1)
    with tracelab.trace(model, stats=True, values=True) as followed:
        pass
    assert followed.steps() == []
    x = torch.tensor([[3.0, 4.0]])
    with tracelab.trace(stats=True, values=True) as trace:
        (model["a"](x) + model["b"](x)).sum().backward()
        optimizer.step()
    facts = trace.find(kind="optimizer")[0].facts
    assert facts["grad_norm"] == pytest.approx(math.sqrt(52))
    assert [norm for _, norm in facts["module_norms"]] == pytest.approx([math.sqrt(26)] * 2)
    assert dict(facts["group_norms"]) == pytest.approx({0: math.sqrt(50), 1: math.sqrt(2)})
    assert [path for path, _ in facts["module_norms"]] == ["Linear", "Linear#2"]
    assert facts["learning_rate"] == (0.1, 0.2)


def test_a_parameter_of_no_known_model_is_called_by_its_group() -> None:
    weight = nn.Parameter(torch.ones(3))
    other = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight, other], lr=0.1)
    with tracelab.trace() as trace:
        weight.sum().backward()
        optimizer.step()
    facts = trace.find(kind="optimizer")[0].facts
    assert facts["gradients"] == (("group 0 [0]", (3,)),)
    assert facts["without_gradient"] == ("group 0 [1]",) and "models" not in facts


class Secret(nn.Parameter):
    """A parameter of the host's class, which nobody may ask anything."""

    asked = 0

    @property
    def grad(self) -> None:  # type: ignore[override]
        """Counts who asks."""
        Secret.asked += 1


def test_a_parameter_of_the_hosts_class_is_asked_nothing() -> None:
    optimizer = torch.optim.SGD([Secret(torch.ones(2))], lr=0.0)
    optimizer.step()
    before, Secret.asked = Secret.asked, 0
    with tracelab.trace(stats=True) as trace:
        optimizer.step()
    assert Secret.asked == before
    assert trace.internal_errors == 0 and trace.find(kind="optimizer")[0].facts["gradients"] == ()


@pytest.mark.parametrize("reentrant", [False, True])
def test_what_a_checkpoint_runs_again_is_part_of_backward(reentrant: bool) -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 1)

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = first, second

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.second(checkpoint(self.first, x, use_reentrant=reentrant))
            return out

    model = Checkpointed()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = X.clone().requires_grad_()
    with tracelab.trace() as trace:
        for _ in range(2):
            model(x).sum().backward()
            optimizer.step()
    steps = trace.steps()
    assert [step.facts.get("recomputed") for step in steps] == [1, 1]
    again = [call for call in trace.find("Linear.forward") if call.facts.get("recomputed")]
    assert len(again) == 2
    assert all(any(above.kind == "backward" for above in call.ancestors) for call in again)
