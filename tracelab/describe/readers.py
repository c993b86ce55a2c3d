"""Readers: a few lines of Python that tell whether a value is like the last one.

The general way (see `describer`) builds a key from all that it finds and looks it up: 3 µs for the six
arguments of a decoder layer.  A reader is made for the parts of one value: it knows all sizes and classes
beforehand and only compares, which takes a third.  It gives the number of the signature or spec, or None
where anything differs: then the general way is gone.

Most calls have one tensor as their only argument or result; for these there is a closure.  For the others
the lines are written by `writing` and compiled, once in a process for each layout (0.4 ms); a further reader
of a known layout only gets other constants (2 µs).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .parts import TENSOR, Parts
from .writing import CALL, VALUE, factory

Read = Callable[..., "int | None"]
Holes = tuple[int, ...]

_ONE_TENSOR = (TENSOR, True)


def never(*anything: Any) -> int | None:
    """The reader of a callee that was never called: nothing is like the last time."""
    return None


def call_reader(parts: Parts, holes: Holes, number: int, plain: Any) -> Read:
    """What reads `(args, kwargs)`; `number` of the signature, `holes`: positions of the sizes that vary."""
    _, args, kwargs = parts.layout
    if not holes and len(args) == 3 and len(kwargs) == 2 and args[2][:2] == _ONE_TENSOR:
        return _only_tensor(parts.sizes, parts.constants[0], number, plain, _modes())
    return _generated(CALL, parts, holes, number, plain)


def value_reader(parts: Parts, holes: Holes, number: int, plain: Any) -> Read:
    """What reads one value; `number` of its spec."""
    if not holes and parts.layout[:2] == _ONE_TENSOR:
        return _tensor(parts.sizes, parts.constants[0], number, plain, _modes())
    return _generated(VALUE, parts, holes, number, plain)


def _generated(parameters: str, parts: Parts, holes: Holes, number: int, plain: Any) -> Read:
    sizes: Any = parts.sizes
    if holes:
        first = sizes[holes[0]]
        sizes = tuple([size - first if at in holes else size for at, size in enumerate(sizes)])
    made: Read = factory(parameters, parts.layout, holes)(plain, _modes(), parts.constants, sizes, number)
    return made


def _modes() -> Any:
    torch: Any = sys.modules["torch"]
    return torch._C._len_torch_function_stack


def _only_tensor(sizes: Any, dtype: Any, number: int, plain: Any, modes: Any) -> Read:
    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
        if kwargs or len(args) != 1:
            return None
        (value,) = args
        if type(value) is not plain or modes() or value.dtype is not dtype or not value.is_cpu:
            return None
        try:
            return number if value.shape == sizes else None
        except RuntimeError:  # a strided nested tensor has no shape
            return None

    return read


def _tensor(sizes: Any, dtype: Any, number: int, plain: Any, modes: Any) -> Read:
    def read(value: Any) -> int | None:
        if type(value) is not plain or modes() or value.dtype is not dtype or not value.is_cpu:
            return None
        try:
            return number if value.shape == sizes else None
        except RuntimeError:
            return None

    return read
