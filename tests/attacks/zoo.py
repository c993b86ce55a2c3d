"""Values whose classes would like to be asked: each counts every piece of its code that is run.

`HOSTILE` has one maker for each kind.  `calls` is the list of what ran; describing a value must leave it
empty.  While `held` is locked whatever runs waits for it, and waits for ever if the one who asks holds it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, UserDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

calls: list[str] = []
held = threading.Lock()

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


def noted(name: str) -> None:
    """Note that code of a hostile class runs."""
    calls.append(name)
    if held.locked():
        held.acquire()


def note(name: str) -> Callable[..., Any]:
    """A method that notes that it was called, and raises."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        noted(name)
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
        noted(str(func))
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


class Key:
    """A key that notes when it is hashed (once it is `awake`), compared or printed; all have one hash."""

    awake = False

    def __hash__(self) -> int:
        if Key.awake:
            noted("key hash")
        return 1

    def __eq__(self, other: object) -> bool:
        if Key.awake:
            noted("key eq")
        return self is other

    def __repr__(self) -> str:
        noted("key repr")
        return "key"


class Text(str):
    """The same for a text that is as good as any other as a name of an attribute or keyword."""

    def __hash__(self) -> int:
        if Key.awake:
            noted("text hash")
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        if Key.awake:
            noted("text eq")
        return str.__eq__(self, other)

    __repr__ = note("text repr")  # type: ignore[assignment]
    isidentifier = note("text isidentifier")  # type: ignore[assignment]


def keyed(kind: Callable[[], Any], keys: Iterable[Any]) -> Any:
    """A mapping with such keys, which are awake from now on."""
    Key.awake = False
    value = kind()
    for key in keys:
        value[key] = 1
    Key.awake = True
    return value


def make_attributes() -> Any:
    """A `UserDict` whose own attributes have names that answer for themselves."""
    Key.awake = False
    value = UserDict.__new__(UserDict)
    value.__dict__ = {Text("data"): {"x": 1}, Text("layers"): [1]}  # type: ignore[dict-item]
    Key.awake = True
    return value


class Asking(torch.Tensor):
    """A tensor that wants to be asked for its sizes, or for its device."""

    @staticmethod
    def __new__(cls, **asked: Any) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, (2, 3), **asked)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        noted(str(func))
        raise RuntimeError("dispatched")


class RecordMeta(type):
    """The class of a class of records, which numpy asks for its name."""

    def __getattribute__(cls, name: str) -> Any:
        if Key.awake:
            noted(f"record {name}")
        return type.__getattribute__(cls, name)

    def __ne__(cls, other: object) -> bool:
        if Key.awake:
            noted("record ne")
        return cls is not other


def make_array() -> Any:
    """An array of a subclass in which everything is noted, of records of a class that is noted too."""
    Key.awake = False
    kind = np.dtype((RecordMeta("Record", (np.void,), {}), [("a", "i4")]))
    Key.awake = True
    body = {name: note(name) for name in NAMES if name != "__getattribute__"}
    cls = type("Array", (np.ndarray,), body | {"shape": noting("shape"), "dtype": noting("dtype")})
    return np.ndarray.__new__(cls, (2,), kind)


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
    "keys": lambda: keyed(dict, [Key(), Key()]),
    "text keys": lambda: keyed(dict, [Text("x"), "y"]),
    "ordered keys": lambda: keyed(OrderedDict, [Key(), Key()]),
    "ordered text keys": lambda: keyed(OrderedDict, [Text("x"), "y"]),
    "attributes": make_attributes,
    "sizes to be asked for": lambda: Asking(dispatch_sizes_strides_policy="sizes"),
    "strides to be asked for": lambda: Asking(dispatch_sizes_strides_policy="strides"),
    "device to be asked for": lambda: Asking(dispatch_device=True, dispatch_layout=True),
    "array": make_array,
    "error": make_error,
}
