"""One set of numbers for what the blocks of all lanes share: forms, meanings, templates.

Each lane has tables of its own, which also hold what no block refers to any more.  Whoever writes blocks down
asks here for the number of a thing; what is new gets the next one and is written before the block.
"""

from __future__ import annotations

from typing import Any

from ..forms import Form, Meaning
from ..packing import Tables, Template, Times
from . import forms, ints, limits
from .forms import Unfit


class Ledger:
    """Tables of a file while it is written; `forms`, `meanings`, `templates` as they stand in the file."""

    def __init__(self) -> None:
        self.forms: list[list[Any]] = []
        self.meanings: list[list[int]] = []
        self.templates: list[dict[str, Any]] = []
        self._taken = {"forms": 0, "meanings": 0, "templates": 0}
        self._forms: dict[Form, int] = {}
        """Number, size and levels in one int, see `_packed`: there may be a hundred thousand forms."""
        self._meanings: dict[int | tuple[int, ...], int] = {}
        self._templates: dict[Template, int] = {}
        self._translated: dict[Tables, Translation] = {}

    def take(self) -> dict[str, list[Any]]:
        """What has been added since the last time; a stream has written it and needs it no more."""
        grown: dict[str, list[Any]] = {name: getattr(self, name) for name in self._taken}
        for name, added in grown.items():
            self._taken[name] += len(added)
            setattr(self, name, [])
        return grown

    def meanings_of(self, tables: Tables) -> Translation:
        """From the numbers of meanings in some tables to those in the file."""
        found = self._translated.get(tables)
        if found is None:
            found = self._translated[tables] = Translation(self, tables)
        return found

    def meaning(self, meaning: Meaning) -> int:
        """The number of a meaning."""
        form, _, _ = self._form(meaning.form)
        # Of very many forms that are met once most have no sizes: a number takes half of what a tuple takes.
        key = (form, *meaning.sizes) if meaning.sizes else form
        number = self._meanings.get(key)
        if number is None:
            number = self._meanings[key] = self._taken["meanings"] + len(self.meanings)
            self.meanings.append([form, *meaning.sizes])
        return number

    def template(self, template: Template) -> int:
        """The number of a template."""
        number = self._templates.get(template)
        if number is None:
            number = self._templates[template] = self._taken["templates"] + len(self.templates)
            codes, places = template.group.codes, template.shape.places
            self.templates.append({"codes": ints.encode(codes), "places": ints.encode(places)})
        return number

    def times(self) -> dict[int, Times]:
        """The times of all templates that sum them up, by number."""
        return {
            number: template.times
            for template, number in self._templates.items()
            if template.times is not None
        }

    def _form(self, form: Form) -> tuple[int, int, int]:
        """Number, specs and levels of a form."""
        packed = self._forms.get(form)
        if packed is None:
            inner = [self._form(one) for one in form.inner]
            size, levels = 1 + sum([one[1] for one in inner]), 1 + max([one[2] for one in inner], default=-1)
            if size > limits.FORM or levels > limits.LEVELS:
                raise Unfit
            self.forms.append(forms.encode(form, lambda one: _unpacked(self._forms[one])[0]))
            packed = self._forms[form] = _packed(self._taken["forms"] + len(self.forms) - 1, size, levels)
        return _unpacked(packed)


def _packed(number: int, size: int, levels: int) -> int:
    """In half of the bytes of a tuple: 20 bits for a size (`limits.FORM`), 6 for levels (`limits.LEVELS`)."""
    return number << 26 | size << 6 | levels


def _unpacked(packed: int) -> tuple[int, int, int]:
    return packed >> 26, (packed >> 6) & 0xFFFFF, packed & 0x3F


class Translation(dict[int, int]):
    """Numbers of meanings in some tables to those of a ledger; the missing are looked up."""

    def __init__(self, ledger: Ledger, tables: Tables) -> None:
        super().__init__()
        self._ledger = ledger
        self._tables = tables

    def __missing__(self, number: int) -> int:
        found = self[number] = self._ledger.meaning(self._tables.meanings[number])
        return found


def encode_times(times: Times) -> list[Any]:
    """Sums over instances: how many, then four numbers for each call."""
    return [times.instances, *map(ints.encode, times[1:])]
