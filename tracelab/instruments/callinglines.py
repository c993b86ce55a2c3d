"""The lines of a function that call what one of its names holds, read from its bytecode.

    def wrapper(self, *args, **kwargs):
        with no_grad():
            return func(self, *args, **kwargs)      <- calls `func`

No source is needed and nothing is parsed, so a version of torch or transformers that nobody here has seen
gives its own lines.  A call begins where the expression that is called begins: a load of the name is the
callee of a call instruction with the same start, unless something is first looked up in it.  A line that
makes a `partial` of it counts too: so a checkpoint is given what it is to call.
"""

from __future__ import annotations

import dis
from itertools import pairwise
from types import CodeType

from ..bycode import by_code

MOST = 3
"""So many lines of a function are named."""

Point = tuple[int, int]
"""Line and column."""

_LOOKED_INTO = ("LOAD_ATTR", "LOAD_METHOD")
_FURTHER = (*_LOOKED_INTO, "BINARY_SUBSCR", "BINARY_OP")
_BETWEEN = ("PUSH_NULL", "PRECALL", "CACHE", "NOP", "COPY_FREE_VARS")


@by_code(1024)
def calling_lines(code: CodeType, name: str, *, attribute: bool = False) -> tuple[int, ...]:
    """The lines of `code` itself that call what `name` holds, a variable or (`attribute`) an attribute."""
    steps = _steps(code)
    ends: dict[Point, Point] = {}
    for step in steps:
        if step.opname.startswith("CALL"):
            start, end = _span(step)
            ends[start] = max(end, ends.get(start, end))
    partial = {_span(step)[0][0] for step in steps if step.argval == "partial"}
    found = set()
    for step, after in pairwise(steps):
        start, end = _span(step)
        if not _loads(step, name, attribute) or after.opname in _FURTHER:
            continue
        if ends.get(start, start) >= end or start[0] in partial:
            found.add(start[0])
    return tuple(sorted(found)[:MOST])


@by_code(1024)
def inner_calling_lines(code: CodeType, name: str) -> tuple[int, ...]:
    """The same for a variable of `code` in the functions inside of it."""
    found: set[int] = set()
    for constant in code.co_consts:
        if type(constant) is CodeType:
            found.update(calling_lines(constant, name) + inner_calling_lines(constant, name))
    return tuple(sorted(found)[:MOST])


@by_code(1024)
def lines_that_hand_on(code: CodeType) -> tuple[int, ...]:
    """The lines that call something with `*args` or `**kwargs`: for a wrapper whose callee is not known."""
    found = {_span(step)[0][0] for step in _steps(code) if step.opname == "CALL_FUNCTION_EX"}
    return tuple(sorted(found)[:MOST])


@by_code(64)
def holder_of(code: CodeType, attribute: str) -> str:
    """The variable that an attribute is put into, `forward_call` for `forward`; else the attribute."""
    steps = _steps(code)
    for step, after in pairwise(steps):
        if _loads(step, attribute, True) and after.opname.startswith("STORE_") and type(after.argval) is str:
            return after.argval
    return attribute


@by_code(8)  # each is asked about several times in a row
def _steps(code: CodeType) -> list[dis.Instruction]:
    try:
        return [step for step in dis.get_instructions(code) if step.opname not in _BETWEEN]
    except Exception:  # code that somebody has made or changed; then no line is named
        return []


def _loads(step: dis.Instruction, name: str, attribute: bool) -> bool:
    value, kind = step.argval, step.opname
    if type(value) is tuple:  # two variables at once
        return not attribute and kind.startswith("LOAD_FAST") and name in value
    if type(value) is not str or value != name or not kind.startswith("LOAD_") or kind == "LOAD_CONST":
        return False
    return (kind in _LOOKED_INTO) is attribute


def _span(step: dis.Instruction) -> tuple[Point, Point]:
    """Where the expression begins and ends; of the columns an interpreter may know nothing."""
    at = step.positions
    if at is None or at.lineno is None:
        return (0, 0), (0, 0)
    return (at.lineno, at.col_offset or 0), (at.end_lineno or at.lineno, at.end_col_offset or 0)
