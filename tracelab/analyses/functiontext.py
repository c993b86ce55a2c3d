"""The text of a function that ran, as statements by their first lines."""

from __future__ import annotations

import ast
from typing import NamedTuple

from ..passes import Pass
from ..sourcetext import Text, find
from ..values import inert
from .texts import Functions, function_at, functions, parse
from .units import Layout, layout, plain_layout

Statement = ast.stmt | ast.ExceptHandler


class FunctionText(NamedTuple):
    """`statements`: by their first lines, none where there is no text; `problem` says why."""

    outline: Layout
    statements: dict[int, Statement]
    problem: str | None = None


class FunctionTexts:
    """The texts of the functions of a trace; each file is looked up and parsed once."""

    def __init__(self, digests: dict[str, str]) -> None:
        self._digests = digests
        self._files: dict[str, tuple[Text, Functions | str]] = {}
        self._functions: dict[tuple[str, int, str], FunctionText] = {}

    def of(self, seen: Pass) -> FunctionText:
        """The text of the function of a pass; without one, the lines that this pass ran."""
        key = seen.file, seen.first, seen.name
        if key not in self._functions:
            self._functions[key] = self._read(seen)
        found = self._functions[key]
        if found.problem is None:
            return found
        return FunctionText(plain_layout([line.number for line in seen.lines], seen.first), {}, found.problem)

    def line(self, file: str, number: int) -> str:
        """A line of a file; nothing where there is none."""
        return self._file(file)[0].line(number) or ""

    def _read(self, seen: Pass) -> FunctionText:
        text, known = self._file(seen.file)
        function = None if isinstance(known, str) else function_at(known, seen.first, seen.name)
        if function is None:
            problem = (
                known if isinstance(known, str) else f"there is no {inert(seen.name)} at line {seen.first}"
            )
            return FunctionText(plain_layout([], seen.first), {}, problem)
        found: dict[int, Statement] = {}
        for node in ast.walk(function):  # outer ones first: of several on a line the first is meant
            if isinstance(node, (ast.stmt, ast.ExceptHandler)) and node is not function:
                found.setdefault(node.lineno, node)
        return FunctionText(layout(function, text.lines), found)

    def _file(self, file: str) -> tuple[Text, Functions | str]:
        if file not in self._files:
            text = find(file, self._digests.get(file))
            tree = parse(text.lines) if text.problem is None else text.problem
            self._files[file] = text, tree if isinstance(tree, str) else functions(tree)
        return self._files[file]
