"""Tuples, lists, mappings, model outputs: their fields in order, read without the class's own iteration.

`ModelOutput` overrides `__getitem__`, `BatchEncoding` keeps its data in an attribute, a named tuple has
field names on its class.  Each kind below gives the (key, value) pairs of at most MAX_ITEMS items and the
number of items that there are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

from ..values import Key
from .reflection import dict_of_class, home, instance_dict, mro_of

MAX_ITEMS = 64
MAX_DEPTH = 6
MAX_PARTS = 512
MAX_TEXT = 200

Pairs = tuple[list[tuple[Key, Any]], int]


def pairs_reader(cls: type) -> Callable[[Any], Pairs] | None:
    """What reads the fields of objects of a class; None if the class is no container."""
    mro = mro_of(cls)
    if any(base is dict for base in mro):
        return _mapping
    if any(base is list for base in mro):
        return _list
    if any(base is tuple for base in mro):
        return read_tuple
    if any(home(base) == ("collections", "UserDict") for base in mro):
        return _user_dict
    fields = dict_of_class(cls).get("__dataclass_fields__")
    if type(fields) is dict and home(cls)[1].endswith("Output"):
        return _dataclass  # other dataclasses are configurations: dozens of fields and no tensor
    return None


def _mapping(value: Any) -> Pairs:
    items = islice(dict.items(value), MAX_ITEMS)
    return [(_key(key, at), item) for at, (key, item) in enumerate(items)], dict.__len__(value)


def _user_dict(value: Any) -> Pairs:
    data = instance_dict(value).get("data")
    return _mapping(data) if type(data) is dict else ([], 0)


def _list(value: Any) -> Pairs:
    return list(enumerate(list.__getitem__(value, slice(0, MAX_ITEMS)))), list.__len__(value)


def read_tuple(value: Any) -> Pairs:
    """The fields of a tuple, by position or by the names of a named tuple."""
    length = tuple.__len__(value)
    items = tuple.__getitem__(value, slice(0, MAX_ITEMS))
    names = dict_of_class(type(value)).get("_fields")
    if type(names) is tuple and len(names) == length:
        return [
            (_key(name, at), item) for at, (name, item) in enumerate(zip(names, items, strict=False))
        ], length
    return list(enumerate(items)), length


def _dataclass(value: Any) -> Pairs:
    names = list(dict_of_class(type(value))["__dataclass_fields__"])
    data = instance_dict(value)
    return [(name, data[name]) for name in names[:MAX_ITEMS] if name in data], len(names)


def _key(key: Any, at: int) -> Key:
    """A mapping's own key where it is a plain text or int, else the position."""
    if type(key) is str:
        return key[:MAX_TEXT]
    return key if type(key) is int else at
