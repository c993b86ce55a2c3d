"""Where a module stands: paths in the real root, whoever was called first, and what moves later."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.instruments.roots import Roots

from ..models import ZOO

X = torch.ones(1, 2)


class Leaf(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Leaf()
        self.decoder = Leaf()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(x))


def places(trace: Trace) -> list[tuple[str | None, str | None]]:
    return [(call.root, call.path) for call in trace.calls]


WHOLE = [
    ("Pair", ""),
    ("Pair", "encoder"),
    ("Pair", "encoder.linear"),
    ("Pair", "decoder"),
    ("Pair", "decoder.linear"),
]


def test_paths_are_those_of_named_modules() -> None:
    model = ZOO["llama"].build()
    roots = Roots()
    roots.register(model)
    labels = set()
    for path, module in model.named_modules():
        stand = roots.stand(module)
        assert stand is not None
        assert stand.path == path
        labels.add(stand.root)
    assert len(labels) == 1


def test_a_part_called_before_the_whole() -> None:
    model = Pair()
    with tracelab.trace() as trace:
        model.encoder(X)
        model(X)
    assert places(trace) == [("Pair", "encoder"), ("Pair", "encoder.linear"), *WHOLE]


def test_a_part_of_a_part_called_before_both() -> None:
    model = nn.Sequential(Pair())
    with tracelab.trace() as trace:
        model[0].encoder.linear(X)
        model[0].encoder(X)
        model[0](X)
        model(X)
    paths = ["0.encoder.linear", "0.encoder", "0.encoder.linear"]
    paths += ["0", "0.encoder", "0.encoder.linear", "0.decoder", "0.decoder.linear"]
    paths += ["", "0", "0.encoder", "0.encoder.linear", "0.decoder", "0.decoder.linear"]
    assert places(trace) == [("Sequential", path) for path in paths]


def test_two_models_of_one_class_have_two_labels() -> None:
    first, second = Leaf(), Leaf()
    with tracelab.trace() as trace:
        for model in (first, second, first):
            model(X)
    assert [call.root for call in trace.roots] == ["Leaf", "Leaf#2", "Leaf"]


def test_a_new_model_at_an_old_address_is_a_new_model() -> None:
    with tracelab.trace() as trace:
        for _ in range(20):
            Leaf()(X)
            gc.collect(0)
    assert len({call.root for call in trace.roots}) == 20
    assert {call.path for call in trace.roots} == {""}


def test_a_module_under_two_names_keeps_both() -> None:
    model = Pair()
    model.decoder = model.encoder
    with tracelab.trace() as trace:
        model(X)
    assert places(trace) == [WHOLE[0], *WHOLE[1:3] * 2]
    assert trace.calls[1].site.aliases == ("decoder",)


def test_aliases_move_with_their_root() -> None:
    inner = Pair()
    inner.decoder = inner.encoder
    model = nn.Sequential(inner)
    with tracelab.trace() as trace:
        inner(X)
        model(X)
    assert {call.site.aliases for call in trace.calls if call.path == "0.encoder"} == {("0.decoder",)}


def test_a_module_added_later() -> None:
    model = nn.Sequential(Leaf())
    with tracelab.trace() as trace:
        model(X)
        model.append(Leaf())
        model(X)
    assert [call.path for call in trace.calls] == ["", "0", "0.linear", "", "0", "0.linear", "1", "1.linear"]
    assert {call.root for call in trace.calls} == {"Sequential"}


def test_a_module_that_replaces_another() -> None:
    model = Pair()
    with tracelab.trace() as trace:
        model(X)
        model.decoder = nn.Linear(2, 2)
        model(X)
    assert places(trace) == [*WHOLE, *WHOLE[:3], ("Pair", "decoder")]


def test_modules_made_in_a_forward_stand_nowhere() -> None:
    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.MSELoss()(nn.ReLU()(self.linear(x)), x)

    with tracelab.trace() as trace:
        Loss()(X)
    assert [(call.owner, call.root, call.path) for call in trace.find(kind="module")] == [
        ("Loss", "Loss", ""),
        ("Linear", "Loss", "linear"),
        ("ReLU", None, None),
        ("MSELoss", None, None),
    ]


def test_a_loss_with_room_for_weights_stands_nowhere_too() -> None:
    """`CrossEntropyLoss()` has a buffer `weight`, often None; made at each step it must not become a root."""

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return nn.CrossEntropyLoss(weight=torch.ones(2))(self.linear(x), labels)

    model, labels = Head(), torch.zeros(1, dtype=torch.long)
    held = []
    with tracelab.trace() as trace:
        for step in range(12):
            model(X, labels)
            held.append([object() for _ in range(50 * step)])  # other addresses for what comes next
    assert {call.root for call in trace.find("CrossEntropyLoss.forward")} == {None}
    assert "×12" in str(trace)


def test_many_models_are_labelled_in_one_pass() -> None:
    with tracelab.trace() as trace:
        for _ in range(2_000):
            nn.Sequential(nn.Identity())(X)
    began = time.process_time()
    assert trace.recorded == 4_000
    assert {call.root for call in trace.roots} == {
        "Sequential",
        *(f"Sequential#{n}" for n in range(2, 2_001)),
    }
    assert time.process_time() - began < 2  # 0.03 s; each label by a scan of all took 0.65 s and grew squared


def test_a_cycle_of_modules_ends() -> None:
    model = Pair()
    model.encoder._modules["up"] = model
    with tracelab.trace() as trace:
        model.encoder(X)
        model(X)
    assert {call.root for call in trace.calls} in ({"Leaf"}, {"Pair"})
    assert trace.complete


def test_models_that_swap_their_places() -> None:
    """Whatever stood in what, at some time: reading the trace ends."""
    outer, inner = Pair(), Pair()
    with tracelab.trace() as trace:
        inner(X)
        outer.encoder = inner
        outer(X)
        outer.encoder = Leaf()
        inner.encoder = outer
        inner(X)
    assert trace.recorded > 0
    assert all(call.path is not None for call in trace.calls)


@pytest.mark.parametrize("container", [nn.ModuleList, lambda parts: nn.ModuleDict({"a": parts[0]})])
def test_a_container_without_forward_is_no_gap(container: Any) -> None:
    class Holding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = container([Leaf()])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            parts = self.parts.values() if isinstance(self.parts, nn.ModuleDict) else self.parts
            for part in parts:
                x = part(x)
            return x

    with tracelab.trace() as trace:
        Holding()(X)
    assert [call.gap for call in trace.calls] == [None] * 3


class Direct(nn.Module):
    """Calls a part by `.forward`, which nobody can see."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = Leaf()
        self.seen = Leaf()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.seen(self.hidden.forward(x))


def test_a_part_whose_forward_was_called_directly_is_marked_as_missing() -> None:
    with tracelab.trace() as trace:
        Direct()(X)
    assert [(call.path, call.gap, call.parent and call.parent.path) for call in trace.calls] == [
        ("", None, None),
        ("hidden.linear", "hidden", ""),
        ("seen", None, ""),
        ("seen.linear", None, "seen"),
    ]


def test_the_gap_moves_with_its_root() -> None:
    inner = Direct()
    model = nn.Sequential(inner)
    with tracelab.trace() as trace:
        inner(X)
        model(X)
    assert [call.gap for call in trace.calls if call.path == "0.hidden.linear"] == ["0.hidden"] * 2


def test_the_encoder_that_generate_calls_itself() -> None:
    entry = ZOO["t5"]
    model = entry.build()
    with tracelab.trace() as trace:
        model.generate(**entry.generate_arguments())
    encoder = trace.find("T5Stack.forward", path="encoder")
    assert [(call.root, call.path) for call in encoder] == [("T5ForConditionalGeneration", "encoder")]


# --- limits -----------------------------------------------------------------------------------------


def test_a_followed_part_is_followed_in_the_whole() -> None:
    model = Pair()
    with tracelab.trace(model.decoder) as trace:
        model(X)
        model.decoder(X)
    decoder = [("Pair", "decoder"), ("Pair", "decoder.linear")]
    assert places(trace) == decoder * 2
    assert [call.parent is None for call in trace.calls] == [True, False] * 2


def test_a_followed_part_of_a_model_that_was_never_called() -> None:
    model = Pair()
    with tracelab.trace(model.decoder) as trace:
        model.decoder(X)
        model.encoder(X)
    assert places(trace) == [("Leaf", ""), ("Leaf", "linear")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["whole first", "part first"])
def test_a_model_followed_together_with_its_part(order: tuple[int, int]) -> None:
    model = Pair()
    given = [model, model.encoder]
    with tracelab.trace(*[given[at] for at in order]) as trace:
        model(X)
        model.encoder(X)
    assert places(trace) == [*WHOLE, *WHOLE[1:3]]
    assert trace.calls[2].gap is None


def test_only_the_followed_model_is_recorded() -> None:
    model, other = Pair(), Pair()
    with tracelab.trace(model) as trace:
        other(X)
        model(X)
        nn.ReLU()(X)
    assert places(trace) == WHOLE


def test_a_head_added_to_a_followed_model() -> None:
    model = nn.Sequential(Leaf())
    with tracelab.trace(model) as trace:
        model.append(nn.Linear(2, 2))
        model[1](X)
    assert places(trace) == [("Sequential", "1")]
