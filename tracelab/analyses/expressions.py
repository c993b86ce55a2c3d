"""What single expressions do with a tensor: which give one, by which sign or name, out of which parts."""

from __future__ import annotations

import ast
from collections.abc import Mapping

ABOUT = frozenset(
    [
        *("shape", "dtype", "device", "ndim", "layout", "is_cuda", "requires_grad", "itemsize", "nbytes"),
        *("size", "dim", "numel", "stride", "nelement", "ndimension", "item", "tolist", "is_contiguous"),
        *("get_device", "element_size", "is_floating_point", "data_ptr", "type", "names"),
        *("isinstance", "len", "int", "float", "bool", "str", "print", "range", "id", "hasattr", "callable"),
        *("repr", "format"),
    ]
)
"""Attributes, methods and functions that say something about a tensor and give none."""

INDEX = "[…]"

SIGNS: Mapping[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.MatMult: "@",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.FloorDiv: "//",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.USub: "-",
    ast.UAdd: "+",
    ast.Invert: "~",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def label(call: ast.Call) -> str:
    """The name by which a call is made: `view`, `q_proj`, `attention_interface`."""
    function: ast.expr = call.func
    while isinstance(function, (ast.Subscript, ast.Call)):
        function = function.value if isinstance(function, ast.Subscript) else function.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else "…"


def sign(node: ast.AST) -> str | None:
    """The sign of an operator; None for what has none, or gives no tensor (`is`, `not`)."""
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return SIGNS.get(type(node.op))
    return SIGNS.get(type(node.ops[0])) if isinstance(node, ast.Compare) else None


def holding(node: ast.AST) -> list[ast.AST]:
    """The parts of an expression whose values are in its own."""
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators] if sign(node) else []
    if isinstance(node, ast.UnaryOp):
        return [node.operand] if sign(node) else []
    if isinstance(node, ast.Dict):
        return list(node.values)
    known = (ast.BinOp, ast.BoolOp, ast.Tuple, ast.List, ast.Set, ast.Starred, ast.NamedExpr, ast.Await)
    if isinstance(node, (*known, ast.Yield, ast.YieldFrom)):
        return list(ast.iter_child_nodes(node))
    return []
