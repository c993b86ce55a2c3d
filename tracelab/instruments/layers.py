"""What stands between the line that makes a call and the function that runs, outermost first.

For a module that is torch's own way to `forward`; for everything, the decorators above the function, each
with the line that calls the next.  Nothing here is written down: names and lines come from the functions that
really stand there, so another version of torch or transformers tells its own story.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType, FunctionType, MethodType
from typing import Any

from ..bycode import by_code
from ..describe import dict_of_class, file_name, instance_dict, mro_of
from ..events import Layer
from ..recorder import is_ours
from .callinglines import calling_lines, holder_of, inner_calling_lines, lines_that_hand_on
from .origin import MAX_LAYERS, def_line, step_below

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)


def of_decorators(function: Any, it: Any = None) -> tuple[Layer, ...]:
    """The functions around the one that runs; `it`: the object that the outermost hangs on."""
    found: list[Layer] = []
    for _ in range(MAX_LAYERS):
        below = step_below(function)
        if below is None:
            break
        wrapper = _python(function)
        if wrapper is not None and below is not wrapper and not is_ours(wrapper.__code__):
            found.append(_layer(wrapper.__code__, *_name_of(wrapper, below, it)))
        function = below
    return tuple(found)


def of_registry(forward: FunctionType) -> tuple[Layer, ...]:
    """The function that looks up in a registry what runs in its place."""
    return (_layer(forward.__code__, "", False),)


def of_module(module: Any, call: Any) -> tuple[Layer, ...]:
    """What leads to `module.forward`; `call`: what `Module.__call__` is without us."""
    found: list[Layer] = []
    base: type | None = None
    for cls in mro_of(type(module)):
        own = dict_of_class(cls).get("__call__")
        if _is_the_base(cls):
            base = cls
            break
        if type(own) is FunctionType:
            found.append(_layer(own.__code__, "__call__", True))
    outer = _python(call)
    if base is None or outer is None:
        return tuple(found)
    compiled = instance_dict(module).get("_compiled_call_impl") is not None
    way = "_compiled_call_impl" if compiled else "_call_impl"
    found.append(_layer(outer.__code__, way, True, "Module.__call__"))
    impl = next((own for cls in mro_of(type(module)) if (own := dict_of_class(cls).get(way))), None)
    if type(impl) is FunctionType:
        found.append(_to_forward(impl.__code__, has_hooks(instance_dict(module))))
    return tuple(found)


def has_hooks(attributes: dict[str, Any]) -> bool:
    """Whether a module with these attributes, or every module, has hooks of any kind."""
    for name in _HOOKS:
        if attributes.get(name):
            return True
    torch = sys.modules.get("torch.nn.modules.module")
    return torch is not None and any(map(vars(torch).get, _GLOBAL_HOOKS))


@by_code(4096)
def _layer(code: CodeType, name: str, attribute: bool, called: str = "") -> Layer:
    """A function that calls on what its `name` holds, a variable or an attribute."""
    lines = calling_lines(code, name, attribute=attribute)
    if not lines and not attribute:
        lines = inner_calling_lines(code, name)
    return Layer(
        called or code.co_qualname.replace("<locals>.", ""),
        file_name(code.co_filename),
        def_line(code),
        lines or lines_that_hand_on(code),
    )


@by_code(64)
def _to_forward(code: CodeType, hooked: bool) -> Layer:
    """`_call_impl`: where there are no hooks it calls `forward` itself, else a function inside of it does."""
    name = holder_of(code, "forward")
    plain, inner = calling_lines(code, name), inner_calling_lines(code, name)
    lines = (inner or plain) if hooked else (plain or inner)
    return Layer(
        code.co_qualname.replace("<locals>.", ""), file_name(code.co_filename), def_line(code), lines
    )


def _is_the_base(cls: type) -> bool:
    return {"_call_impl", "__call__"} <= dict_of_class(cls).keys()


def _python(function: Any) -> FunctionType | None:
    """The Python function that runs when this one is called."""
    for _ in range(MAX_LAYERS):
        if type(function) is FunctionType:
            return function
        if type(function) in (MethodType, staticmethod, classmethod):
            function = function.__func__
        elif type(function) is functools.partial:
            function = function.func
        else:
            break
    return None


def _name_of(wrapper: FunctionType, below: Any, it: Any) -> tuple[str, bool]:
    """Under which name a wrapper knows the next function, and whether that is an attribute of the object."""
    inner = _python(below)

    def is_it(value: Any) -> bool:
        return value is below or (inner is not None and _python(value) is inner)

    for name, cell in zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=False):
        try:
            if is_it(cell.cell_contents):
                return name, False
        except ValueError:  # not filled yet
            continue
    for name in wrapper.__code__.co_names:
        if is_it(wrapper.__globals__.get(name)):
            return name, False
        if is_it(instance_dict(it).get(name)):
            return name, True
    return "", False
