"""From parts back to keys: the number of a spec or signature whose hole is filled (see `holes`).

The keys are those that the describer would have made, so what comes out is an ordinary row of its tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from .keys import Make, make_cache, make_container, make_tensor, make_tuple
from .parts import CACHE, CLASS, NONE, SEQUENCE, TENSOR, Parts
from .reflection import class_name
from .table import Table


class Rebuilder:
    """Gives numbers in the tables of one describer; `constants`: numbers of the specs of whole classes."""

    def __init__(
        self, keys: Table[tuple[Make, Any]], calls: Table[tuple[Any, ...]], constants: dict[int, int]
    ) -> None:
        self._keys = keys
        self._calls = calls
        self._constants = constants

    def call(self, parts: Parts) -> int:
        """The number of the signature of a call."""
        _, args, kwargs = parts.layout
        constants, sizes = iter(parts.constants), iter(parts.sizes)
        numbers = [self._number_of(layout, constants, sizes, 0) for layout in args[2:]]
        names = next(constants)
        numbers += [self._number_of(layout, constants, sizes, 0) for layout in kwargs[2:]]
        key = (len(args) - 2, *names, *numbers)
        number = self._calls.numbers.get(key)
        return self._calls.add(key, key) if number is None else number

    def value(self, parts: Parts) -> int:
        """The number of the spec of a value."""
        return self._number_of(parts.layout, iter(parts.constants), iter(parts.sizes), 0)

    def _number_of(self, layout: Any, constants: Iterator[Any], sizes: Iterator[int], depth: int) -> int:
        kind, *rest = layout
        if kind == NONE:
            return self._constants[id(type(None))]
        if kind == TENSOR:
            dtype = next(constants)
            device = sys.modules["torch"].device("cpu") if rest[0] else next(constants)
            key: Any = (tuple([next(sizes) for _ in range(rest[1])]), dtype, device)
            return self._interned(make_tensor, key)
        cls = next(constants)
        if kind == CLASS:
            return self._constants[id(cls)]
        if kind == CACHE:
            next(constants)
            key = (class_name(cls), next(sizes), next(constants), None)
            return self._interned(make_cache, key)
        names = next(constants) if rest[0] != SEQUENCE else range(len(rest) - 1)
        numbers = [self._number_of(inner, constants, sizes, depth + 1) for inner in rest[1:]]
        if cls is tuple and depth < 2 and len(numbers) <= 4:
            key = (tuple, *numbers)
            return self._interned(make_tuple, key)
        key = (class_name(cls), len(numbers), *names, *numbers)
        return self._interned(make_container, key)

    def _interned(self, make: Make, key: Any) -> int:
        number = self._keys.numbers.get(key)
        return self._keys.add(key, (make, key)) if number is None else number
