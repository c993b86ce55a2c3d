"""The text of the functions that ran, cut into statements; each file is looked up and parsed once."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ..calls import Trace
from ..passes import Pass
from ..sourcetext import Text, find
from ..values import inert
from .units import Layout, function_at, layout, parse, plain_layout


class Texts:
    """The texts of functions; each file is looked up and parsed once."""

    def __init__(self, trace: Trace) -> None:
        self._sources = trace.columns.sources
        self._known: dict[str, tuple[Text, ast.Module | str]] = {}

    def of(self, seen: Pass, every: Sequence[Pass]) -> tuple[Text, Layout]:
        """The text of the file and the statements of the function; without a text, its bare lines.

        `every`: all that is to be shown of it.
        """
        text, tree = self._file(seen.file)
        if isinstance(tree, ast.Module):
            function = function_at(tree, seen.first, seen.name)
            if function is not None:
                return text, layout(function, text.lines)
            tree = f"there is no {inert(seen.name)} at line {seen.first}"
        numbers = [line.number for one in every for line in one.lines]
        return Text(problem=tree), plain_layout(numbers, seen.first)

    def _file(self, file: str) -> tuple[Text, ast.Module | str]:
        if file not in self._known:
            text = find(file, self._sources.get(file))
            tree = parse(text.lines) if text.problem is None else text.problem
            self._known[file] = text, tree
        return self._known[file]
