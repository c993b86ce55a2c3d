"""Where the values of a statement go, read from its text: from the names that it loads to those it binds.

    query = (self.q_proj(hidden) * self.scale).view(shape)      hidden → q_proj → * → view → query

What stands in between are operations: functions and methods by their names, operators by their signs.  A
`Flow` begins at a name, or at a call that somebody asks to be told of, and ends at a target, at such a call,
or nowhere.  Gotchas: `x.shape` and `len(x)` are no longer the tensor, nor is a test that only chooses.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from .expressions import ABOUT, INDEX, SIGNS, holding, label, sign

RETURNED = "return"
"""The name of what a function gives back."""


@dataclass(frozen=True, slots=True)
class Load:
    """A name that is loaded; `key`: of what it holds, this one."""

    name: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A name that is bound; `key`: of what is given back, this one.  `stored`: not a name, but `self.kept`.

    `inplace`: what it held before is written into.
    """

    name: str
    key: str | None = None
    stored: bool = False
    inplace: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A call that is told of, with the argument that it is given: a position or a name."""

    call: ast.Call
    argument: int | str


Begin = Union[Load, ast.Call]
End = Union[Target, Given, None]


@dataclass(frozen=True, slots=True)
class Flow:
    """One way through a statement."""

    begin: Begin
    operations: tuple[str, ...]
    end: End


def calls(parts: list[ast.AST]) -> list[ast.Call]:
    """The calls of a statement, in the order in which they are made."""
    found: list[ast.Call] = []
    waiting: list[tuple[ast.AST, bool]] = [(part, False) for part in reversed(parts)]
    while waiting:
        node, done = waiting.pop()
        if done and isinstance(node, ast.Call):
            found.append(node)
        elif not done and not isinstance(node, ast.Lambda):
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(list(ast.iter_child_nodes(node)))]
    return found


def parts_of(statement: ast.stmt | ast.ExceptHandler) -> list[ast.AST]:
    """What runs at the head of a statement; the statements in it are others."""
    if isinstance(statement, (ast.For, ast.AsyncFor)):
        return [statement.iter]
    if isinstance(statement, (ast.If, ast.While)):
        return [statement.test]
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return [item.context_expr for item in statement.items]
    if isinstance(statement, ast.Match):
        return [statement.subject]
    if hasattr(statement, "body"):
        return []
    return [statement]


def flows(statement: ast.stmt | ast.ExceptHandler, known: frozenset[int]) -> list[Flow]:
    """All ways through a statement; `known`: the calls (by `id`) that are to be told of."""
    found: list[Flow] = []
    try:
        for target, value, operations in _bindings(statement, known):
            found += _Walk(known, target).walk(value, operations)
    except RecursionError:  # an expression that is nested a thousand times
        return []
    return found


_Bound = tuple[Union[Target, None], ast.expr, tuple[str, ...]]


def _bindings(statement: ast.stmt | ast.ExceptHandler, known: frozenset[int]) -> Iterator[_Bound]:
    """What a statement binds: target, value, and the operation that is in the statement itself."""
    for part in parts_of(statement):
        for node in ast.walk(part):
            if isinstance(node, ast.NamedExpr):
                yield Target(node.target.id), node.value, ()
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _pairs(target, statement.value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _pairs(statement.target, statement.value)
    elif isinstance(statement, ast.AugAssign):
        how = (f"{SIGNS.get(type(statement.op), '?')}=",)
        for into, _, _ in _pairs(statement.target, statement.value):
            yield _inplace(into), statement.target, how
            yield _inplace(into), statement.value, how
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        yield from _pairs(statement.target, statement.iter)
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        for item in statement.items:
            if item.optional_vars is not None:
                yield from _pairs(item.optional_vars, item.context_expr)
    elif isinstance(statement, ast.Return) and statement.value is not None:
        yield from _returned(statement.value)
    elif isinstance(statement, ast.Expr):
        into = None if id(statement.value) in known else _receiver(statement.value)
        yield into, statement.value, ()
    else:
        for part in parts_of(statement):
            if isinstance(part, ast.expr):
                yield None, part, ()


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[_Bound]:
    """Targets with their values, one by one where that is written so."""
    several = (ast.Tuple, ast.List)
    if isinstance(target, several):
        values: list[ast.expr] = [value] * len(target.elts)
        if isinstance(value, several) and len(value.elts) == len(target.elts):
            values = value.elts
        for one, its in zip(target.elts, values, strict=True):
            yield from _pairs(one.value if isinstance(one, ast.Starred) else one, its)
    elif isinstance(target, ast.Name):
        yield Target(target.id), value, ()
    elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
        yield Target(target.value.id, stored=True, inplace=True), value, (f"{INDEX} =",)
    else:
        yield Target(ast.unparse(target), stored=True), value, ()


def _returned(value: ast.expr) -> Iterator[_Bound]:
    if isinstance(value, ast.Tuple):
        for at, one in enumerate(value.elts):
            yield Target(RETURNED, f"[{at}]"), one, ()
    else:
        yield Target(RETURNED), value, ()


def _inplace(target: Target | None) -> Target | None:
    return None if target is None else Target(target.name, stored=target.stored, inplace=True)


def _receiver(value: ast.expr) -> Target | None:
    """What a method such as `add_` writes into; a list or another object that something is put into."""
    function = value.func if isinstance(value, ast.Call) else None
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, (ast.Name, ast.Attribute)):
        return None
    if function.attr.endswith("_") and isinstance(function.value, ast.Name):
        return Target(function.value.id, inplace=True)
    if isinstance(function.value, ast.Name) and function.value.id == "self":
        return None  # a method of one's own may do anything
    return Target(ast.unparse(function.value), stored=True)


class _Walk:
    """From a target down to what its value is made of."""

    def __init__(self, known: frozenset[int], end: Target | None) -> None:
        self._known = known
        self._end: End = end
        self._loops: dict[str, ast.expr] = {}

    def walk(self, node: ast.AST, operations: tuple[str, ...]) -> Iterator[Flow]:
        """The ways that lead here; `operations`: those that follow."""
        if isinstance(node, ast.Name):
            yield from self._name(node, operations)
        elif isinstance(node, ast.Attribute):
            if node.attr not in ABOUT:
                yield from self._member(node.value, node.attr, node.attr, operations)
        elif isinstance(node, ast.Subscript):
            key = node.slice.value if isinstance(node.slice, ast.Constant) else None
            yield from self._member(node.value, None if key is None else str(key), INDEX, operations)
            if not isinstance(node.slice, (ast.Slice, ast.Constant)):
                yield from self.walk(node.slice, (INDEX, *operations))
        elif isinstance(node, ast.Call):
            yield from self._call(node, operations)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            yield from self._comprehension(node, operations)
        else:
            its = sign(node)
            for part in holding(node):
                yield from self.walk(part, (*([its] if its else []), *operations))

    def _name(self, node: ast.Name, operations: tuple[str, ...]) -> Iterator[Flow]:
        loop = self._loops.pop(node.id, None)
        if loop is None:
            yield Flow(Load(node.id), operations, self._end)
            return
        yield from self.walk(loop, operations)
        self._loops[node.id] = loop

    def _member(self, of: ast.expr, key: str | None, how: str, operations: tuple[str, ...]) -> Iterator[Flow]:
        """A part of a value: of a container the one with that key, or something made of a tensor."""
        if key is not None and isinstance(of, ast.Name) and of.id not in self._loops:
            yield Flow(Load(of.id, key), operations, self._end)
        yield from self.walk(of, (how, *operations))

    def _call(self, node: ast.Call, operations: tuple[str, ...]) -> Iterator[Flow]:
        name = label(node)
        if id(node) in self._known:
            yield Flow(node, operations, self._end)
            yield from self._arguments(node)
        elif name not in ABOUT:
            after = (name, *operations)
            function = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            for part in (function, *node.args, *[given.value for given in node.keywords]):
                if part is not node.func or not isinstance(part, ast.Name):
                    yield from self.walk(part, after)

    def _arguments(self, node: ast.Call) -> Iterator[Flow]:
        """What goes into a call that is told of."""
        end = self._end
        given: list[tuple[int | str, ast.expr]] = list(enumerate(node.args))
        for argument, value in [*given, *[(one.arg or "**", one.value) for one in node.keywords]]:
            self._end = Given(node, argument)
            yield from self.walk(value, ())
        self._end = end

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, operations: tuple[str, ...]
    ) -> Iterator[Flow]:
        for part in node.generators:
            if isinstance(part.target, ast.Name):
                self._loops[part.target.id] = part.iter
        yield from self.walk(node.elt, operations)
        for part in node.generators:
            if isinstance(part.target, ast.Name):
                self._loops.pop(part.target.id, None)
