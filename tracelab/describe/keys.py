"""What is stored of a value: a key that compares fast, and the function that makes a spec of it at the end.

The parts of a container come before it in the table, so when its turn comes their specs are made already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..events import Signature
from ..values import CacheSpec, ContainerSpec, Key, Spec
from .containers import MAX_TEXT
from .tensors import from_key

Make = Callable[[Any, list[Spec]], Spec]


def signature_of(key: tuple[Any, ...]) -> Signature:
    """The signature that was interned by this key."""
    positional = key[0]
    named = (len(key) - 1 - positional) // 2
    names, numbers = key[1 : 1 + named], key[1 + named :]
    return Signature(numbers[:positional], tuple(zip(names, numbers[positional:], strict=True)))


def make_ready(raw: Any, made: list[Spec]) -> Spec:
    """A spec that was stored as it is."""
    spec: Spec = raw
    return spec


def make_tensor(raw: Any, made: list[Spec]) -> Spec:
    """The spec of a plain tensor."""
    return from_key(raw)


def make_cache(raw: Any, made: list[Spec]) -> Spec:
    """The spec of a cache."""
    return CacheSpec(*raw)


def make_tuple(raw: Any, made: list[Spec]) -> Spec:
    """The spec of a short tuple."""
    return ContainerSpec(
        "tuple", tuple([(at, made[number]) for at, number in enumerate(raw[1:])]), len(raw) - 1
    )


def make_container(raw: Any, made: list[Spec]) -> Spec:
    """The spec of any other container."""
    kind, length, *rest = raw
    names, numbers = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    fields = [(cut(name), made[number]) for name, number in zip(names, numbers, strict=True)]
    return ContainerSpec(kind, tuple(fields), length)


def cut(name: Key) -> Key:
    """A name of bearable length."""
    return name[:MAX_TEXT] if isinstance(name, str) else name
