"""Which code really ran: from a callable to the `def` line, the class that holds it and its parameters.

In transformers 5 a third of all `forward`s stand under decorators (`can_return_tuple`,
`merge_with_config_defaults`, gradient checkpointing, `no_grad`).  Asked naively they all say that they
live in `utils/generic.py`.  The real function is reached by peeling bound methods, partials and
`__wrapped__`; its code object then knows its qualified name.  `co_firstlineno` is the line of the first
decorator, so the source is searched from there to the `def`.
"""

from __future__ import annotations

import functools
import linecache
import re
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

from ..bycode import by_code
from ..describe import file_name, instance_dict

MAX_LAYERS = 64
_MAX_DECORATOR_LINES = 200
_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_VARARGS and CO_VARKEYWORDS, without importing inspect


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a function was written; `file` is None where there is no Python source."""

    defined_in: str
    function: str
    file: str | None = None
    line: int | None = None
    parameters: tuple[str, ...] = ()
    varargs: str | None = None
    keywords: tuple[str, ...] = ()
    kwargs: str | None = None


def peel(function: Any) -> Any:
    """The innermost function under descriptors, bound methods, partials and `functools.wraps`."""
    return _peeled(function)[0]


def _peeled(function: Any) -> tuple[Any, bool]:
    """The innermost function, and whether a bound method was among the layers above it."""
    bound = False
    for _ in range(MAX_LAYERS):
        below = step_below(function)
        if below is None:
            break
        bound = bound or type(function) is MethodType
        function = below
    return function, bound


def step_below(function: Any) -> Any | None:
    """What stands directly under a descriptor, bound method, partial or wrapper; None under the innermost."""
    kind = type(function)
    if kind is MethodType:
        return function.__func__
    below = instance_dict(function).get("__wrapped__")
    if below is not None:  # before `partial.func`: accelerate's partials are wrapped like functions
        return below
    if kind is staticmethod or kind is classmethod:
        return function.__func__
    if kind is functools.partial:
        return function.func
    return function.fget if kind is property else None


def origin(function: Any, owner: str, name: str, *, bound: bool = True) -> Origin:
    """The origin of `function`; `owner` and `name` stand in where the function itself cannot tell.

    `bound`: it is found on a class, so its first parameter is `self`.
    """
    real, was_bound = _peeled(function)
    if type(real) is not FunctionType:
        return Origin(owner, name)
    return _written(real.__code__, real.__module__ or owner, name, bound or was_bound)


@by_code(4096)
def _written(code: CodeType, module: str, name: str, bound: bool) -> Origin:
    above = code.co_qualname.rpartition(".")[0]
    in_class = bool(above) and not above.endswith("<locals>")
    names, rest = code.co_varnames, code.co_argcount + code.co_kwonlyargcount
    parameters, has_varargs = names[: code.co_argcount], bool(code.co_flags & _VARARGS)
    return Origin(
        above.rpartition(".")[2] if in_class else module,
        name,
        file_name(code.co_filename),
        def_line(code),
        parameters[1:] if bound else parameters,
        names[rest] if has_varargs else None,
        names[code.co_argcount : rest],
        names[rest + has_varargs] if code.co_flags & _VARKEYWORDS else None,
    )


def def_line(code: CodeType) -> int:
    """The line of the `def` of a code object, which `co_firstlineno` is not under decorators."""
    define = re.compile(rf"\s*(async\s+)?def\s+{re.escape(code.co_name)}\b")
    for line in range(code.co_firstlineno, code.co_firstlineno + _MAX_DECORATOR_LINES):
        text = linecache.getline(code.co_filename, line)
        if not text:
            break
        if define.match(text):
            return line
    return code.co_firstlineno
