"""What a number of a describer stands for, as form and sizes: what packed lanes are made of (see `forms`).

A form is made once for each kind of thing and kept; a further signature of a known form costs its sizes.
For a number with a hole the form is that of its tree, so a decode step makes no row in any table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..forms import HOLE, LOWER, Form, Meaning, cache, container, given, holed, split, tensor
from .holes import Holes
from .keys import Make, cut, make_cache, make_container, make_tensor, make_tuple
from .parts import CACHE, CLASS, NONE, SEQUENCE, TENSOR, Parts
from .reflection import class_name
from .table import Table

KEPT = 4096
"""So many meanings of plain numbers are kept before all are forgotten: numbers grow, memory must not."""


class Meanings:
    """Says what the numbers of a describer stand for; `constants`: numbers of the specs of whole classes."""

    def __init__(
        self, keys: Table[tuple[Make, Any]], calls: Table[tuple[Any, ...]], constants: dict[int, int]
    ) -> None:
        self._keys = keys
        self._calls = calls
        self._constants = constants
        self._forms: dict[Any, Form] = {}
        self._known: dict[int, Meaning] = {}

    def call(self, number: int, holes: Holes) -> Meaning:
        """The arguments of a call, for the number of a signature."""
        if number > LOWER:
            return self._filled(number, holes, self._call_form)
        positional, *rest = self._calls.rows[number]
        names, parts = self._halves(rest, positional)
        return self._joined(parts, given, positional, names)

    def value(self, number: int, holes: Holes) -> Meaning:
        """A value, for the number of its spec."""
        return self._filled(number, holes, self._value_form) if number > LOWER else self._value(number)

    # --- plain numbers --------------------------------------------------------------------------

    def _value(self, number: int) -> Meaning:
        known = self._known.get(number)
        if known is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[number] = self._read(*self._keys.rows[number])
        return known

    def _read(self, make: Make, raw: Any) -> Meaning:
        if make is make_tensor and all(type(size) is int for size in raw[0]):
            shape, dtype, device = raw
            return Meaning(self._tensor(len(shape), dtype, device), tuple(shape))
        if make is make_cache:
            kind, length, layers, cross = raw
            form = self._form(cache, kind, layers, length is not None, cross is not None)
            return Meaning(form, tuple([size for size in (length, cross) if size is not None]))
        if make is make_tuple:
            parts = [self._value(number) for number in raw[1:]]
            return self._joined(parts, _container, "tuple", tuple(range(len(parts))), len(parts))
        if make is make_container:
            kind, length, *rest = raw
            names, parts = self._halves(rest, 0)
            return self._joined(parts, _container, kind, tuple([cut(name) for name in names]), length)
        return split(make(raw, []))

    def _halves(self, rest: list[Any], first: int) -> tuple[tuple[Any, ...], list[Meaning]]:
        """Names and what they stand for; the `first` numbers have no names."""
        named = (len(rest) - first) // 2
        return tuple(rest[:named]), [self._value(number) for number in rest[named:]]

    def _joined(self, parts: list[Meaning], make: Callable[..., Form], *details: Any) -> Meaning:
        form = self._form(make, *details, tuple([part.form for part in parts]))
        return Meaning(form, tuple([size for part in parts for size in part.sizes]))

    # --- numbers with a hole --------------------------------------------------------------------

    def _filled(self, number: int, holes: Holes, form_of: Callable[[Parts], Form]) -> Meaning:
        key = holes, number >> HOLE
        form = self._forms.get(key)
        if form is None:
            tree = holes.tree(number)
            form = self._forms[key] = holed(form_of(tree.parts), tree.sizes(0), tree.holes)
        return Meaning(form, (number & LOWER,))

    def _call_form(self, parts: Parts) -> Form:
        _, args, kwargs = parts.layout
        constants = iter(parts.constants)
        inner = [self._part_form(layout, constants) for layout in args[2:]]
        names = next(constants)
        inner += [self._part_form(layout, constants) for layout in kwargs[2:]]
        return self._form(given, len(args) - 2, names, tuple(inner))

    def _value_form(self, parts: Parts) -> Form:
        return self._part_form(parts.layout, iter(parts.constants))

    def _part_form(self, layout: Any, constants: Iterator[Any]) -> Form:
        kind, *rest = layout
        if kind == NONE:
            return self._value(self._constants[id(type(None))]).form
        if kind == TENSOR:
            dtype = next(constants)
            return self._tensor(rest[1], dtype, "cpu" if rest[0] else next(constants))
        cls = next(constants)
        if kind == CLASS:
            return self._value(self._constants[id(cls)]).form
        if kind == CACHE:
            next(constants)
            return self._form(cache, class_name(cls), next(constants), True, False)
        names = next(constants) if rest[0] != SEQUENCE else tuple(range(len(rest) - 1))
        inner = tuple([self._part_form(part, constants) for part in rest[1:]])
        return self._form(
            _container, class_name(cls), tuple([cut(name) for name in names]), len(inner), inner
        )

    # --- forms ----------------------------------------------------------------------------------

    def _tensor(self, rank: int, dtype: Any, device: Any) -> Form:
        return self._form(tensor, rank, str(dtype).removeprefix("torch."), str(device))

    def _form(self, make: Callable[..., Form], *details: Any) -> Form:
        key = (make, *details)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = make(*details)
        return form


def _container(kind: str, names: tuple[Any, ...], length: int, inner: tuple[Form, ...]) -> Form:
    return container(kind, names, inner, length)
