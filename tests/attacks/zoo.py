"""Values whose classes would like to be asked: each counts every piece of its code that is run.

`HOSTILE` has one maker for each kind.  `count.calls` is the list of what ran; describing a value must
leave it empty.
"""

from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Callable
from typing import Any

import torch

calls: list[str] = []

NAMES = (
    "__repr__",
    "__str__",
    "__len__",
    "__iter__",
    "__bool__",
    "__hash__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__contains__",
    "__getitem__",
    "__index__",
    "__int__",
    "__float__",
    "__array__",
    "__format__",
    "__getattr__",
    "__getattribute__",
    "__call__",
    "__reversed__",
    "__instancecheck__",
    "__subclasscheck__",
    "keys",
    "values",
    "items",
    "tolist",
    "numel",
)


def note(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        raise RuntimeError(f"{name} was called")

    method.__name__ = name
    return method


def noting(name: str) -> property:
    return property(note(name))


BODY = {
    **{name: note(name) for name in NAMES},
    **{name: noting(name) for name in ("__class__", "shape", "dtype", "device", "is_cpu", "ndim", "data")},
}

Meta = type("Meta", (type,), {name: note(f"metaclass {name}") for name in NAMES if name != "__call__"})
DictMeta = type("DictMeta", (type(OrderedDict),), {"__hash__": note("hash"), "__eq__": note("eq")})


def hostile_class(base: type, metaclass: type = Meta) -> type:
    """A subclass of `base` in which everything is noted."""
    return metaclass("Hostile", (base,), dict(BODY))


class NotingTensor(torch.Tensor):
    """A tensor subclass: every operation on it, also reading its shape, calls this."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        calls.append(str(func))
        raise RuntimeError("dispatched")


def make_tensor() -> torch.Tensor:
    return torch.Tensor._make_subclass(NotingTensor, torch.ones(2, 3))


def make_properties() -> torch.Tensor:
    body = {name: noting(name) for name in ("shape", "dtype", "device", "is_cpu", "__class__", "layout")}
    cls = type("Properties", (torch.Tensor,), body | {"__hash__": note("hash"), "__eq__": note("eq")})
    return torch.Tensor._make_subclass(cls, torch.ones(2, 3))


def filled(kind: type, *args: Any) -> Any:
    """An object of a hostile class, made without its `__init__`, with the contents of `args`."""
    return kind.__mro__[1].__new__(kind, *args)


def make_list() -> Any:
    value = list.__new__(hostile_class(list))
    list.extend(value, [1, 2])
    return value


def make_dict() -> Any:
    value = dict.__new__(hostile_class(dict))
    dict.__setitem__(value, "x", 1)
    return value


def make_user_dict() -> Any:
    cls = type("HostileData", (UserDict,), {name: note(name) for name in NAMES if name != "__hash__"})
    value = object.__new__(cls)
    object.__setattr__(value, "__dict__", {"data": {"x": 1}})
    return value


def make_key() -> Any:
    """A plain dict under a key that notes when it is hashed, compared or printed."""
    switch = [False]

    class Key:
        def __hash__(self) -> int:
            if switch[0]:
                calls.append("key hash")
            return 1

        def __eq__(self, other: object) -> bool:
            calls.append("key eq")
            return self is other

        def __repr__(self) -> str:
            calls.append("key repr")
            return "key"

    value = {Key(): 1}
    switch[0] = True
    return value


def make_text_key() -> Any:
    """A `str` subclass as a key."""
    switch = [False]

    class Text(str):
        def __hash__(self) -> int:
            if switch[0]:
                calls.append("text hash")
            return 1

        def __eq__(self, other: object) -> bool:
            calls.append("text eq")
            return False

    value = {Text("x"): 1}
    switch[0] = True
    return value


def make_error() -> Exception:
    body = {name: BODY[name] for name in ("__repr__", "__str__", "__getattribute__", "__hash__", "__eq__")}
    cls = type("HostileError", (Exception,), body | {"args": noting("args"), "__class__": noting("class")})
    return filled(cls, "message")


HOSTILE: dict[str, Callable[[], Any]] = {
    "object": lambda: object.__new__(hostile_class(object)),
    "list": make_list,
    "tuple": lambda: tuple.__new__(hostile_class(tuple), (1, 2)),
    "dict": make_dict,
    "user dict": make_user_dict,
    "str": lambda: str.__new__(hostile_class(str), "text"),
    "int": lambda: int.__new__(hostile_class(int), 3),
    "float": lambda: float.__new__(hostile_class(float), 3.0),
    "tensor": make_tensor,
    "tensor with properties": make_properties,
    "class": lambda: hostile_class(object),
    "key": make_key,
    "text key": make_text_key,
    "error": make_error,
}
