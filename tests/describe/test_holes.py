"""Numbers with a hole: sizes that grow together need no new rows, and every size can be read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.modeling_outputs import BaseModelOutputWithPast

import tracelab
from tracelab.calls import Trace
from tracelab.forms import HOLE, LOWER
from tracelab.recorder import recorder as room
from tracelab.values import ContainerSpec, Spec, TensorSpec

from .makes import Make, cache
from .usual import Call, Told, Usual

T = torch.empty


def told(make: Make, sizes: list[int]) -> list[Told]:
    """What is said of values of these sizes, alone and as arguments; all are read back."""
    Usual().told([Call((None,), {"x": make(size), "y": make(size)}) for size in sizes])
    return Usual().told([make(size) for size in sizes])


def huge(size: int) -> torch.Tensor:
    """As many elements as one likes, in the room of one."""
    return T(1).expand(size)


MAKES: dict[str, Make] = {
    "tensor": lambda n: T(n),
    "two of its sizes": lambda n: T(n, 2, n + 5),
    "in a tuple": lambda n: (T(2, n), T(n + 1)),
    "deep": lambda n: {"a": [None, {"b": (T(n), 1)}]},
    "cache first": lambda n: (cache(n, 2), T(1, n)),
    "cache last": lambda n: (T(1, n), cache(n, 2)),
    "cache lags": lambda n: (T(1, n + 7), cache(n, 2)),
    "model output": lambda n: BaseModelOutputWithPast(T(1, n, 4), cache(n, 2)),
    "beside what stays": lambda n: (T(3, 4), T(n), T(7)),
}


@pytest.mark.parametrize("kind", MAKES)
@pytest.mark.parametrize(
    "sizes",
    [
        list(range(1, 40)),
        list(range(2, 90, 3)),
        list(range(60, 0, -2)),
        [*range(5, 15), 100, 101, 102, *range(5, 15), 100, 103],
        [*range(5, 15), 1, *range(5, 15), 1],
        [5, 5, 6, 6, 7, 7, 8, 8, 9, 9],
    ],
    ids=["by one", "by three", "shrinking", "jumps", "prompts", "pairs"],
)
def test_all_sizes_are_read_back(kind: str, sizes: list[int]) -> None:
    told(MAKES[kind], sizes)


def test_sizes_that_grow_by_different_amounts_are_no_hole() -> None:
    found = told(lambda n: (T(n), T(2 * n)), list(range(1, 20)))
    assert not any(one.by_reader or one.number > LOWER for one in found)


def test_sizes_that_stop_growing_together_are_told_apart() -> None:
    """Two grow together; then the first alone, then the second alone, then both, but another way."""
    pairs = [(n, n + 3) for n in range(1, 10)]
    pairs += [(20, 23), (21, 23), (21, 24), (22, 24), (23, 26), (26, 23)]
    found = Usual().told([(T(one), T(other)) for one, other in pairs])
    # The first four show that both grow by one; after that, the pairs that are three apart are known.
    expected = [False] * 4 + [True] * 5 + [True, False, True, False, True, False]
    assert [one.number > LOWER for one in found] == expected


def test_no_size_at_all() -> None:
    found = told(lambda n: (T(n), T(n + 1)), [6, 5, 4, 3, 2, 1, 0, 0, 5])
    assert found[-2].number & LOWER == 0
    assert found[-2].number > LOWER


def test_sizes_near_the_border_of_a_number() -> None:
    """A hole has 32 bits; what has more goes the general way."""
    border = 1 << HOLE
    sizes = [
        *range(5, 12),
        2**31 - 1,
        2**31,
        border - 2,
        border - 1,
        border,
        border + 1,
        border + 7,
        2**40,
        12,
    ]
    found = told(lambda n: (huge(n), None), sizes)
    assert [one.by_reader for one in found[4:]] == [True] * 7 + [False] * 4 + [True]


def test_growth_across_the_border_of_a_number() -> None:
    told(lambda n: (huge(n), T(2, device="meta").expand(n, 2)), list(range(2**32 - 6, 2**32 + 6)))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: [T(n)] * 64,
        lambda n: [T(n)] * 65,
        lambda n: [T(n)] * 200,
        lambda n: (T(n), [None] * 65),
        lambda n: (T(n), (3,) * 65),
        lambda n: (T(n), [[None] * 20] * 20),
        lambda n: [[[[[T(n)]]]]],
        lambda n: [[[[[[[T(n)]]]]]]],
        lambda n: {"x" * 300: T(n)},
        lambda n: {f"{at}": T(n) for at in range(65)},
        lambda n: [T(1)] * n,
        lambda n: (T(n),) * 5,
        lambda n: ((T(n),) * 5, ((T(n),) * 4, ((T(n),) * 2,))),
    ],
)
def test_what_is_cut_is_cut_in_a_hole_too(make: Make) -> None:
    told(make, list(range(55, 75)))


def test_a_thousand_steps_add_no_rows() -> None:
    usual = Usual()
    make = MAKES["model output"]
    found = [usual.value(make(n)) for n in range(1, 1001)]
    assert len(usual.describer.keys.rows) < 40
    assert all(one.by_reader for one in found[4:])
    usual.check(found[::50])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 3),
)
def test_callees_of_one_class_with_several_widths(turns: list[tuple[int, int, bool]], step: int) -> None:
    """As the linear layers of a model: widths 16, 32 and 64, one growing length, sometimes another prompt."""
    usual, found, length = Usual(callees=4), [], 1
    for callee, width, again in turns:
        length = 1 if again and length > 20 else length + step
        x = T(1, length, 16 << width)
        found += [usual.call(Call((x,)), callee), usual.value(x, callee)]
        found += [usual.call(Call((x, cache(length, 1)), {"mask": T(length, length)}), callee)]
    usual.check(found)


# --- in whole traces --------------------------------------------------------------------------------


class Widths(nn.Module):
    """Layers of one class and of three widths."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(16, 32), nn.Linear(32, 64), nn.Linear(64, 16)])

    def forward(self, x: torch.Tensor, *, mask: torch.Tensor) -> dict[str, Any]:
        for layer in self.layers:
            x = layer(x)
        return {"x": x, "mask": [mask]}


def shapes(spec: Spec) -> list[Any]:
    if isinstance(spec, ContainerSpec):
        return [shape for _, inner in spec.fields for shape in shapes(inner)]
    assert isinstance(spec, TensorSpec)
    return [spec.shape]


def traced(sizes: list[int], portion: int, monkeypatch: pytest.MonkeyPatch) -> Trace:
    monkeypatch.setattr(room, "PORTION", portion)
    model = Widths()
    with torch.no_grad(), tracelab.trace() as trace:
        for n in sizes:
            model(torch.ones(1, n, 16), mask=torch.ones(n, n))
    return trace


@pytest.mark.parametrize("portion", [16, 100, 10**9])
@pytest.mark.parametrize(
    "sizes",
    [
        list(range(1, 80)),
        list(range(1, 200, 3)),
        [*range(5, 30), *range(7, 40), 5, 9, *range(60, 20, -1)],
    ],
    ids=["by one", "by three", "mixed"],
)
def test_shapes_of_a_trace_are_those_that_were_given(
    sizes: list[int], portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per step one call of the model and one of each of the three layers."""
    trace = traced(sizes, portion, monkeypatch)
    seen = [(*[shapes(spec) for spec in call.inputs.values()], shapes(call.output)) for call in trace.calls]
    expected: list[Any] = []
    for n in sizes:
        expected.append(([(1, n, 16)], [(n, n)], [(1, n, 16), (n, n)]))
        expected += [([(1, n, a)], [(1, n, b)]) for a, b in ((16, 32), (32, 64), (64, 16))]
    assert seen == expected


def test_a_thousand_steps_of_a_trace_add_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PORTION", 200)
    made: list[room.Recorder] = []
    begin: Callable[..., None] = room.Recorder.__init__

    def kept(self: room.Recorder, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        made.append(self)

    monkeypatch.setattr(room.Recorder, "__init__", kept)
    trace = traced(list(range(1, 1001)), 200, monkeypatch)
    assert trace.recorded == 4000
    (recorder,) = made
    assert len(recorder.describer.keys.rows) < 100
    assert len(recorder.describer.calls.rows) < 100
    assert trace.complete
