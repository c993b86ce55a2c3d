"""A value taken apart into what a reader compares (see `readers`): layout, constants and sizes.

    value         layout                          constants            sizes
    tensor        ("tensor", on cpu, rank)        dtype (device)       its shape
    cache         ("cache",)                      classes, layers      its length
    container     ("group", kind, *layouts)       class, names         those of its items
    None          ("none",)
    any other     ("class",)                      class

Two calls of one callee mostly differ in sizes alone, and during generation these all grow by one a step: the
cache, the mask that is as long, the ids.  `growing` finds them.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from .caches import growing_cache_reader
from .containers import are_names
from .reflection import all_texts, mro_of

MAX_PARTS = 64
"""A value of more parts has no reader.  No container may be longer than what the describer keeps of one: the
spec with another size in a hole is made of all parts that there are."""
MAX_DEPTH = 3

Layout = tuple[Any, ...]
NONE, CLASS, TENSOR, CACHE, GROUP = "none", "class", "tensor", "cache", "group"
SEQUENCE, MAPPING, ORDERED = "sequence", "mapping", "ordered"


class Parts(NamedTuple):
    """What a value or a call was made of."""

    layout: Layout
    constants: tuple[Any, ...]
    sizes: tuple[int, ...]


class Unreadable(Exception):
    """The value has a part that no reader can compare."""


class Knife:
    """Takes values apart; `plain` is the class of plain tensors, `is_fixed` says for which classes all
    values have the same spec."""

    def __init__(self, plain: Any, is_fixed: Callable[[type], bool]) -> None:
        self._plain = plain
        self._is_fixed = is_fixed
        self._constants: list[Any] = []
        self._sizes: list[int] = []
        self._left = MAX_PARTS

    def value(self, value: Any) -> Parts:
        """The parts of a value."""
        return self._parts(self._layout(value, 0))

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parts:
        """The parts of a call: one group of the arguments by position, one of those by keyword."""
        return self._parts((GROUP, self._group(SEQUENCE, args, 0), self._named(MAPPING, kwargs, 0)))

    def _parts(self, layout: Layout) -> Parts:
        return Parts(layout, tuple(self._constants), tuple(self._sizes))

    def _layout(self, value: Any, depth: int) -> Layout:
        cls = type(value)
        if cls is self._plain:
            return self._tensor(value)
        if value is None:
            return (NONE,)
        if self._is_fixed(cls):
            self._constants.append(cls)
            return (CLASS,)
        if depth > MAX_DEPTH:
            raise Unreadable
        if cls is tuple or cls is list:
            self._constants.append(cls)
            return self._group(SEQUENCE, value, depth)
        if cls is dict:
            self._constants.append(cls)
            return self._named(MAPPING, value, depth)
        if any(base is OrderedDict for base in mro_of(cls)):
            self._constants.append(cls)
            return self._named(ORDERED, value, depth)
        return self._cache(value, cls)

    def _tensor(self, tensor: Any) -> Layout:
        shape, device = tensor.shape, tensor.device
        on_cpu = device.type == "cpu"
        self._constants += (tensor.dtype,) if on_cpu else (tensor.dtype, device)
        self._sizes += shape
        if not all(type(size) is int for size in shape):
            raise Unreadable
        return (TENSOR, on_cpu, len(shape))

    def _group(self, kind: str, values: Any, depth: int) -> Layout:
        self._left -= len(values)
        if self._left < 0:
            raise Unreadable
        return (GROUP, kind, *[self._layout(value, depth + 1) for value in values])

    def _named(self, kind: str, values: Any, depth: int) -> Layout:
        # Following the order of an OrderedDict hashes its keys.
        if dict.__len__(values) > MAX_PARTS or not all_texts(dict.keys(values)):
            raise Unreadable
        names = tuple(values if kind == MAPPING else OrderedDict.__iter__(values))
        if not are_names(names):
            raise Unreadable
        self._constants.append(names)
        return self._group(kind, [dict.__getitem__(values, name) for name in names], depth)

    def _cache(self, cache: Any, cls: type) -> Layout:
        read = growing_cache_reader(cls)
        key = None if read is None else read(cache)
        if key is None or not key[1]:
            raise Unreadable
        library: Any = sys.modules["transformers.cache_utils"]
        last = cache.layers[-1]
        if type(last) is not library.DynamicLayer or last.is_initialized is not True:
            raise Unreadable
        self._constants += (cls, library.DynamicLayer, key[2])
        self._sizes.append(key[1])
        return (CACHE,)


def growing(before: Parts | None, now: Parts) -> tuple[int, ...]:
    """Positions of the sizes that changed since `before`, all by the same; () where it was not only that."""
    if before is None or before.layout != now.layout or len(before.sizes) != len(now.sizes):
        return ()
    if not all(map(_same, before.constants, now.constants)):
        return ()
    pairs = zip(before.sizes, now.sizes, strict=True)
    found = tuple([at for at, (old, new) in enumerate(pairs) if old != new])
    changes = {now.sizes[at] - before.sizes[at] for at in found}
    return found if len(changes) == 1 else ()


def _same(one: Any, other: Any) -> bool:
    # Classes by identity: a metaclass may answer `==` with code of its own.
    return one is other or (not isinstance(one, type) and bool(one == other))
