"""A spec in two parts: its form, and the sizes that fill it.

The steps of a loop see the same values again, a little longer: `f32[1,8,4,16]`, then `f32[1,8,5,16]`.  What
stays is the `Form` (a tensor of four dimensions, float32, on the cpu); what moves is a flat tuple of ints,
the sizes `(1, 8, 5, 16)`.  A form and its sizes are a `Meaning`, and `form.fill(sizes)` is the spec again.

    kind        details                                       inner forms      sizes
    tensor      dimensions, dtype, device, type                                 the shape
    cache       type, layers, length known, cross known                         the lengths that are known
    container   type, names, length                           of the fields    those of the fields
    given       number of positionals, keyword names          of the arguments those of the arguments
    opaque      any other spec as it is
    error       text of an exception
    fact                                                                        number of the fact
    nothing
    holed       sizes, which of them move together    the whole                 the first that moves

A form knows its hash: it is looked up once for every new spec, and hashing a signature of twelve tensors
afresh costs more than all other work on it.  Who makes many meanings keeps the forms and makes only sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Union

from .values import CacheSpec, ContainerSpec, Key, Spec, TensorSpec

Sizes = tuple[int, ...]

HOLE = 32
"""A number of the recorder with something above so many bits names a form with a hole; the bits below are the
number that fills it."""
LOWER = (1 << HOLE) - 1


class Form:
    """What specs or signatures have in common when only their sizes differ; equal forms are equal."""

    __slots__ = ("_hash", "details", "inner", "kind", "width")

    def __init__(
        self, kind: str, details: tuple[Any, ...] = (), inner: tuple[Form, ...] = (), width: int = 0
    ) -> None:
        """`width`: how many sizes fill it."""
        self.kind = kind
        self.details = details
        self.inner = inner
        self.width = width
        self._hash = hash((kind, details, inner))

    def fill(self, sizes: Sizes) -> Filled:
        """The spec with these sizes; of other kinds the arguments, the text or the number."""
        return _FILL[self.kind](self, sizes)

    def whole(self, sizes: Sizes) -> Meaning:
        """The form without a hole, and all its sizes; of any other form itself."""
        if self.kind != "holed":
            return Meaning(self, sizes)
        (number,) = sizes
        known, holes = self.details
        filled = [size + number if at in holes else size for at, size in enumerate(known)]
        return Meaning(self.inner[0], tuple(filled))

    def parts(self, sizes: Sizes) -> Iterator[Meaning]:
        """The inner forms, each with its share of the sizes."""
        at = 0
        for inner in self.inner:
            yield Meaning(inner, sizes[at : at + inner.width])
            at += inner.width

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Form)
            and self._hash == other._hash
            and self.kind == other.kind
            and self.details == other.details
            and self.inner == other.inner
            # 0.0 equals -0.0, and yet they are two values.
            and (self.kind != "opaque" or repr(self.details) == repr(other.details))
        )

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        """The hash of a text is another one in another process."""
        return Form, (self.kind, self.details, self.inner, self.width)

    def __repr__(self) -> str:
        inside = f", inner={list(self.inner)}" if self.inner else ""
        return f"<{self.kind} {self.details}{inside}>"


class Meaning(NamedTuple):
    """What a number of a table stands for; `form.fill(sizes)` is the thing itself."""

    form: Form
    sizes: Sizes


class Given(NamedTuple):
    """The arguments of a call: specs of the positionals, then (name, spec) of the keywords."""

    positional: tuple[Spec, ...]
    keywords: tuple[tuple[str, Spec], ...]


Filled = Union[Spec, Given, str, int, None]

NOTHING = Form("nothing")
FACT_NUMBER = Form("fact", width=1)


def tensor(dimensions: int, dtype: str, device: str = "cpu", type: str = "Tensor") -> Form:
    """The form of a tensor; its sizes are the shape."""
    return Form("tensor", (dimensions, dtype, device, type), width=dimensions)


def cache(type: str, layers: int, counted: bool, crossed: bool) -> Form:
    """The form of a cache; its sizes are the length if it is `counted`, the cross length if `crossed`."""
    return Form("cache", (type, layers, counted, crossed), width=counted + crossed)


def container(type: str, names: tuple[Key, ...], inner: tuple[Form, ...], length: int) -> Form:
    """The form of a container, with a name for each inner form."""
    return Form("container", (type, names, length), inner, sum([form.width for form in inner]))


def given(positional: int, names: tuple[str, ...], inner: tuple[Form, ...]) -> Form:
    """The form of the arguments of a call: first the positional ones, then one for each name."""
    return Form("given", (positional, names), inner, sum([form.width for form in inner]))


def opaque(spec: Spec) -> Form:
    """The form of a spec that stays as it is."""
    return Form("opaque", (spec,))


def error(text: str) -> Form:
    """The form of an exception."""
    return Form("error", (text,))


def holed(form: Form, sizes: Sizes, holes: tuple[int, ...]) -> Form:
    """A form of which all sizes are known but those at `holes`, which are so much more than one number."""
    return Form("holed", (sizes, holes), (form,), 1)


def split(spec: Spec) -> Meaning:
    """The form and the sizes of a spec."""
    if isinstance(spec, TensorSpec) and spec.stats is None and spec.values is None:
        sizes = tuple([size for size in spec.shape if type(size) is int])
        if len(sizes) == len(spec.shape):
            return Meaning(tensor(len(sizes), spec.dtype, spec.device, spec.type), sizes)
    if isinstance(spec, CacheSpec):
        known = (spec.length is not None, spec.cross_length is not None)
        sizes = tuple([size for size in (spec.length, spec.cross_length) if size is not None])
        return Meaning(cache(spec.type, spec.layers, *known), sizes)
    if isinstance(spec, ContainerSpec):
        parts = [split(inner) for _, inner in spec.fields]
        names = tuple([name for name, _ in spec.fields])
        return Meaning(container(spec.type, names, *_joined(parts), spec.length), _sizes(parts))
    return Meaning(opaque(spec), ())


def split_given(arguments: Given) -> Meaning:
    """The form and the sizes of the arguments of a call."""
    specs = (*arguments.positional, *[spec for _, spec in arguments.keywords])
    parts = [split(spec) for spec in specs]
    names = tuple([name for name, _ in arguments.keywords])
    return Meaning(given(len(arguments.positional), names, *_joined(parts)), _sizes(parts))


def _joined(parts: list[Meaning]) -> tuple[tuple[Form, ...]]:
    return (tuple([part.form for part in parts]),)


def _sizes(parts: list[Meaning]) -> Sizes:
    return tuple([size for part in parts for size in part.sizes])


def _fill_tensor(form: Form, sizes: Sizes) -> Spec:
    _, dtype, device, kind = form.details
    return TensorSpec(sizes, dtype, device, type=kind)


def _fill_cache(form: Form, sizes: Sizes) -> Spec:
    kind, layers, counted, crossed = form.details
    return CacheSpec(kind, sizes[0] if counted else None, layers, sizes[-1] if crossed else None)


def _fill_container(form: Form, sizes: Sizes) -> Spec:
    kind, names, length = form.details
    return ContainerSpec(kind, tuple(zip(names, _filled(form, sizes), strict=True)), length)


def _fill_given(form: Form, sizes: Sizes) -> Given:
    positional, names = form.details
    specs = _filled(form, sizes)
    return Given(tuple(specs[:positional]), tuple(zip(names, specs[positional:], strict=True)))


def _filled(form: Form, sizes: Sizes) -> list[Any]:
    return [part.form.fill(part.sizes) for part in form.parts(sizes)]


_FILL: dict[str, Callable[[Form, Sizes], Filled]] = {
    "tensor": _fill_tensor,
    "cache": _fill_cache,
    "container": _fill_container,
    "given": _fill_given,
    "opaque": lambda form, sizes: form.details[0],
    "error": lambda form, sizes: form.details[0],
    "fact": lambda form, sizes: sizes[0],
    "nothing": lambda form, sizes: None,
    "holed": lambda form, sizes: form.inner[0].fill(form.whole(sizes).sizes),
}
