"""Specs as small tagged lists: the name of the kind, then its fields in the order of the class.

    ["tensor", [1, 50, 32], "float32"]         then device, type, stats, values
    ["cache", "DynamicCache", 4, 2]            type, length, layers; then cross_length
    ["scalar", "int", 4]                       type; the value only where it is known
    ["container", "tuple", [[0, SPEC]], 1]     type, [key, spec] pairs, length
    ["object", "GenerationConfig"]
    ["unreadable", "RuntimeError"]

Fields at the end that have their default are left away.  Specs inside a container stand inside it: the
table of specs holds each different whole one once, so little repeats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..values import (
    CacheSpec,
    ContainerSpec,
    Dim,
    Key,
    ObjectSpec,
    Scalar,
    ScalarSpec,
    Spec,
    TensorSpec,
    TensorStats,
    UnreadableSpec,
)
from . import limits, plain
from .expect import Refused, each, items, text, unexpected, whole


def encode(spec: Spec, level: int = 0) -> list[Any]:
    """`spec` as a tagged list."""
    if isinstance(spec, TensorSpec):
        return _encode_tensor(spec)
    if isinstance(spec, ContainerSpec) and level < limits.LEVELS:
        fields = [[plain.encode(key), encode(inner, level + 1)] for key, inner in spec.fields]
        return ["container", spec.type, fields, spec.length]
    if isinstance(spec, ScalarSpec):
        return _encode_scalar(spec)
    if isinstance(spec, CacheSpec):
        return trimmed(["cache", spec.type, spec.length, spec.layers, spec.cross_length], [None])
    if isinstance(spec, UnreadableSpec):
        return ["unreadable", spec.reason]
    return ["object", spec.type]


def decode(value: Any, level: int = 0) -> Spec:
    """The spec that `encode` has written."""
    if level > limits.LEVELS:
        raise Refused(f"a spec nested deeper than {limits.LEVELS} levels")
    tag, *fields = items(value, 1)
    if tag == "container":
        return _decode_container(fields, level)
    known = _DECODERS.get(tag) if type(tag) is str else None
    if known is None:
        raise unexpected(f"one of container, {', '.join(_DECODERS)}", tag)
    return known(fields)


def trimmed(row: list[Any], defaults: list[Any]) -> list[Any]:
    """`row` without those of its last fields that have their default."""
    while defaults and row[-1] == defaults[-1]:
        row.pop()
        defaults = defaults[:-1]
    return row


def _encode_tensor(spec: TensorSpec) -> list[Any]:
    stats = None
    if spec.stats is not None:
        found = spec.stats
        moments = (found.min, found.max, found.mean, found.std)
        stats = [*map(plain.encode, moments), found.nan, found.inf]
    values = None if spec.values is None else [plain.encode(value) for value in spec.values]
    row = ["tensor", list(spec.shape), spec.dtype, spec.device, spec.type, stats, values]
    return trimmed(row, ["cpu", "Tensor", None, None])


def _encode_scalar(spec: ScalarSpec) -> list[Any]:
    if not spec.known:
        return ["scalar", spec.type]
    value = spec.value
    if type(value) is int and value.bit_length() > limits.BITS:
        return ["scalar", spec.type]
    return ["scalar", spec.type, plain.encode(value)]


def _decode_tensor(fields: list[Any]) -> TensorSpec:
    items(fields, 2, 6)
    shape, dtype, device, kind, stats, values = fields + ["cpu", "Tensor", None, None][len(fields) - 2 :]
    return TensorSpec(
        shape=tuple(each(items(shape), _dim)),
        dtype=text(dtype),
        device=text(device),
        stats=None if stats is None else _stats(stats),
        type=text(kind),
        values=None if values is None else tuple(each(items(values), _scalar)),
    )


def _decode_cache(fields: list[Any]) -> CacheSpec:
    kind, length, layers, *cross = items(fields, 3, 4)
    return CacheSpec(text(kind), _count_or_none(length), whole(layers, 0), _count_or_none(*(cross or [None])))


def _decode_scalar(fields: list[Any]) -> ScalarSpec:
    kind, *value = items(fields, 1, 2)
    return ScalarSpec(text(kind), _scalar(value[0]), True) if value else ScalarSpec(text(kind))


def _decode_container(fields: list[Any], level: int) -> ContainerSpec:
    kind, pairs, length = items(fields, 3, 3)

    def field(pair: Any) -> tuple[Key, Spec]:
        name, inner = items(pair, 2, 2)
        return key(name), decode(inner, level + 1)

    return ContainerSpec(text(kind), tuple(each(items(pairs), field)), whole(length, 0))


def _decode_object(fields: list[Any]) -> ObjectSpec:
    return ObjectSpec(*map(text, items(fields, 1, 1)))


def _decode_unreadable(fields: list[Any]) -> UnreadableSpec:
    return UnreadableSpec(*map(text, items(fields, 1, 1)))


_DECODERS: dict[str, Callable[[list[Any]], Spec]] = {
    "tensor": _decode_tensor,
    "cache": _decode_cache,
    "scalar": _decode_scalar,
    "object": _decode_object,
    "unreadable": _decode_unreadable,
}


def _dim(value: Any) -> Dim:
    return text(value) if type(value) is str else whole(value)


def _count_or_none(value: Any) -> int | None:
    return None if value is None else whole(value, 0)


def _scalar(value: Any) -> Scalar:
    found = plain.decode(value)
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    raise unexpected("null, a bool, a number or a text", value)


def key(value: Any) -> Key:
    """The name or position of a field."""
    found = plain.decode(value)
    if type(found) is str or type(found) is int:
        return found
    raise unexpected("a text or a whole number", value)


def _number_or_none(value: Any) -> float | None:
    if type(value) is int:
        return whole(value)
    found = plain.decode(value)
    if found is None or type(found) is float:
        return found
    raise unexpected("null or a number", value)


def _stats(value: Any) -> TensorStats:
    *moments, nan, inf = items(value, 6, 6)
    low, high, mean, std = each(moments, _number_or_none)
    return TensorStats(low, high, mean, std, whole(nan, 0), whole(inf, 0))
