"""Reading classes and instances past whatever they define.

`value.__class__`, `isinstance`, `hasattr` and plain attribute access can all be answered by code of the
value's class or metaclass.  The C descriptors of `type` and of the instance dictionary cannot.  Neither can
a dictionary whose keys are plain texts; one key of another class may answer `hash` and `==` for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from types import GetSetDescriptorType
from typing import Any

mro_of: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
dict_of_class: Callable[[type], dict[str, Any]] = type.__dict__["__dict__"].__get__
_name_of_class: Callable[[type], str] = type.__dict__["__name__"].__get__
_module_of_class: Callable[[type], Any] = type.__dict__["__module__"].__get__


_TEXT = frozenset({id(str)})
"""By id: hashing a class may run its metaclass."""


def _homes() -> tuple[str, ...]:
    """The user's home directory as the environment and the system write it, and where links lead from it."""
    found: list[str] = []
    for written in ("~", f"~{os.environ.get('USER') or os.environ.get('LOGNAME') or ''}"):
        path = os.path.expanduser(written)  # noqa: PTH111 (Path.expanduser raises for a user without one)
        found += [path, os.path.realpath(path)] if os.path.isabs(path) else []  # noqa: PTH117
    return tuple([home for home in dict.fromkeys(found) if home != os.path.dirname(home)])  # noqa: PTH120


_HOMES = _homes()


def class_name(cls: type) -> str:
    """The name of a class, as written in its `class` statement."""
    return str.__str__(_name_of_class(cls))


def home(cls: type) -> tuple[str, str]:
    """Module and name of a class: `("torch", "Tensor")`."""
    module = _module_of_class(cls)
    return (module if type(module) is str else ""), class_name(cls)


def is_a(value: object, cls: type) -> bool:
    """What `isinstance` would say if it did not ask the value for its `__class__`."""
    return any(base is cls for base in mro_of(type(value)))


def dict_getter(cls: type) -> Callable[[Any], dict[str, Any]]:
    """What reads the instance dictionary of objects of `cls`; see `named`."""
    for base in mro_of(cls):
        found = dict_of_class(base).get("__dict__")
        if found is not None:
            return found.__get__ if type(found) is GetSetDescriptorType else _no_dict
    return _no_dict


def instance_dict(value: object) -> dict[str, Any]:
    """The instance dictionary of any object; empty if it has none that can be read safely."""
    return named(dict_getter(type(value))(value))


def all_texts(keys: Iterable[Any]) -> bool:
    """Whether these are plain texts, exactly."""
    return _TEXT.issuperset(map(id, map(type, keys)))


def named(items: dict[Any, Any]) -> dict[str, Any]:
    """A plain dictionary without the keys that are no plain texts: a lookup would ask these."""
    return items if all_texts(items) else {key: item for key, item in items.items() if type(key) is str}


def file_name(path: str) -> str:
    """A source file as it is kept: the user's home directory is private and becomes `~`."""
    for known in _HOMES:
        if path.startswith((known + "/", known + "\\")):
            return "~" + path[len(known) :]
    return path


def _no_dict(value: object) -> dict[str, Any]:
    return {}
