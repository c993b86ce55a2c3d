"""Sites, places and signatures, as they stand in the tables of a file.

A site is an object, because it is what a person looks for with jq: `.sites[.calls.site[0]].owner`.
Fields that have their default are left away.  A place is `[file, line]`; a signature is the list of the
spec ids by position and the list of the `[name, spec id]` by keyword.

Beside packed calls the sites would be three quarters of the file, so there they are columns: each different
value once in `values`, and for each field the numbers of its values.  73 kB of sites become 15.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from ..events import Place, Signature, Site
from . import ints
from .expect import at, each, items, mapping, members, text, text_or_none, whole
from .ints import Budget

_DEFAULTS = {field.name: field.default for field in fields(Site)}
_REQUIRED = [name for name, default in _DEFAULTS.items() if default is MISSING]
_LATER = ("lineage",)
"""Fields that files of earlier versions have not."""


def encode_site(site: Site) -> dict[str, Any]:
    """A site as an object."""
    found = {name: getattr(site, name) for name in _DEFAULTS}
    return {name: value for name, value in found.items() if value != _DEFAULTS[name]}


def decode_site(value: Any, lineages: int = 0) -> Site:
    """The site that `encode_site` has written; there are so many `lineages` that it may point at."""
    decoded: dict[str, Any] = {}
    for name, item in members(value, _REQUIRED, _DEFAULTS).items():
        with at(name):
            decoded[name] = _site_field(name, item, lineages)
    return Site(**decoded)


def encode_sites(sites: list[Site]) -> dict[str, Any]:
    """All sites as columns over their different values."""
    numbers: dict[Any, int] = {}
    columns = {
        name: ints.encode([numbers.setdefault(getattr(site, name), len(numbers)) for site in sites])
        for name in _DEFAULTS
    }
    return {"values": list(numbers), **columns}


def decode_sites(value: Any, lineages: int = 0) -> list[Site]:
    """The sites that `encode_sites` has written."""
    names = [name for name in _DEFAULTS if name not in _LATER or name in mapping(value)]
    found = members(value, ["values", *names])
    values = items(found["values"])
    budget = Budget()
    columns: dict[str, list[Any]] = {}
    count: int | None = None
    for name in names:
        with at(name):
            numbers = ints.decode(found[name], budget, 0, len(values) - 1, count)
            count = len(numbers)
            decoded = {number: _site_field(name, values[number], lineages) for number in set(numbers)}
            columns[name] = [decoded[number] for number in numbers]
    rows = zip(*columns.values(), strict=True)
    return [Site(**dict(zip(columns, row, strict=True))) for row in rows]


def decode_place(value: Any) -> Place:
    """A place: the JSON writer makes a list of it by itself."""
    file, line = items(value, 2, 2)
    return Place(text(file), whole(line))


def decode_signature(value: Any, specs: int) -> Signature:
    """A signature whose ids point into a table of so many `specs`."""
    positional, keywords = items(value, 2, 2)

    def number(value: Any) -> int:
        return whole(value, 0, specs - 1)

    def keyword(pair: Any) -> tuple[str, int]:
        name, value = items(pair, 2, 2)
        return text(name), number(value)

    return Signature(tuple(each(items(positional), number)), tuple(each(items(keywords), keyword)))


def _site_field(name: str, value: Any, lineages: int) -> object:
    if name in _REQUIRED:
        return text(value)
    if name == "line":
        return None if value is None else whole(value)
    if name == "lineage":
        return None if value is None else whole(value, 0, lineages - 1)
    if name in ("parameters", "aliases"):
        return tuple(each(items(value), text))
    return text_or_none(value)
