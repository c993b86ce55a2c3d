"""The text of the functions that ran, cut into statements; each file is looked up and parsed once."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

from ..calls import Trace
from ..passes import Pass
from ..sourcetext import Text, find
from ..values import inert
from .units import FUNCTIONS, Function, Layout, first_line, layout, plain_layout


class Texts:
    """The texts of functions; each file is looked up and parsed once."""

    def __init__(self, trace: Trace) -> None:
        self._sources = trace.columns.sources
        self._known: dict[str, tuple[Text, Functions | str]] = {}

    def of(self, seen: Pass, every: Sequence[Pass]) -> tuple[Text, Layout]:
        """The text of the file and the statements of the function; without a text, its bare lines.

        `every`: all that is to be shown of it.
        """
        text, known = self._file(seen.file)
        if isinstance(known, str):
            problem = known
        else:
            function = function_at(known, seen.first, seen.name)
            if function is not None:
                return text, layout(function, text.lines)
            problem = f"there is no {inert(seen.name)} at line {seen.first}"
        numbers = [line.number for one in every for line in one.lines]
        return Text(problem=problem), plain_layout(numbers, seen.first)

    def _file(self, file: str) -> tuple[Text, Functions | str]:
        if file not in self._known:
            text = find(file, self._sources.get(file))
            tree = parse(text.lines) if text.problem is None else text.problem
            self._known[file] = text, tree if isinstance(tree, str) else functions(tree)
        return self._known[file]


def parse(lines: Sequence[str]) -> ast.Module | str:
    """The tree of a source text, or what is in the way."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is not ours to complain about escapes
            return ast.parse("\n".join(lines) + "\n")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the source text does not parse ({type(error).__name__})"


Functions = dict[int, list[Function]]
"""The functions of a file by their first lines."""


def functions(tree: ast.Module) -> Functions:
    """All functions of a file."""
    found: Functions = {}
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            found.setdefault(first_line(node), []).append(node)
    return found


def function_at(known: Functions, first: int, name: str) -> Function | None:
    """The function whose code begins at line `first`; `name` as in `__qualname__`."""
    last_name = name.rpartition(".")[2]
    fitting = [node for node in known.get(first, []) if getattr(node, "name", "<lambda>") == last_name]
    return fitting[0] if fitting else None
