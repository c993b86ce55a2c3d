"""Where the values of a statement go, for one way of writing after another."""

from __future__ import annotations

import ast

import pytest

from tracelab.analyses.expressions import label
from tracelab.analyses.flows import Given, Load, calls, flows


def told(text: str, known: str = "") -> list[str]:
    """Each way as `x -> view -> y`; `known`: the name by which a call is made that is told of."""
    (statement,) = ast.parse(text).body
    marked = frozenset(id(call) for call in calls([statement]) if label(call) == known)
    found = []
    for flow in flows(statement, marked):
        begin = flow.begin
        key = f"<{begin.key}>" if isinstance(begin, Load) and begin.key is not None else ""
        first = f"{begin.name}{key}" if isinstance(begin, Load) else known
        end = flow.end
        last = (
            "nothing" if end is None else f"{known}({end.argument})" if isinstance(end, Given) else end.name
        )
        if not isinstance(end, Given) and end is not None:
            last += (end.key or "") + ("!" if end.inplace else "") + (" stored" if end.stored else "")
        found.append(" -> ".join([first, *flow.operations, last]))
    return found


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("y = x", ["x -> y"]),
        ("y = x.view(1).t()", ["x -> view -> t -> y"]),
        ("y = x.view(z.shape[0], -1)", ["x -> view -> y"]),
        ("y = x + -z", ["x -> + -> y", "z -> - -> + -> y"]),
        ("y = torch.matmul(x, w)", ["torch -> matmul -> y", "x -> matmul -> y", "w -> matmul -> y"]),
        ("y = x if len(z) else w", ["x -> y", "w -> y"]),
        ("y = x is None", []),
        ("y = x.mT", ["x<mT> -> y", "x -> mT -> y"]),
        ("y = x[0]", ["x<0> -> y", "x -> […] -> y"]),
        ("y = x[mask]", ["x -> […] -> y", "mask -> […] -> y"]),
        ("a, b = x, z", ["x -> a", "z -> b"]),
        ("a, b = f(x)", ["x -> f -> a", "x -> f -> b"]),
        ("a = b = x", ["x -> a", "x -> b"]),
        ("x += y", ["x -> += -> x!", "y -> += -> x!"]),
        ("x[0] = y", ["y -> […] = -> x! stored"]),
        ("self.kept = x", ["x -> self.kept stored"]),
        ("x.add_(y)", ["x -> add_ -> x!", "y -> add_ -> x!"]),
        ("kept.append(x)", ["kept -> append -> kept stored", "x -> append -> kept stored"]),
        ("return x, y.t()", ["x -> return[0]", "y -> t -> return[1]"]),
        ("return {'a': x}", ["x -> return"]),
        ("for y in x: pass", ["x -> y"]),
        ("with f(x) as y: pass", ["x -> f -> y"]),
        ("if (y := x.t()) is None: pass", ["x -> t -> y"]),
        ("y = [one.t() for one in x]", ["x -> t -> y"]),
        ("y = f(x)(z)", ["x -> f -> f -> y", "z -> f -> y"]),
        ("y = lambda: x", []),
        ("del x", []),
    ],
)
def test_ways(text: str, ways: list[str]) -> None:
    assert told(text) == ways


def test_calls_that_are_told_of_are_ends_and_beginnings() -> None:
    assert told("y = (self.q(x.t()) * s).view(1)", "q") == [
        "q -> * -> view -> y",
        "x -> t -> q(0)",
        "s -> * -> view -> y",
    ]
    assert told("y = self.q(a, hidden=b)", "q") == ["q -> y", "a -> q(0)", "b -> q(hidden)"]


def test_calls_stand_in_the_order_in_which_they_are_made() -> None:
    (statement,) = ast.parse("y = f(g(x), h(x).view(k(x)))").body
    assert [label(call) for call in calls([statement])] == ["g", "h", "k", "view", "f"]
