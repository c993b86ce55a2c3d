"""What a line of Python source says: the function that it is in, and where the name that it calls was bound.

    decoding_method = getattr(type(self), GENERATION_MODES_MAPPING[generation_mode])
    ...
    result = decoding_method(                <- asked for this line, the line above tells what is called

Sources are parsed, never run.  One that cannot be parsed (another version of Python, nested too deep) says
nothing of its lines.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Iterator

Lines = tuple[str, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def function_at(lines: Lines, number: int) -> str | None:
    """The function or class around a line, `GenerationMixin._prefill`; empty outside of all."""
    around = _around(lines, number)
    return None if around is None else ".".join(scope.name for scope in around)


def binding(lines: Lines, number: int) -> int | None:
    """The line that has bound the variable that line `number` calls; None where there is not exactly one."""
    functions = [scope for scope in _around(lines, number) or () if isinstance(scope, Function)]
    if not functions:
        return None
    found = set()
    for name in {call.func.id for call in _calls(functions[0], number) if isinstance(call.func, ast.Name)}:
        for scope in reversed(functions):
            bound = [line for line in _bindings(scope, name) if line < number]
            if bound:
                found.add(max(bound))
                break
    return found.pop() if len(found) == 1 else None


@functools.lru_cache(maxsize=4)
def _tree(lines: Lines) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in somebody's text
            return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _around(lines: Lines, number: int) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] | None:
    """The scopes around a line, outermost first."""
    node: ast.AST | None = _tree(lines)
    if node is None:
        return None
    found: list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef] = []
    while node is not None:
        if isinstance(node, _SCOPES):
            found.append(node)
        below = (child for child in ast.iter_child_nodes(node) if _holds(child, number))
        node = next(below, None)
    return found


def _holds(node: ast.AST, number: int) -> bool:
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    return first is not None and last is not None and first <= number <= last


def _calls(function: ast.AST, number: int) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and node.lineno == number:
            yield node


def _bindings(function: ast.AST, name: str) -> Iterator[int]:
    """The lines of a function that bind a variable."""
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            yield node.lineno
