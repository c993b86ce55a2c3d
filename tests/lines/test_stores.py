"""Which names a line binds, read from its code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tracelab.lines.stores import parameters, runs_later, stores


def bound(function: Callable[..., Any]) -> dict[int, tuple[str, ...]]:
    """By line, counted from the `def`."""
    first = function.__code__.co_firstlineno
    return {line - first: names for line, names in stores(function.__code__).items()}


def test_assignments() -> None:
    def function(x: Any) -> Any:
        a = x
        b, (c, *d) = x
        e: int = x
        f = g = x
        a += 1
        if h := x:
            pass
        x.attribute = x[0] = 1
        return a, b, c, d, e, f, g, h

    found = bound(function)
    assert {line: set(names) for line, names in found.items()} == {
        1: {"a"},
        2: {"b", "c", "d"},
        3: {"e"},
        4: {"f", "g"},
        5: {"a"},
        6: {"h"},
    }


def test_statements_that_bind() -> None:
    def function(x: Any) -> Any:
        import os.path as path

        for i, j in x:
            print(i, j)
        with nullcontext() as manager:
            pass
        try:
            pass
        except ValueError as error:
            print(error)

        def inner() -> Any:
            return i

        class Local:
            pass

        return path, i, j, manager, inner, Local

    found = bound(function)
    assert found[1] == ("path",)
    assert set(found[3]) == {"i", "j"}  # `i` is a cell: `inner` has it too
    assert found[5] == ("manager",)
    assert "error" in found[9]
    assert found[12] == ("inner",)
    assert found[15] == ("Local",)


def test_the_iterator_of_a_comprehension_is_no_name() -> None:
    def function(x: Any) -> Any:
        return (y for y in x)

    code = next(one for one in function.__code__.co_consts if hasattr(one, "co_code"))
    assert {name for names in stores(code).values() for name in names} == {"y"}


def test_parameters_in_the_order_of_the_def() -> None:
    def everything(a: Any, /, b: Any, *rest: Any, c: Any, d: Any = 1, **named: Any) -> None:
        local = a
        del local

    def bare(*, c: Any) -> None:
        pass

    assert parameters(everything.__code__) == ("a", "b", "rest", "c", "d", "named")
    assert parameters(bare.__code__) == ("c",)
    assert parameters((lambda: None).__code__) == ()


@pytest.mark.parametrize(("source", "later"), [("return x", False), ("yield x", True), ("await x", True)])
def test_functions_whose_lines_run_later(source: str, later: bool) -> None:
    space: dict[str, Any] = {}
    word = "async def" if "await" in source else "def"
    exec(f"{word} function(x):\n    {source}", space)
    assert runs_later(space["function"].__code__) is later


def test_equal_codes_on_other_lines_are_told_apart() -> None:
    """Codes of two files compare equal, on 3.11 also where their bodies have other lines."""
    found = []
    for gap in ("", "\n\n"):
        space: dict[str, Any] = {}
        exec(compile(f"def f(x):\n{gap}    y = x\n    return y\n", "<same>", "exec"), space)
        found.append(list(stores(space["f"].__code__)))
    assert found == [[2], [4]]
