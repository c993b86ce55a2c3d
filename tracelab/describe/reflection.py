"""Reading classes and instances past whatever they define.

`value.__class__`, `isinstance`, `hasattr` and plain attribute access can all be answered by code of the
value's class or metaclass.  The C descriptors of `type` and of the instance dictionary cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType, GetSetDescriptorType
from typing import Any

mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
dict_of_class: Callable[[type], dict[str, Any]] = type.__dict__["__dict__"].__get__
_name_of_class: Callable[[type], str] = type.__dict__["__name__"].__get__
_module_of_class: Callable[[type], Any] = type.__dict__["__module__"].__get__


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:  # a user without one
        return ""


_HOME = _home()


def class_name(cls: type) -> str:
    """The name of a class, as written in its `class` statement."""
    return str.__str__(_name_of_class(cls))


def home(cls: type) -> tuple[str, str]:
    """Module and name of a class: `("torch", "Tensor")`."""
    module = _module_of_class(cls)
    return (module if type(module) is str else ""), class_name(cls)


def dict_getter(cls: type) -> Callable[[Any], dict[str, Any]]:
    """What reads the instance dictionary of objects of `cls`."""
    for base in mro_of(cls):
        found = dict_of_class(base).get("__dict__")
        if found is not None:
            return found.__get__ if type(found) is GetSetDescriptorType else _no_dict
    return _no_dict


def instance_dict(value: object) -> dict[str, Any]:
    """The instance dictionary of any object; empty if it has none that can be read safely."""
    return dict_getter(type(value))(value)


def home_of_function(function: FunctionType) -> str:
    """The module that a function says it is from."""
    module = function.__module__
    return module if type(module) is str else ""


def file_name(path: str) -> str:
    """A source file as it is kept: the user's home directory is private and becomes `~`."""
    if _HOME and path.startswith((_HOME + "/", _HOME + "\\")):
        return "~" + path[len(_HOME) :]
    return path


def _no_dict(value: object) -> dict[str, Any]:
    return {}
