"""Which tensor is which: numbers by identity that keep nothing alive, and what a recording keeps of them."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict, namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Call, Trace
from tracelab.errors import SetupError
from tracelab.lines.identities import Identities
from tracelab.passes import IDENTITIES, Pass

Pair = namedtuple("Pair", ["left", "right"])


class Evil(torch.Tensor):
    """A tensor whose class wants to be asked."""

    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("asked")


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_tensor_has_one_number_and_another_has_another() -> None:
    known, a, b = Identities(), torch.ones(2), torch.ones(2)
    assert [known.number(one) for one in (a, b, a, b, a.view(2))] == [1, 2, 1, 2, 3]


def test_it_lives_no_longer_for_it(no_collector: None) -> None:
    known, a = Identities(), torch.ones(2)
    alive = weakref.ref(a)
    known.number(a)
    assert len(known) == 1
    del a
    assert alive() is None
    assert len(known) == 0


def test_an_id_that_is_used_again_is_a_new_number() -> None:
    known, seen, ids = Identities(), [], []
    for _ in range(50):
        one = torch.ones(2)
        ids.append(id(one))
        seen.append(known.number(one))
        del one
    assert len(set(ids)) < 50  # otherwise this shows nothing
    assert seen == list(range(1, 51))


def test_so_many_and_no_more() -> None:
    known, several = Identities(most=2), [torch.ones(1) for _ in range(4)]
    assert [known.number(one) for one in several] == [1, 2, 0, 0]
    assert known.cut == 2
    several.pop(0)
    assert known.number(several[1]) == 3  # there is room again


def test_places_in_containers_one_level_deep() -> None:
    known, a, b = Identities(), torch.ones(1), torch.ones(1)
    assert known.places("x", a) == (("x", 1),)
    assert known.places("", a) == (("", 1),)
    assert known.places("x", (a, None, b)) == (("x[0]", 1), ("x[2]", 2))
    assert known.places("x", [[a], b]) == (("x[1]", 2),)
    assert known.places("x", Pair(a, 1)) == (("x[left]", 1),)
    assert known.places("x", OrderedDict(logits=b)) == (("x[logits]", 2),)
    # A key that is no name may be a text of the host's: its position stands in.
    assert known.places("x", {"a secret": a}) == (("x[0]", 1),)
    for other in (1, None, "text", nn.Linear(1, 1), nn.Parameter(a), a.as_subclass(Evil), (), {}):
        assert known.places("x", other) == ()


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, *more: torch.Tensor, scale: Any = None) -> Any:
        same = self.inner(x)
        y = self.layer(same)
        pair = (y, x)
        y = y + 1
        return pair, y


def traced(model: nn.Module, *args: Any, **options: Any) -> Trace:
    with tracelab.trace(source="Outer.forward", follow=True, **options) as trace:
        model(*args)
    return trace


def told(call: Call) -> dict[str, dict[str, int]]:
    return {side: dict(pairs) for side, pairs in call.facts[IDENTITIES].items()}


def test_what_is_kept_of_calls_and_lines(tmp_path: Path) -> None:
    x = torch.ones(1, 2)
    recorded = traced(Outer(), x, x)
    recorded.save(tmp_path / "run.json")
    for trace in (recorded, tracelab.load(tmp_path / "run.json")):
        outer, inner, layer = trace.calls
        assert told(outer) == {"inputs": {"x": 1, "more[0]": 1}, "output": {"[1]": 3}}  # a pair is too deep
        assert told(inner) == {"inputs": {"x": 1}, "output": {"": 1}}
        assert told(layer) == {"inputs": {"input": 1}, "output": {"": 2}}
        seen = outer.facts["lines"]
        assert isinstance(seen, Pass)
        assert [line.same for line in seen.lines] == [
            (("x", 1), ("more[0]", 1)),
            (("same", 1),),
            (("y", 2),),
            (("pair[0]", 2), ("pair[1]", 1)),
            (("y", 3),),
            (),
        ]


def test_calls_outside_of_watched_ones_have_none() -> None:
    class Above(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.before, self.outer, self.after = Inner(), Outer(), Inner()

        def forward(self, x: torch.Tensor) -> Any:
            return self.after(self.outer(self.before(x)))

    trace = traced(Above(), torch.ones(1, 2))
    paths = [call.path for call in trace.calls if IDENTITIES in call.facts]
    assert paths == ["outer", "outer.inner", "outer.layer"]


def test_without_follow_nothing_of_it_is_kept() -> None:
    with tracelab.trace(source="Outer.forward") as trace:
        Outer()(torch.ones(1, 2))
    assert all(IDENTITIES not in call.facts for call in trace.calls)
    assert all(not line.same for line in trace.calls[0].facts["lines"].lines)
    assert "follow" not in trace.meta["options"]


def test_the_host_decides_when_a_tensor_dies(no_collector: None) -> None:
    ends: list[bool] = []

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Inner()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.inner(x * 2)
            gone = weakref.ref(y)
            held = [y, 1]
            z = y + 1
            del y, held
            ends.append(gone() is None)
            return z

    trace = traced(Outer(), torch.ones(2))
    assert ends == [True]
    assert trace.complete


def test_a_failed_call_has_no_output() -> None:
    class Outer(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x + 1
            raise ValueError(str(y.shape))

    with (
        pytest.raises(ValueError, match="Size"),
        tracelab.trace(source="Outer.forward", follow=True) as trace,
    ):
        Outer()(torch.ones(2))
    assert told(trace.calls[0]) == {"inputs": {"x": 1}}


def test_follow_needs_source() -> None:
    with pytest.raises(SetupError, match=r"source='LlamaAttention.forward'"):
        tracelab.trace(follow=True)


def test_the_tree_is_the_same_and_so_are_results() -> None:
    model, x = Outer(), torch.ones(1, 2)
    followed = traced(model, x)
    with tracelab.trace(source="Outer.forward") as plain:
        model(x)
    assert shown(followed) == shown(plain)


def shown(trace: Trace) -> list[str]:
    return [line for line in str(trace).splitlines() if " calls · " not in line]
