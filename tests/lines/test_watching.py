"""What is kept of the lines of a call: in which order they ran, and what they bound."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Call, Trace
from tracelab.lines.watch import MOST
from tracelab.passes import Pass

X = torch.ones(2, 3)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        query = self.proj(x)
        shape = (
            query.shape[0],
            -1,
        )
        if scale > 1:
            query = query.view(shape).t()
        else:
            scale = 1.0
        return query


FIRST = Attention.forward.__code__.co_firstlineno


def traced(it: Callable[..., Any], *args: Any, source: Any = "*.forward", **options: Any) -> Trace:
    with tracelab.trace(source=source, **options) as trace:
        it(*args)
    return trace


def of(call: Call) -> Pass:
    found = call.facts["lines"]
    assert type(found) is Pass
    return found


def lines(seen: Pass) -> list[tuple[int, dict[str, str]]]:
    """Each line, counted from the `def`, and what it bound."""
    return [(line.number - seen.first, {name: str(spec) for name, spec in line.bound}) for line in seen.lines]


def test_lines_and_what_they_bind() -> None:
    trace = traced(Attention(), X, source="Attention.forward")
    (call,) = trace.find("Attention.forward")
    seen = of(call)
    assert (seen.first, seen.name, seen.ended, seen.cut) == (FIRST, "Attention.forward", "return", 0)
    assert seen.file == call.file
    # [2, 3] times [3, 4] is [2, 4]; seen as (2, -1) it is the same, and its transpose is [4, 2].
    assert lines(seen) == [
        (0, {"self": "Attention", "x": "f32[2,3]", "scale": "float"}),
        (1, {"query": "f32[2,4]"}),
        (3, {}),
        (4, {}),
        (2, {"shape": "tuple(int, int)"}),
        (6, {}),
        (7, {"query": "f32[4,2]"}),
        (10, {}),
    ]
    assert "lines" not in trace.find("Linear.forward")[0].facts


def test_values_where_they_are_kept() -> None:
    seen = of(traced(Attention(), X, source="Attention.forward", values=True).calls[0])
    assert lines(seen)[0][1]["scale"] == "2.0"


def test_what_a_host_sees_is_the_same() -> None:
    model = Attention()
    expected = model(X)
    with tracelab.trace(source="*.forward"):
        assert torch.equal(model(X), expected)


# --- which calls ------------------------------------------------------------------------------------


def test_by_path_by_file_and_several() -> None:
    model = nn.Sequential(Attention(), nn.ReLU(), nn.Linear(2, 2))

    def watched(source: Any) -> list[str | None]:
        return [call.path for call in traced(model, X, source=source).calls if "lines" in call.facts]

    assert watched("0") == ["0"]
    assert watched(["0.proj", "1"]) == ["0.proj", "1"]
    assert watched("linear.py") == ["0.proj", "2"]
    assert watched("nobody") == []
    assert watched("Attention.forward@first") == ["0"]


def test_the_first_call_of_each_callee() -> None:
    a, b = Attention(), Attention()
    trace = traced(lambda: [a(X), a(X), b(X), a(X)], source="Attention.forward@first")
    assert ["lines" in call.facts for call in trace.find("Attention.forward")] == [True, False, True, False]


def test_functions_under_decorators() -> None:
    def passing(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def around(*args: Any, **kwargs: Any) -> Any:
            before = 1
            return function(*args, **kwargs), before

        return around

    class Decorated(nn.Module):
        @passing
        @torch.no_grad()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x + 1
            return y

    (call,) = traced(Decorated(), X, source="Decorated.forward").calls
    seen = of(call)
    assert lines(seen)[1:] == [(3, {"y": "f32[2,3]"}), (4, {})]
    assert call.line == seen.first + 2  # two decorators stand above


def test_a_function_that_calls_itself_is_seen_once_for_each_call() -> None:
    class Twice(nn.Module):
        def forward(self, x: torch.Tensor, again: int = 1) -> torch.Tensor:
            if again:
                x = self.forward(x, again - 1)  # no call of the module: not recorded
                return x + 0
            return x

    (call,) = traced(Twice(), X, source="Twice.forward").calls
    assert [number for number, _ in lines(of(call))] == [0, 1, 2, 3]

    class Nested(nn.Module):
        def forward(self, x: torch.Tensor, again: int = 2) -> torch.Tensor:
            if again:
                x = self(x, again - 1)
            return x

    calls = traced(Nested(), X, source="Nested.forward").calls
    assert [[number for number, _ in lines(of(call))] for call in calls] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [0, 1, 3],
    ]


def test_calls_within_watched_calls() -> None:
    model = nn.Sequential(Attention(), nn.Linear(2, 2))
    trace = traced(model, X, source="*.forward")
    assert ["lines" in call.facts for call in trace.calls] == [True] * 4
    assert [call.path for call in trace.calls] == ["", "0", "0.proj", "1"]


def test_two_traces_see_the_same_call() -> None:
    with tracelab.trace(source="Attention.forward") as outer, tracelab.trace(source="Attention.*") as inner:
        Attention()(X)
    assert of(outer.calls[0]) == of(inner.calls[0])


# --- how they end -----------------------------------------------------------------------------------


class Failing(nn.Module):
    def forward(self, how: str) -> str:
        try:
            raise KeyError(how)
        except KeyError:
            caught = how
        if caught == "fail":
            raise ValueError(how)
        return caught


def test_exceptions() -> None:
    with tracelab.trace(source="Failing.forward") as trace:
        Failing()("pass")
        with pytest.raises(ValueError, match="fail"):
            Failing()("fail")
    passing, failing = map(of, trace.calls)
    assert (passing.ended, failing.ended) == ("return", "exception")
    assert [number for number, _ in lines(passing)] == [0, 1, 2, 3, 4, 5, 7]
    assert [number for number, _ in lines(failing)] == [0, 1, 2, 3, 4, 5, 6]
    assert trace.calls[1].status == "error"


def test_a_generator_runs_after_its_call() -> None:
    class Yielding(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            yield x

    (call,) = traced(lambda: list(Yielding()(X)), source="Yielding.forward").calls
    assert "lines" not in call.facts


def test_a_loop_without_end_is_cut() -> None:
    class Long(nn.Module):
        def forward(self, times: int) -> int:
            total = 0
            for i in range(times):
                total += i
            return total

    (call,) = traced(Long(), MOST, source="Long.forward").calls
    seen = of(call)
    # Entry, one assignment, then two lines for each round, the last look at the loop, and the return.
    assert len(seen.lines) + seen.cut == 2 + 2 * MOST + 2
    assert len(seen.lines) in (MOST, MOST + 1)
    assert seen.ended == "return"


def test_a_value_that_cannot_be_described_does_no_harm() -> None:
    class Hostile:
        @property
        def __class__(self) -> type:
            raise RuntimeError("asked")

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("asked")

        __hash__ = None  # type: ignore[assignment]

    class Takes(nn.Module):
        def forward(self, given: Any) -> Any:
            kept = given
            return kept

    (call,) = traced(Takes(), Hostile(), source="Takes.forward").calls
    assert lines(of(call))[1] == (1, {"kept": "Hostile"})
