"""Source text is cut into statements so that every line that can run belongs to one."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from tests.source import programs
from tracelab.analyses.texts import function_at, functions, parse
from tracelab.analyses.units import Layout, Unit, layout, plain_layout

OPTIMIZED = 0x1
"""The flag of the code of a function."""


def laid_out(text: str, first: int = 1, name: str = "f") -> Layout:
    lines = textwrap.dedent(text).split("\n")
    tree = parse(lines)
    assert isinstance(tree, ast.Module)
    function = function_at(functions(tree), first, name)
    assert function is not None
    return layout(function, lines)


def units(text: str) -> list[tuple[str, int, int]]:
    """Kind, first and last line of all units below the head."""
    return [(unit.kind, unit.first, unit.last) for unit in laid_out(text).units[1:]]


def test_statements_and_heads() -> None:
    text = """\
    def f(x):
        a = (1,
             2)
        for b in (
            x
        ):
            pass
        else:
            with a as c, b: d = 1
        async def g():
            return 1
        return a"""
    assert units(text) == [
        ("simple", 2, 3),
        ("for", 4, 6),
        ("simple", 7, 7),
        ("with", 9, 9),
        ("simple", 9, 9),
        ("def", 10, 11),
        ("return", 12, 12),
    ]


def test_what_never_runs_is_no_unit() -> None:
    text = '''\
    def f(x):
        """Text
        of two lines."""
        global g
        # a comment
        y: int

        z.y: int
        x: int = 1'''
    assert units(text) == [("simple", 8, 8), ("simple", 9, 9)]
    assert laid_out(text).documentation == range(2, 4)


def test_tests_that_ask_nothing() -> None:
    text = """\
    def f(x):
        while True:
            if x: pass
        match x:
            case 1: pass
            case _ if x: pass
            case _: pass
        try: pass
        except E: pass
        except: pass"""
    asks = [(unit.kind, unit.asks) for unit in laid_out(text).units if unit.body]
    assert asks == [
        *(("while", False), ("if", True)),
        *(("case", True), ("case", True), ("case", False)),
        *(("except", True), ("except", False)),
    ]


def test_names_that_only_comprehensions_bind() -> None:
    text = """\
    def f(x):
        a = [b for b in x]
        c = [c for c, (d, *e) in x if (g := c)]
        for h in [i for i in x]: pass
        if {j: k for j, k in x}: pass
        l = sum(m for m in x)"""
    inner = [set(unit.inner) for unit in laid_out(text).units[1:] if unit.kind != "simple" or unit.again]
    assert inner == [{"b"}, {"d", "e"}, {"i"}, {"j", "k"}, {"m"}]


def test_a_function_is_found_by_its_first_decorator() -> None:
    lines = ["@a", "@b(", "  1)", "def f(", "  x,", "  y=2):", "  return x"]
    found = laid_out("\n".join(lines))
    assert (found.first, found.start, found.last) == (1, 4, 7)
    assert found.units[0] == Unit("entry", 1, 6)
    assert found.parameters == {"x": 5, "y": 6}
    tree = parse(lines)
    assert isinstance(tree, ast.Module)
    assert function_at(functions(tree), 4, "f") is None
    assert function_at(functions(tree), 1, "C.g") is None


def test_two_functions_on_one_line_are_told_apart_by_name() -> None:
    lines = ["def f(x): return lambda y: y"]
    tree = parse(lines)
    assert isinstance(tree, ast.Module)
    assert isinstance(function_at(functions(tree), 1, "f.<locals>.<lambda>"), ast.Lambda)
    assert isinstance(function_at(functions(tree), 1, "f"), ast.FunctionDef)


@pytest.mark.parametrize("text", ["def f(:", "\0", "(" * 1000, "x = '"], ids=repr)
def test_what_does_not_parse_is_said(text: str) -> None:
    assert str(parse(text.split("\n"))).startswith("the source text does not parse (")


def test_escapes_of_others_are_no_warning_of_ours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(parse([r"x = '\d'"]), ast.Module)


def test_a_very_long_chain_of_elif() -> None:
    text = "def f(x):\n    if x == 0: y = 0\n" + "".join(
        f"    elif x == {n}: y = {n}\n" for n in range(1, 400)
    )
    found = laid_out(text)
    assert len([unit for unit in found.units if unit.kind == "if"]) == 400


def test_bare_lines_where_there_is_no_text() -> None:
    found = plain_layout([7, 5, 7, -2], 5)
    assert [(unit.kind, unit.first) for unit in found.units] == [("entry", 5), ("simple", -2), ("simple", 7)]


FILES = [inspect.getfile(module) for module in (ast, dataclasses, textwrap, programs)]


@pytest.mark.parametrize("file", [*FILES, "modeling_whisper.py"], ids=lambda file: Path(file).name)
def test_every_line_with_code_belongs_to_a_statement_of_its_function(file: str) -> None:
    if file == "modeling_whisper.py":
        whisper = pytest.importorskip("transformers.models.whisper.modeling_whisper")
        file = inspect.getfile(whisper)
    text = Path(file).read_text(encoding="utf-8")
    lines = text.split("\n")
    tree = parse(lines)
    assert isinstance(tree, ast.Module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        top = compile(text, file, "exec")
    tried, known_functions = 0, functions(tree)
    for code in codes(top):
        function = function_at(known_functions, code.co_firstlineno, code.co_qualname)
        assert function is not None, code.co_qualname
        known = layout(function, lines).at
        assert {line for *_, line in code.co_lines() if line is not None} <= known.keys(), code.co_qualname
        tried += 1
    assert tried > 10


def codes(code: CodeType) -> Iterator[CodeType]:
    """The code of every function inside; classes and comprehensions are none."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_flags & OPTIMIZED and (inner.co_name[0] != "<" or inner.co_name == "<lambda>"):
                yield inner
            yield from codes(inner)
