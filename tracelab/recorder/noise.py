"""What a frame on the way to a call is: a function that a reader wants to see, or what only hands on.

It is told by what the code is and does, not by the names of today's decorators:

* A **decorator's** wrapper is written inside another function, takes `*args, **kwargs` and stands at an
  instruction that calls on with them; besides it comes from another file than what it calls, or the function
  that made it says `functools.wraps`, which is found by its name where the wrapper was written.
* An **attribute** that is looked up runs `__getattribute__`, `__getattr__` or `__get__`, or stands in
  transformers' `configuration_utils`.
* A comprehension is **part** of the function that it is written in; from Python 3.12 on most have no frame.
* **Machinery** is code of the interpreter's own libraries that only call what they are given, and torch's way
  to `forward`.

No local variable of a frame is looked at: on Python 3.11 that keeps their values alive.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

from ..describe import dict_of_class, mro_of
from ..links import ATTRIBUTE, DECORATOR, LINK, MACHINERY, OURS, PART
from .tracebacks import is_ours

_CALLS_ON = dis.opmap["CALL_FUNCTION_EX"]
_CACHE = 0
_STARRED = 0x04 | 0x08
_MACHINES = frozenset({module.__file__ for module in (contextlib, functools, threading)})
_FRONT = frozenset({str(path) for path in Path(__file__).parents[1].glob("*.py")})
_TORCHS_MACHINES = ("torch/utils/_contextlib.py", "torch/_dynamo/eval_frame.py")
_MODULES = "torch/nn/modules/module.py"
_MODULE_CALL = ("Module._wrapped_call_impl", "Module._call_impl", "Module._slow_forward")
_CONFIG = "transformers/configuration_utils.py"
_LOOKS_UP = frozenset({"__getattribute__", "__getattr__", "__get__"})
_PARTS = frozenset({"<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>"})
_WRAPS = frozenset({"wraps", "update_wrapper"})


def role_of(frame: FrameType, inner: str) -> str:
    """What a frame is; `inner`: the file of what it calls; its own where that is a recorded call."""
    code = frame.f_code
    file = code.co_filename.replace("\\", "/")
    if is_ours(code) or code.co_filename in _FRONT:
        return OURS
    if code.co_filename in _MACHINES or file.startswith("<frozen ") or file.endswith(_TORCHS_MACHINES):
        return MACHINERY
    if file.endswith(_MODULES) and code.co_qualname.startswith(_MODULE_CALL):
        return MACHINERY
    if code.co_name in _LOOKS_UP or file.endswith(_CONFIG):
        return ATTRIBUTE
    if code.co_name in _PARTS:
        return PART
    if _hands_on(code, frame.f_lasti) and (code.co_filename != inner or _is_said_to_wrap(frame)):
        return DECORATOR
    return LINK


def _hands_on(code: CodeType, instruction: int) -> bool:
    """Whether it is written in another function, takes anything, and is calling on with it."""
    if code.co_flags & _STARRED != _STARRED or not code.co_freevars:
        return False
    operations = code.co_code
    while instruction > 0 and operations[instruction] == _CACHE:
        instruction -= 2
    return instruction >= 0 and operations[instruction] == _CALLS_ON


def _is_said_to_wrap(frame: FrameType) -> bool:
    """Whether the function that made this one gives it the looks of what it wraps."""
    code = frame.f_code
    first, *inner = code.co_qualname.partition(".<locals>")[0].split(".")
    maker: Any = dict.get(frame.f_globals, first)
    for name in inner:
        if not issubclass(type(maker), type):
            return False
        known = [dict_of_class(cls) for cls in mro_of(maker)]
        maker = next((one[name] for one in known if name in one), None)
    maker = maker.__func__ if type(maker) in (staticmethod, classmethod) else maker
    if type(maker) is not FunctionType:
        return False
    inside = list(_codes(maker.__code__))
    return code in inside and any(not _WRAPS.isdisjoint(one.co_names) for one in inside)


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those that are written in it."""
    waiting = [code]
    for one in waiting:
        yield one
        waiting += [inner for inner in one.co_consts if type(inner) is CodeType]
