"""One spec for what a name held many times: sizes are constant, in progression, or varied.

    f32[1,4,384] f32[1,4,384]         f32[1,4,384]
    f32[1,4] f32[1,5] f32[1,6]        f32[1,4…6]
    f32[1,4] f32[1,9] f32[1,6]        f32[1,varied]
    f32[1,4] None                     varied

A spec is taken apart into its kind and its numbers: of equal kinds the numbers are compared one by one, as
those of the lines of a tree are.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import islice

from ..values import CacheSpec, ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec
from .repeats import summary

VARIED = ObjectSpec("varied")


def merged(specs: Sequence[Spec]) -> Spec:
    """One spec for all of them, which are at least one."""
    first = specs[0]
    if all(spec == first for spec in specs):
        return first
    if any(kind(spec) != kind(first) for spec in specs):
        return VARIED
    columns = zip(*map(numbers, specs), strict=True)
    return _with(first, map(_one, columns))


def _one(values: Sequence[object]) -> object:
    """A number as it was each time, or the text that stands for what it was over time."""
    found = summary(values)
    return found.first if not found.varied and found.first == found.last else str(found)


def kind(spec: Spec) -> Hashable:
    """All of a spec but its numbers, and but what stands in no text of a shape."""
    if isinstance(spec, TensorSpec):
        return "tensor", len(spec.shape), spec.dtype, spec.device, spec.type
    if isinstance(spec, ContainerSpec):
        return "container", spec.type, spec.length, tuple([(key, kind(inner)) for key, inner in spec.fields])
    if isinstance(spec, CacheSpec):
        return "cache", spec.type, spec.length is None, spec.cross_length is None
    if isinstance(spec, ScalarSpec):
        return "scalar", spec.type, spec.known
    return "other", str(spec)


def numbers(spec: Spec) -> tuple[object, ...]:
    """What may be constant or in progression: sizes, lengths, values that were kept."""
    if isinstance(spec, TensorSpec):
        return spec.shape
    if isinstance(spec, ContainerSpec):
        return tuple([number for _, inner in spec.fields for number in numbers(inner)])
    if isinstance(spec, CacheSpec):
        return spec.length, spec.cross_length, spec.layers
    if isinstance(spec, ScalarSpec) and spec.known:
        return (spec.value,)
    return ()


def sizes(spec: Spec, caches: bool = True) -> tuple[object, ...]:
    """The numbers of a spec without the values that were kept; `caches`: with the lengths of caches."""
    if isinstance(spec, ScalarSpec) or (isinstance(spec, CacheSpec) and not caches):
        return ()
    if isinstance(spec, ContainerSpec):
        return tuple([size for _, inner in spec.fields for size in sizes(inner, caches)])
    return numbers(spec)


def _with(spec: Spec, found: Iterator[object]) -> Spec:
    """`spec` with other numbers."""
    if isinstance(spec, TensorSpec):
        shape = [size if isinstance(size, int) else str(size) for size in islice(found, len(spec.shape))]
        return TensorSpec(tuple(shape), spec.dtype, spec.device, type=spec.type)
    if isinstance(spec, ContainerSpec):
        fields = [(key, _with(inner, found)) for key, inner in spec.fields]
        return ContainerSpec(spec.type, tuple(fields), spec.length)
    if isinstance(spec, CacheSpec):
        return _cache(spec.type, *islice(found, 3))
    if isinstance(spec, ScalarSpec) and spec.known:
        value = next(found)
        return spec if value == spec.value else ObjectSpec(str(value))
    return spec


def _cache(type: str, length: object, cross: object, layers: object) -> ObjectSpec:
    """A cache whose lengths may be texts, written as a `CacheSpec` is."""
    words = [f"{word} {size}" for word, size in (("kv", length), ("cross", cross)) if size is not None]
    return ObjectSpec(f"{type}({', '.join([*words, f'{layers} layers'])})")
