"""A line tracer of forty lines, so that listings are tried on what the interpreter really says.

It knows nothing of the product's own: names that a line binds are read from the bytecode of that line, and
looked up in the frame when the next event comes.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from tracelab.passes import Line, Pass
from tracelab.values import ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec


def spec_of(value: Any) -> Spec:
    """A list of numbers stands for a tensor of that shape; plain values are told with what they are."""
    if isinstance(value, list) and all(type(size) is int for size in value):
        return TensorSpec(tuple(value), "float32")
    if isinstance(value, tuple):
        return ContainerSpec("tuple", tuple((at, spec_of(one)) for at, one in enumerate(value)), len(value))
    if value is None or type(value) in (bool, int, float, str):
        return ScalarSpec(type(value).__name__, value, True)
    return ObjectSpec(type(value).__name__)


def passes_of(function: Callable[..., Any], run: Callable[[], Any]) -> list[Pass]:
    """What was seen of each call of `function` while `run` ran, in the order of their beginnings."""
    code = getattr(function, "__wrapped__", function).__code__
    stores = stores_of(code)
    found: dict[FrameType, tuple[list[Line], list[str]]] = {}

    def gate(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code is not code:
            return None
        if frame not in found:  # a generator is called once more each time it goes on
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]
            entry = Line(code.co_firstlineno, tuple((name, spec_of(frame.f_locals[name])) for name in names))
            found[frame] = [entry], ["open"]
        return local

    def local(frame: FrameType, event: str, arg: object) -> Any:
        lines, ended = found[frame]
        if len(lines) > 1:
            here, names = frame.f_locals, dict.fromkeys(stores.get(lines[-1].number, ()))
            bound = tuple((name, spec_of(here[name])) for name in names if name in here)
            lines[-1] = Line(lines[-1].number, bound)
        if event == "line":
            lines.append(Line(frame.f_lineno))
            ended[0] = "open"
        elif event == "exception" or ended[0] == "open":
            ended[0] = event
        return local

    before = sys.gettrace()
    sys.settrace(gate)
    try:
        run()
    finally:
        sys.settrace(before)
    return [
        Pass(code.co_filename, code.co_firstlineno, code.co_qualname, tuple(lines), ended[0])
        for lines, ended in found.values()
    ]


def stores_of(code: CodeType) -> dict[int, list[str]]:
    """Which names each line binds."""
    found: dict[int, list[str]] = {}
    for one in dis.get_instructions(code):
        line = one.positions.lineno if one.positions else None
        names = one.argval if isinstance(one.argval, tuple) else (one.argval,)
        if line is not None and one.opname.startswith("STORE_") and "ATTR" not in one.opname:
            # Later interpreters store two names at once, or store one and load another.
            names = names[:1] if "LOAD" in one.opname else names
            found.setdefault(line, []).extend(name for name in names if isinstance(name, str))
    return found
