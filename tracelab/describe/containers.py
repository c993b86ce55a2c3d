"""Tuples, lists, mappings, model outputs: their fields in order, read without the class's own iteration.

`ModelOutput` overrides `__getitem__`, `BatchEncoding` keeps its data in an attribute, a named tuple has
field names on its class.  Each reader below gives at most MAX_ITEMS names and values, and the number
of fields that there are.

A key is a name only if it looks like one.  A mapping may as well be keyed by prompts, file paths or token
ids: these are values, and where no values are kept the position stands in for them (`names_of`).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

from ..values import Key
from .reflection import all_texts, dict_of_class, home, instance_dict, mro_of

MAX_ITEMS = 64
MAX_DEPTH = 6
MAX_PARTS = 512
MAX_TEXT = 200

MAX_NAME = 100
MAX_NUMBER = 1000
_NAME = re.compile(r"[A-Za-z0-9_.:#\[\]-]+")

Fields = tuple[Sequence[Key], Sequence[Any], int]
"""Names and values of the fields that are kept, and the number of fields that there are."""


def fields_reader(cls: type) -> Callable[[Any], Fields] | None:
    """What reads the fields of objects of a class; None if the class is no container."""
    mro = mro_of(cls)
    if any(base is OrderedDict for base in mro):
        return _ordered
    if any(base is dict for base in mro):
        return _mapping
    if any(base is list for base in mro):
        return _list
    if any(base is tuple for base in mro):
        return _tuple
    if any(home(base) == ("collections", "UserDict") for base in mro):
        return _user_dict
    fields = dict_of_class(cls).get("__dataclass_fields__")
    if type(fields) is dict and home(cls)[1].endswith("Output"):
        return _dataclass  # other dataclasses are configurations: dozens of fields and no tensor
    return None


def are_names(keys: Iterable[Key]) -> bool:
    """Whether none of these plain keys says more than a name or a small number does."""
    return False not in [_is_name(key) for key in keys]  # a generator may lose a Ctrl-C


def names_of(keys: Sequence[Key]) -> Sequence[Key]:
    """The keys that are names; the others are replaced by their positions."""
    if type(keys) is range:  # positions in a list, of which a batch of texts has very many
        return keys
    return keys if are_names(keys) else [key if _is_name(key) else at for at, key in enumerate(keys)]


def _is_name(key: Key) -> bool:
    if type(key) is int:
        return 0 <= key < MAX_NUMBER
    text = str(key)
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def _mapping(value: Any) -> Fields:
    length = dict.__len__(value)
    if length <= MAX_ITEMS:
        texts = list(dict.keys(value))
        if all_texts(texts):
            return texts, list(dict.values(value)), length
    names: list[Key] = []
    for name in islice(dict.keys(value), MAX_ITEMS):
        # A key of any other class could answer `hash` or `==` with code of its own: its position stands in.
        names.append(name if type(name) is int or type(name) is str else len(names))
    return names, list(islice(dict.values(value), MAX_ITEMS)), length


def _ordered(value: Any) -> Fields:
    """An OrderedDict keeps an order of its own, not known to `dict.keys`; following it hashes the keys."""
    if dict.__len__(value) > MAX_PARTS or not all_texts(dict.keys(value)):
        return _mapping(value)
    names = list(islice(OrderedDict.__iter__(value), MAX_ITEMS))
    return names, [dict.__getitem__(value, name) for name in names], dict.__len__(value)


def _user_dict(value: Any) -> Fields:
    data = instance_dict(value).get("data")
    return _mapping(data) if type(data) is dict else ((), (), 0)


def _list(value: Any) -> Fields:
    items = list.__getitem__(value, slice(0, MAX_ITEMS))
    return range(len(items)), items, list.__len__(value)


def _tuple(value: Any) -> Fields:
    items = tuple.__getitem__(value, slice(0, MAX_ITEMS))
    length = tuple.__len__(value)
    names = None if type(value) is tuple else dict_of_class(type(value)).get("_fields")
    if type(names) is tuple and len(names) == length and all(type(name) is str for name in names):
        return names[:MAX_ITEMS], items, length
    return range(len(items)), items, length


def _dataclass(value: Any) -> Fields:
    names = list(dict_of_class(type(value))["__dataclass_fields__"])
    data = instance_dict(value)
    kept = [name for name in names[:MAX_ITEMS] if name in data]
    return kept, [data[name] for name in kept], len(names)
