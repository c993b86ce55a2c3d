"""What is kept of a value without the value: its spec.

A traced program passes tensors of gigabytes, caches that are mutated in place and objects of classes
that nobody has seen before.  Keeping any of them alive would change the program's memory, and printing
them would run their code.  So a value is reduced, at the moment of the call, to one of the small frozen
classes below.  Each has a `type` (the class name of the value) and a short text form for trees:

    TensorSpec       f32[1,50,32]                      bf16[2,8]@cuda:0
    CacheSpec        DynamicCache(kv 4, 2 layers)      EncoderDecoderCache(kv 4, cross 50, 2 layers)
    ContainerSpec    tuple(f32[1,4,32], None)          BatchEncoding{input_ids: i64[1,4]}
    ScalarSpec       None, bool, int, str              with values=True: 4, 'hello'
    ObjectSpec       GenerationConfig
    UnreadableSpec   <unreadable: RuntimeError>

Equal specs are equal and hashable: the recorder stores each different one once.  Names stay as they are in
a spec, and do not act where its text is printed (`inert`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar, Union

Dim = Union[int, str]
"""One size of a shape: an int, or the text of a size without a fixed number: symbolic (`s0`, `j1`), or `?`
where it cannot be told."""

Scalar = Union[None, bool, int, float, str]
Key = Union[str, int]

_SHORT_DTYPES = {
    "float64": "f64",
    "float32": "f32",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "complex64": "c64",
    "complex128": "c128",
}


@dataclass(frozen=True, slots=True)
class TensorStats:
    """Summary of a floating tensor (`stats=True`): extremes and moments over its finite elements."""

    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    nan: int
    inf: int

    def __str__(self) -> str:
        bad = "".join(f" {n} {word}" for n, word in ((self.nan, "NaN"), (self.inf, "Inf")) if n)
        if self.min is None or self.max is None or self.mean is None:
            return f"no finite element{bad}"
        std = "" if self.std is None else f" ±{self.std:.3g}"
        return f"{self.min:.3g}…{self.max:.3g} mean {self.mean:.3g}{std}{bad}"


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor or array: `shape`, `dtype` (`"float32"`), `device` (`"cpu"`, `"cuda:0"`).

    `type` is the class name when it is not a plain tensor (`ndarray`, `DTensor`, `Parameter`).
    `stats` is there with `stats=True`; `values`, the elements in row-major order, with `values=True`
    for small integer and boolean tensors.
    """

    shape: tuple[Dim, ...]
    dtype: str
    device: str = "cpu"
    stats: TensorStats | None = None
    type: str = "Tensor"
    values: tuple[Scalar, ...] | None = None

    @property
    def short_dtype(self) -> str:
        """The dtype as it is written in trees: `f32` for `float32`."""
        return _SHORT_DTYPES.get(self.dtype, self.dtype)

    def __str__(self) -> str:
        kind = "" if self.type in ("Tensor", "Parameter") else f"{self.type}:"
        place = "" if self.device == "cpu" else f"@{self.device}"
        return inert(f"{kind}{self.short_dtype}[{','.join(map(str, self.shape))}]{place}")


@dataclass(frozen=True, slots=True)
class CacheSpec:
    """A generation cache as it was at that moment.

    `length`: tokens held by the self-attention part, per sequence; None where the cache counts none
    (state-space models).  `layers`: number of layers that it has so far.  `cross_length`: positions
    held by the cross-attention part of an encoder-decoder cache, None for other caches.
    """

    type: str
    length: int | None
    layers: int
    cross_length: int | None = None

    def __str__(self) -> str:
        parts = [] if self.length is None else [f"kv {self.length}"]
        if self.cross_length is not None:
            parts.append(f"cross {self.cross_length}")
        parts.append(f"{self.layers} layer{'' if self.layers == 1 else 's'}")
        return f"{inert(self.type)}({', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class ScalarSpec:
    """None, a bool, a number or a text: its type, and the value itself only with `values=True`."""

    type: str
    value: Scalar = None
    known: bool = False

    def __str__(self) -> str:
        if self.type == "NoneType":
            return "None"
        return repr(self.value) if self.known else inert(self.type)


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A tuple, list, mapping, dataclass or `ModelOutput` with its fields in their order.

    `fields` pairs each key (position or field name) with a spec; `length` is the number of items that
    the value had, which is larger than `len(fields)` where long containers were cut.
    """

    type: str
    fields: tuple[tuple[Key, Spec], ...]
    length: int

    def __getitem__(self, key: Key) -> Spec:
        """The spec of one field, by name or by position."""
        for name, spec in self.fields:
            if name == key:
                return spec
        position = key + self.length if isinstance(key, int) and key < 0 else key
        if isinstance(position, int) and 0 <= position < len(self.fields):
            return self.fields[position][1]
        raise KeyError(f"{self.type} has no field {key!r}; it has {[name for name, _ in self.fields]}")

    def get(self, key: Key, default: Spec | None = None) -> Spec | None:
        """The spec of one field, or `default`."""
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self) -> list[Key]:
        """The kept keys, in order."""
        return [name for name, _ in self.fields]

    def items(self) -> list[tuple[Key, Spec]]:
        """The kept (key, spec) pairs, in order."""
        return list(self.fields)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self.fields)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys())

    def __len__(self) -> int:
        return self.length

    def __str__(self) -> str:
        named = bool(self.fields) and isinstance(self.fields[0][0], str)
        inner = [f"{inert(str(key))}: {spec}" if named else str(spec) for key, spec in self.fields]
        if self.length > len(self.fields):
            inner.append(f"… {self.length - len(self.fields)} more")
        left, right = ("{", "}") if named else ("(", ")")
        return f"{inert(self.type)}{left}{', '.join(inner)}{right}"


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """Any other object: only the name of its class, because reading more would run the class's code."""

    type: str

    def __str__(self) -> str:
        return inert(self.type)


@dataclass(frozen=True, slots=True)
class UnreadableSpec:
    """A value that could not be described; `reason` is the type of the exception that stood in the way."""

    reason: str

    @property
    def type(self) -> str:
        """Unknown is shown as unknown."""
        return "unreadable"

    def __str__(self) -> str:
        return f"<unreadable: {inert(self.reason)}>"


Spec = Union[TensorSpec, CacheSpec, ScalarSpec, ContainerSpec, ObjectSpec, UnreadableSpec]


def inert(name: str) -> str:
    """`name` with every character that could act on a terminal written as its code point."""
    return name if name.isprintable() else repr(name)[1:-1]


def walk(spec: Spec) -> Iterator[Spec]:
    """`spec` and every spec inside it, outermost first, fields in order."""
    waiting = [spec]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, ContainerSpec):
            waiting.extend(inner for _, inner in reversed(current.fields))


Kind = TypeVar("Kind", TensorSpec, CacheSpec)


def first(spec: Spec | None, kind: type[Kind]) -> Kind | None:
    """The outermost, leftmost spec of one kind inside `spec`, or None."""
    if spec is None:
        return None
    return next((inner for inner in walk(spec) if isinstance(inner, kind)), None)
