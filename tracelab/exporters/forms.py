"""Forms as small tagged lists: the name of the kind, then its details; inner forms by their number.

    ["tensor", 3, "float32"]                       dimensions, dtype; then device, type
    ["cache", "DynamicCache", 4, true, false]      type, layers, whether length and cross length are known
    ["container", "tuple", [0, 1], [3, 4], 2]      type, keys, forms, length
    ["given", 1, ["mask"], [3, 5]]                 positional arguments, names of the keywords, forms
    ["opaque", SPEC]                               any other spec as it is
    ["error", "ValueError"]
    ["fact"]
    ["nothing"]
    ["holed", 6, [1, 5, 64], [1]]                  form, sizes, which of them move by the number

A form stands after the forms inside of it, so there are no circles.  What one form unfolds to is counted
(`size`): forty containers of two, each inside the next, would be a thousand billion tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import forms
from ..forms import FACT_NUMBER, LOWER, NOTHING, Form
from . import limits, plain, specs
from .expect import Refused, each, items, text, unexpected, whole

SPECS = frozenset(("tensor", "cache", "container", "opaque"))
"""Kinds that are a value, and may stand inside of another."""


class Unfit(Exception):
    """A trace that has no packed form within the limits; it is written flat."""


class Known(NamedTuple):
    """A form of a file, what kind of thing it makes, how many specs and on how many levels."""

    form: Form
    kind: str
    size: int
    levels: int


def encode(form: Form, number: Callable[[Form], int]) -> list[Any]:
    """`form` as a tagged list; `number`: of an inner form."""
    kind, details = form.kind, form.details
    inner = [number(one) for one in form.inner]
    if kind == "tensor":
        return specs.trimmed(["tensor", *details], ["cpu", "Tensor"])
    if kind == "container":
        type, names, length = details
        return ["container", type, [plain.encode(name) for name in names], inner, length]
    if kind == "given":
        return ["given", details[0], list(details[1]), inner]
    if kind == "opaque":
        return ["opaque", specs.encode(details[0])]
    if kind == "error":
        return ["error", plain.shorten(details[0])]
    if kind == "holed":
        return ["holed", *inner, list(details[0]), list(details[1])]
    return [kind, *details]


def decode(value: Any, known: list[Known]) -> Known:
    """The form that `encode` has written; `known`: those before it."""
    tag, *fields = items(value, 1)
    decoder = _DECODERS.get(tag) if type(tag) is str else None
    if decoder is None:
        raise unexpected(f"one of {', '.join(_DECODERS)}", tag)
    return decoder(fields, known)


def _tensor(fields: list[Any], known: list[Known]) -> Known:
    items(fields, 2, 4)
    rank, dtype, device, kind = fields + ["cpu", "Tensor"][len(fields) - 2 :]
    return _value(forms.tensor(whole(rank, 0, limits.FORM), text(dtype), text(device), text(kind)))


def _cache(fields: list[Any], known: list[Known]) -> Known:
    kind, layers, counted, crossed = items(fields, 4, 4)
    return _value(forms.cache(text(kind), whole(layers, 0), _bool(counted), _bool(crossed)))


def _container(fields: list[Any], known: list[Known]) -> Known:
    kind, names, inner, length = items(fields, 4, 4)
    keys = tuple(each(items(names), specs.key))
    parts = _inner(inner, known, len(keys))
    made = forms.container(text(kind), keys, tuple([part.form for part in parts]), whole(length, 0))
    return _joined(made, "value", parts)


def _given(fields: list[Any], known: list[Known]) -> Known:
    positional, names, inner = items(fields, 3, 3)
    words = tuple(each(items(names), text))
    first = whole(positional, 0, limits.FORM)
    parts = _inner(inner, known, first + len(words))
    return _joined(forms.given(first, words, tuple([part.form for part in parts])), "given", parts)


def _opaque(fields: list[Any], known: list[Known]) -> Known:
    return _value(forms.opaque(specs.decode(*items(fields, 1, 1))))


def _error(fields: list[Any], known: list[Known]) -> Known:
    return Known(forms.error(*map(text, items(fields, 1, 1))), "error", 1, 0)


def _fact(fields: list[Any], known: list[Known]) -> Known:
    items(fields, 0, 0)
    return Known(FACT_NUMBER, "fact", 1, 0)


def _nothing(fields: list[Any], known: list[Known]) -> Known:
    items(fields, 0, 0)
    return Known(NOTHING, "nothing", 1, 0)


def _holed(fields: list[Any], known: list[Known]) -> Known:
    number, sizes, holes = items(fields, 3, 3)
    whole_form = known[whole(number, 0, len(known) - 1)]
    if whole_form.kind not in ("value", "given") or whole_form.form.kind == "holed":
        raise unexpected("the number of a value or of arguments", number)
    width = whole_form.form.width
    least = -LOWER - 1  # a hole is filled with a number of 32 bits, so sizes are what they are less one
    filled = tuple(each(items(sizes, width, width), lambda size: whole(size, least, 2**62)))
    moving = tuple(each(items(holes, 1), lambda hole: whole(hole, 0, width - 1)))
    return whole_form._replace(form=forms.holed(whole_form.form, filled, moving))


_DECODERS: dict[str, Callable[[list[Any], list[Known]], Known]] = {
    "tensor": _tensor,
    "cache": _cache,
    "container": _container,
    "given": _given,
    "opaque": _opaque,
    "error": _error,
    "fact": _fact,
    "nothing": _nothing,
    "holed": _holed,
}


def _value(form: Form) -> Known:
    return Known(form, "value", 1, 0)


def _inner(value: Any, known: list[Known], count: int) -> list[Known]:
    def one(number: Any) -> Known:
        found = known[whole(number, 0, len(known) - 1)]
        if found.form.kind not in SPECS:
            raise unexpected("the number of a value", number)
        return found

    return each(items(value, count, count), one)


def _joined(form: Form, kind: str, parts: list[Known]) -> Known:
    size = 1 + sum([part.size for part in parts])
    levels = 1 + max([part.levels for part in parts], default=-1)
    if size > limits.FORM or levels > limits.LEVELS + 1:
        raise Refused(f"a form of {size} specs on {levels} levels")
    return Known(form, kind, size, levels)


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise unexpected("true or false", value)
    return value
