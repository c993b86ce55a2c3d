"""What `trace(*roots)` is limited to: turns what the user named into something that can be followed.

A root is a module, a tokenizer, processor or pipeline, a class, a function, or the dotted name of one of
the last two (`"package.module:Class.method"`, a dot in place of the colon works too).  A call tree then
begins only at a root; whatever a root calls is recorded as usual.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from ..describe import class_name, home, instance_dict, is_a, mro_of
from ..errors import SetupError
from ..recorder import original_of
from .families import Family, can_wrap

POSSIBLE = (
    "a module, tokenizer, processor, pipeline, class, function, or the dotted name of a class or function"
)


@dataclass(frozen=True, slots=True)
class Root:
    """Something to follow; `holder` and `name` say where to patch it, if the instruments do not do that."""

    it: Any
    holder: Any = None
    name: str = ""


def resolve(given: Any, families: tuple[Family, ...]) -> Root:
    """The root that the user meant; SetupError with one clear line if there is none."""
    if type(given) is str:
        return _named(given)
    function = given.__func__ if type(given) is MethodType else given
    if type(function) is FunctionType:
        return _function(function)
    if is_a(given, type):
        return Root(given)
    bases = {tuple(family.base.split(":")) for family in families}
    if "_modules" in instance_dict(given) or any(home(base) in bases for base in mro_of(type(given))):
        return Root(given)
    raise SetupError(
        f"trace() cannot follow an object of type {class_name(type(given))!r}; possible are {POSSIBLE}"
    )


def _function(function: FunctionType) -> Root:
    name = f"{function.__module__}:{function.__qualname__}"
    if "<locals>" in name:
        raise SetupError(
            f"trace() cannot follow the local function {name!r}: it has no name to patch; use a method"
        )
    root = _named(name)
    if root.holder is not None and root.it is not original_of(function):
        raise SetupError(f"trace() cannot follow {name!r}: another object stands under that name now")
    return root


def _named(text: str) -> Root:
    module, attributes = _split(text)
    found: Any = sys.modules[module]
    holder, name = found, ""
    for name in attributes:
        holder, found = found, getattr(found, name, None)
        if found is None:
            known = [known for known in dir(holder) if type(known) is str]
            hint = _nearest(name, known, "the nearest name there is")
            raise SetupError(f"trace() found no {name!r} in {getattr(holder, '__name__', module)!r}{hint}")
    if isinstance(found, type):
        return Root(found)
    function = original_of(found.__func__ if isinstance(found, MethodType) else found)
    if not isinstance(function, FunctionType):
        kind = "built-in function" if isinstance(found, BuiltinFunctionType) else class_name(type(found))
        raise SetupError(f"trace() cannot follow {text!r}, a {kind}; possible are {POSSIBLE}")
    if isinstance(holder, type):
        if name == "forward" and hasattr(holder, "register_forward_hook"):
            return Root(holder)  # a module's forward is observed through __call__, never patched
        # Patch the class that defines it, not one that inherits it.
        holder = next((cls for cls in mro_of(holder) if name in vars(cls)), None)
    if holder is None or not can_wrap(vars(holder).get(name)):
        raise SetupError(f"trace() cannot follow {text!r}: it is no plain method or function")
    return Root(function, holder, name)


def _split(text: str) -> tuple[str, list[str]]:
    """The longest loaded module in a dotted name, and the attributes after it."""
    parts = text.replace(":", ".").split(".")
    for size in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:size])
        if module in sys.modules:
            return module, parts[size:]
    loaded = [name for name in sys.modules if "." not in name]
    hint = _nearest(parts[0], loaded, "the nearest loaded module is")
    raise SetupError(f"trace() cannot follow {text!r}: no loaded module of that name, import it first{hint}")


def _nearest(name: str, known: list[str], words: str) -> str:
    from difflib import get_close_matches  # needed where somebody has mistyped

    near = get_close_matches(name, known, 1)
    return f"; {words} {near[0]!r}" if near else ""
