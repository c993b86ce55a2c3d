"""The statements of one function, from its source text: which lines belong together, which lead where.

The interpreter tells lines, a reader thinks in statements.  `units` cuts the text of a function into them:

    each simple statement, however many lines it takes; a nested function or class counts as one
    the head of each compound one (`if x:`, `for x in y:`, `except E:`), with the lines that it leads into
    the head of the function itself, from its first decorator to the end of its signature

A line that belongs to none (a comment, an empty line, a docstring, `else:`) never runs by itself.

Gotchas: the line of a function is that of its first decorator.  `elif` is an `if` inside the `else`.  Where
two statements share a line the first one has it.  A lambda is all head.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Union

ENTRY, SIMPLE, RETURN, DEF = "entry", "simple", "return", "def"
IF, WHILE, FOR, WITH, TRY, EXCEPT, MATCH, CASE = (
    "if",
    "while",
    "for",
    "with",
    "try",
    "except",
    "match",
    "case",
)

LOOPS = frozenset({WHILE, FOR})

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SILENT = (ast.Global, ast.Nonlocal)

_CLOSING = re.compile(r"\s*[)\]}][)\]},:\s]*(#.*)?$")
_INLINED = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Unit:
    """A statement, or the head of a compound one: its lines, and those of the body that it leads into.

    `asks`: whether it may lead there or not.  `again`: its lines may come again while it runs once, because
    of a comprehension; from Python 3.12 on that runs in the function itself.  `inner`: the names that only
    comprehensions bind.  `cleans`: it stands in a `finally`, which an exception passes through.
    """

    kind: str
    first: int
    last: int
    body: tuple[int, int] | None = None
    asks: bool = False
    again: bool = False
    inner: frozenset[str] = frozenset()
    cleans: bool = False

    def leads_to(self, line: int) -> bool:
        """Whether a line is one of its body."""
        return self.body is not None and self.body[0] <= line <= self.body[1]

    @property
    def on_one_line(self) -> bool:
        """Whether the body begins on the line of the head: `if x: return`."""
        return self.body is not None and self.body[0] <= self.last


@dataclass(frozen=True, slots=True)
class Layout:
    """The units of a function in the order of their lines.

    `start`: the line of the `def`, below its decorators.  `parameters`: the line of each.
    `documentation`: the lines of its docstring.
    """

    first: int
    last: int
    start: int
    units: tuple[Unit, ...]
    parameters: dict[str, int] = field(default_factory=dict)
    documentation: range = range(0)
    at: dict[int, int] = field(default_factory=dict)
    """The number of the unit that a line belongs to."""


def layout(function: Function, lines: Sequence[str]) -> Layout:
    """The units of a function; `lines` is the text of the whole file."""
    if isinstance(function, ast.Lambda):
        return _numbered(function, [Unit(ENTRY, function.lineno, _last(function))], range(0))
    body = function.body
    ends = [function.lineno, *map(_last, [*_arguments(function.args), function.returns])]
    head = Unit(ENTRY, first_line(function), _closed(max(ends), first_line(body[0]), lines))
    documentation = range(0)
    if isinstance(body[0], ast.Expr) and _is_text(body[0].value):
        documentation = range(body[0].lineno, _last(body[0]) + 1)
        body = body[1:]
    return _numbered(function, [head, *_units(body, lines)], documentation)


def plain_layout(numbers: Sequence[int], first: int) -> Layout:
    """Where there is no text: each line that ran by itself."""
    ran = sorted({*numbers} - {first})
    units = [Unit(ENTRY, first, first), *(Unit(SIMPLE, number, number) for number in ran)]
    last = max([first, *numbers])
    return Layout(first, last, first, tuple(units), at={unit.first: at for at, unit in enumerate(units)})


def _numbered(function: Function, units: list[Unit], documentation: range) -> Layout:
    at: dict[int, int] = {}
    known = [one for one in _arguments(function.args) if isinstance(one, ast.arg)]
    for number, unit in enumerate(units):
        for line in range(unit.first, unit.last + 1):
            at.setdefault(line, number)
    return Layout(
        first=first_line(function),
        last=_last(function),
        start=function.lineno,
        units=tuple(units),
        parameters={one.arg: one.lineno for one in known},
        documentation=documentation,
        at=at,
    )


def _units(body: Sequence[ast.stmt], lines: Sequence[str]) -> list[Unit]:
    """The units of some statements and of all inside them, by their places in the text."""
    found: list[tuple[int, int, Unit]] = []
    waiting: list[tuple[_Part, bool]] = [(part, False) for part in body]
    while waiting:
        part, cleans = waiting.pop()
        line, column, unit = _unit(part, lines)
        if unit is not None:
            found.append((line, column, replace(unit, cleans=cleans)))
        last_resort = {id(inner) for inner in getattr(part, "finalbody", ())}
        waiting += [(inner, cleans or id(inner) in last_resort) for inner in _inside(part)]
    return [unit for _, _, unit in sorted(found, key=lambda one: one[:2])]


_Part = Union[ast.stmt, ast.ExceptHandler, ast.match_case]


def _unit(part: _Part, lines: Sequence[str]) -> tuple[int, int, Unit | None]:
    """Where a part of a function begins, and its unit; None for what never runs."""
    if isinstance(part, ast.match_case):
        pattern = part.pattern
        asks = part.guard is not None or not _takes_all(pattern)
        return (
            pattern.lineno,
            pattern.col_offset,
            _head(CASE, pattern.lineno, [pattern, part.guard], part.body, lines, asks),
        )
    line, column = first_line(part), part.col_offset
    if isinstance(part, ast.ExceptHandler):
        unit = _head(EXCEPT, line, [part.type], part.body, lines, part.type is not None)
    elif isinstance(part, (ast.If, ast.While)):
        kind = IF if isinstance(part, ast.If) else WHILE
        unit = _head(kind, line, [part.test], part.body, lines, not isinstance(part.test, ast.Constant))
    elif isinstance(part, (ast.For, ast.AsyncFor)):
        unit = _head(FOR, line, [part.iter], part.body, lines)
    elif isinstance(part, (ast.With, ast.AsyncWith)):
        ends = [one for item in part.items for one in (item.context_expr, item.optional_vars)]
        unit = _head(WITH, line, ends, part.body, lines)
    elif isinstance(part, ast.Match):
        unit = _head(MATCH, line, [part.subject], [], lines)
    elif isinstance(part, _TRIES):
        unit = Unit(TRY, line, line)
    elif isinstance(part, _SILENT) or (
        isinstance(part, ast.AnnAssign) and part.value is None and part.simple
    ):
        return line, column, None
    else:
        kind = DEF if isinstance(part, _NESTED) else RETURN if isinstance(part, ast.Return) else SIMPLE
        unit = Unit(kind, line, _last(part), None, False, *_comprehensions([] if kind == DEF else [part]))
    return line, column, unit


_TRIES: tuple[type[ast.stmt], ...] = tuple(
    getattr(ast, name) for name in ("Try", "TryStar") if hasattr(ast, name)
)


def _head(
    kind: str,
    first: int,
    parts: Sequence[ast.AST | None],
    body: Sequence[ast.stmt],
    lines: Sequence[str],
    asks: bool = False,
) -> Unit:
    known = [part for part in parts if part is not None]
    last = max([first, *map(_last, known)])
    again, inner = _comprehensions(known)
    if not body:
        return Unit(kind, first, _closed(last, len(lines) + 1, lines), None, asks, again, inner)
    inside = (first_line(body[0]), _last(body[-1]))
    return Unit(kind, first, _closed(last, inside[0], lines), inside, asks, again, inner)


def _inside(part: _Part) -> Iterator[_Part]:
    """The statements inside a compound one; those of a nested function or class run elsewhere."""
    if isinstance(part, _NESTED):
        return
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        yield from getattr(part, name, ())


def _closed(last: int, before: int, lines: Sequence[str]) -> int:
    """The last line of a head that ends with brackets on lines of their own."""
    while last + 1 < before and last < len(lines) and _CLOSING.match(lines[last]):
        last += 1
    return last


def first_line(node: ast.AST) -> int:
    """The line of a node, or of the first decorator above it."""
    decorators = getattr(node, "decorator_list", ())
    line: int = min([getattr(node, "lineno", 0), *(decorator.lineno for decorator in decorators)])
    return line


def _last(node: ast.AST | None) -> int:
    line: int | None = getattr(node, "end_lineno", None) or getattr(node, "lineno", None)
    return line or 0


def _arguments(arguments: ast.arguments) -> Iterator[ast.AST | None]:
    """The parameters and the defaults of a function."""
    yield from (*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs)
    yield from (arguments.kwarg, *arguments.defaults, *arguments.kw_defaults)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _takes_all(pattern: ast.pattern) -> bool:
    """`case _:` and `case x:`, also in brackets or as an alternative."""
    if isinstance(pattern, ast.MatchOr):
        return any(map(_takes_all, pattern.patterns))
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _takes_all(pattern.pattern))


def _comprehensions(parts: Sequence[ast.AST]) -> tuple[bool, frozenset[str]]:
    """Whether there is a comprehension in some parts, and the names that only comprehensions bind there."""
    nodes = [node for part in parts for node in ast.walk(part)]
    if not any(isinstance(node, _INLINED) for node in nodes):
        return False, frozenset()
    targets = [node.target for node in nodes if isinstance(node, ast.comprehension)]
    inside = {
        id(node): node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    }
    stored = [node for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return True, frozenset(inside.values()) - {node.id for node in stored if id(node) not in inside}
