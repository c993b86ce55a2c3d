"""What is remembered of a callee is right for this call: its caller, its traces, its very object."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.recorder import active
from tracelab.recorder import recorder as room

X = torch.ones(1, 2)


class Leaf(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Model(nn.Module):
    """Two calls below `generate`, one of them two levels down."""

    def __init__(self) -> None:
        super().__init__()
        self.leaf = Leaf()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leaf(x)

    def generate(self, x: torch.Tensor) -> Any:
        return self(x)


# --- the caller -------------------------------------------------------------------------------------


def lines(trace: Trace) -> list[tuple[str, int]]:
    """Name and line, counted from that of the first call."""
    first = trace.calls[0].call_site.line
    return [(call.name, call.call_site.line - first) for call in trace.calls if call.parent is None]


def test_lines_that_call_the_same_module_in_turn() -> None:
    leaf = Leaf()
    with tracelab.trace() as trace:
        for _ in range(3):
            leaf(X)
            leaf(X), leaf(X)
            for _ in range(2):
                leaf(X)
    assert lines(trace) == [("Leaf.forward", at) for at in (0, 1, 1, 3, 3)] * 3


def test_one_line_at_several_depths() -> None:
    """The same instruction of the same function, below nothing, below one module and below two."""
    leaf = Leaf()

    def call(x: torch.Tensor) -> torch.Tensor:
        return leaf(x)

    class Calling(nn.Module):
        def __init__(self, inner: Any = None) -> None:
            super().__init__()
            self.inner = [inner] if inner else []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner[0](x) if self.inner else call(x)

    one, two = Calling(), Calling(Calling())
    with tracelab.trace() as trace:
        for _ in range(4):
            call(X)
            one(X)
            two(X)
    parents = [len(call.ancestors) for call in trace.calls if call.name == "Leaf.forward"]
    assert parents == [0, 1, 2] * 4
    (site,) = {call.call_site for call in trace.calls if call.name == "Leaf.forward"}
    assert site.line == call.__code__.co_firstlineno + 1


def test_one_function_made_twice_and_other_ways_to_call() -> None:
    leaf = Leaf()

    def maker() -> Callable[[], Any]:
        return lambda: leaf(X)

    first, second = maker(), maker()
    with tracelab.trace() as trace:
        for _ in range(3):
            first()
            second()
            list(map(leaf, [X, X]))
            [leaf(x) for x in (X,)]
            next(leaf(x) for x in (X,))
            Leaf.__call__(leaf, X)
    assert len(trace.calls) == 3 * 7
    assert {call.call_site.file for call in trace.calls} == {__file__}
    per_round = [call.call_site.line for call in trace.calls[:7]]
    assert [call.call_site.line for call in trace.calls] == per_round * 3
    start = per_round[2]
    assert per_round == [start - 7, start - 7, start, start, start + 1, start + 2, start + 3]


def test_two_functions_that_call_at_the_same_instruction() -> None:
    leaf = Leaf()

    def one() -> Any:
        return leaf(X)

    def other() -> Any:
        return leaf(X)

    assert one.__code__.co_code == other.__code__.co_code
    with tracelab.trace() as trace:
        for _ in range(3):
            one()
            other()
    expected = [function.__code__.co_firstlineno + 1 for function in (one, other)]
    assert [call.call_site.line for call in trace.calls] == expected * 3


# --- the object -------------------------------------------------------------------------------------


def test_modules_that_come_and_go_at_one_address() -> None:
    """Known by their address: the entry must go with the module."""
    kinds = [Leaf, nn.Identity, Model, lambda: nn.Linear(2, 2), lambda: nn.Sequential(Leaf())]
    addresses, expected = set(), []
    with tracelab.trace() as trace:
        for at in range(300):
            module = kinds[at * at % 5]()
            addresses.add(id(module))
            module(X)
            expected.append(f"{type(module).__name__}.forward")
            del module
    assert [call.name for call in trace.calls if call.parent is None] == expected
    assert len(addresses) < 200  # many came to an address where another one was
    assert trace.complete


def test_classes_that_come_and_go_at_one_address() -> None:
    """Methods are known by the class."""
    gc.collect()
    gc.freeze()
    with tracelab.trace() as trace:
        for at in range(40):
            name = f"Kind{at % 7}"
            cls = type(name, (Model,), {"generate": lambda self, x: self(x)})
            cls().generate(X)
            del cls
            gc.collect()
    gc.unfreeze()
    names = [call.name for call in trace.calls if call.parent is None]
    assert names == [f"Kind{at % 7}.generate" for at in range(40)]


def test_a_module_that_gets_another_class() -> None:
    """Known as what it was at its first call: that stays so within one trace, and no other call suffers."""
    leaf, other = Leaf(), nn.Identity()
    with tracelab.trace() as trace:
        leaf(X)
        leaf.__class__ = Model
        leaf.leaf = Leaf()
        leaf(X)
        other(X)
    assert [call.status for call in trace.calls] == ["ok"] * 4
    with tracelab.trace() as trace:
        leaf(X)
    assert trace.calls[0].name == "Model.forward"


# --- the traces -------------------------------------------------------------------------------------

Step = tuple[Any, ...]
OPTIONS = st.sampled_from([{}, {}, {"limit": 0}, {"limit": 3}, {"limit": 17}, {"depth": 1}, {"depth": 2}])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("begin"), OPTIONS, st.sampled_from([None, None, 0])),
    st.tuples(st.just("end"), st.integers(0, 3)),
    st.tuples(st.just("call"), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.just("generate"), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.just("leaf"), st.integers(0, 1), st.integers(1, 4)),
)
CALLS = {
    "call": (("Model.forward", 0), ("Leaf.forward", 1)),
    "generate": (("Model.generate", 0), ("Model.forward", 1), ("Leaf.forward", 2)),
    "leaf": (("Leaf.forward", 0),),
}


class Expected:
    """What one trace should hold."""

    def __init__(self, options: dict[str, int], followed: int | None) -> None:
        self.limit, self.depth = options.get("limit", 10**9), options.get("depth", 10**9)
        self.followed = followed
        self.calls: list[tuple[str, int, int]] = []
        self.dropped = 0

    def see(self, kind: str, model: int, size: int) -> None:
        if self.followed is not None and self.followed != model:
            return
        for name, depth in CALLS[kind]:
            if depth >= self.depth or len(self.calls) >= self.limit:
                self.dropped += 1
            else:
                self.calls.append((name, depth, size))


@settings(max_examples=120, deadline=None)
@given(st.lists(STEPS, min_size=3, max_size=40))
def test_traces_that_begin_and_end_in_any_order(steps: list[Step]) -> None:
    """Alone and among others, with limits and roots, each holds what was called while it ran."""
    models, sizes = [Model(), Model()], iter(range(1, 10**6))
    running: list[tuple[Any, Trace, Expected]] = []
    ended: list[tuple[Trace, Expected]] = []
    portion, room.PORTION = room.PORTION, 8
    try:
        for kind, *details in steps:
            if kind == "begin":
                options, followed = details
                roots = [] if followed is None else [models[followed]]
                session = tracelab.trace(*roots, **options)
                running.append((session, session.__enter__(), Expected(options, followed)))
            elif kind == "end" and running:
                session, trace, expected = running.pop(details[0] % len(running))
                session.__exit__(None, None, None)
                ended.append((trace, expected))
            elif kind != "end":
                which, times = details
                model = models[which]
                act = {"call": model, "generate": model.generate, "leaf": model.leaf}[kind]
                for _ in range(times):
                    size = next(sizes)
                    assert act(torch.empty(size)).shape == (size,)
                    for _, _, expected in running:
                        expected.see(kind, which, size)
    finally:
        for session, trace, expected in running:
            session.__exit__(None, None, None)
            ended.append((trace, expected))
        room.PORTION = portion
    assert active.recorders == ()
    for trace, expected in ended:
        found = [(call.name, len(call.ancestors), call.inputs["x"].shape[0]) for call in trace.calls]
        assert found == expected.calls
        assert (trace.recorded, trace.dropped) == (len(expected.calls), expected.dropped)
        assert trace.internal_errors == 0


@pytest.mark.parametrize("inner", [{}, {"limit": 1}, {"depth": 1}, {"values": True}], ids=str)
def test_a_trace_that_begins_and_ends_within_a_call(inner: dict[str, Any]) -> None:
    """The call that is open then belongs to the outer trace alone, and both go on rightly."""
    found: list[Trace] = []

    class Tracing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.leaf = Leaf()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.leaf(x)
            with tracelab.trace(**inner) as trace:
                self.leaf(x)
            found.append(trace)
            return self.leaf(x)

    model = Tracing()
    with tracelab.trace() as outer:
        for _ in range(3):
            model(X)
    assert [(call.name, len(call.ancestors)) for call in outer.calls] == [
        ("Tracing.forward", 0),
        *[("Leaf.forward", 1)] * 3,
    ] * 3
    assert [[(call.name, call.parent) for call in trace.calls] for trace in found] == [
        [("Leaf.forward", None)]
    ] * 3
    assert outer.complete
