"""Our frames are not the host's business: they are kept out of its tracebacks, warnings and compiled graphs.

An exception that passes a wrapper loses the entry of our line.  The rest is done by a file name, which the
code of all wrappers has:

* `warnings.warn(..., stacklevel=2)` skips frames of the import system, so it looks like one of those: a
  warning of a traced function names the line of its caller, traced or not.
* Dynamo skips frames of torch and compiles what they call, so it lies in torch's folder.  Of a frame of ours
  it would make graphs in which our arguments have names; and the first eight models that were compiled in
  a trace would be the last, because they would all be compilations of one code.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from types import CodeType, FunctionType, TracebackType
from typing import Any, TypeVar

from . import active

Function = TypeVar("Function")

_set_traceback = BaseException.__dict__["__traceback__"].__set__
_get_traceback = BaseException.__dict__["__traceback__"].__get__
_MARK = " <importlib._bootstrap>"
"""What `warnings` looks for in the file name of a frame."""
_OURS: dict[int, CodeType] = {}


def ours(code: CodeType) -> CodeType:
    """Remember that this is the code of a wrapper; there is one for each kind of wrapper, for good."""
    _OURS[id(code)] = code
    return code


def unseen(function: Function) -> Function:
    """The same function, with code that `warnings` and dynamo skip."""
    wrapper: Any = function
    code, torch = wrapper.__code__, sys.modules.get("torch.nn.modules.module")
    wrapper.__code__ = _marked(code, str(getattr(torch, "__file__", code.co_filename)))
    return function


def standing_in(function: Function, original: object) -> Function:
    """The same function, which dynamo takes for `original` where it looks into it, as those of torch.jit."""
    wrapper: Any = function
    wrapper._torchdynamo_inline = original
    return function


@functools.cache
def _marked(code: CodeType, file: str) -> CodeType:
    return ours(code.replace(co_filename=file + _MARK))


def is_ours(code: CodeType) -> bool:
    """Whether this is the code of a wrapper."""
    return id(code) in _OURS


def hide_our_lines(error: BaseException, instead: Sequence[TracebackType] = ()) -> None:
    """Take the entries of wrappers off the front of an exception's traceback.

    `instead`: the entries that would stand there without us, outermost first.
    """
    try:
        entry = _get_traceback(error)
        while entry is not None and is_ours(entry.tb_frame.f_code):
            entry = entry.tb_next
        for known in reversed(instead):
            entry = TracebackType(entry, known.tb_frame, known.tb_lasti, known.tb_lineno)
        _set_traceback(error, entry)
    except Exception as fault:  # the host's error must not be replaced by one of ours
        active.fault("traceback", fault)


def original_of(function: Any) -> Any:
    """The function under wrappers of ours; any other function as it is."""
    found = function
    while type(found) is FunctionType and is_ours(found.__code__):
        found = found.__dict__["__wrapped__"]
    return found
