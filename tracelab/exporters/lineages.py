"""Lineages and digests of source files, as they stand in a file; files of earlier versions have neither.

    {"classes": [["Linear", "torch.nn.modules.linear", "…/linear.py", 130], ["Module", "torch…"]],
     "ran": 0, "layers": [["Module.__call__", "…/module.py", 1774, [1778]]], "kwargs": "kwargs"}

A class that has not the function itself has two items; fields that have their default are left away.
"""

from __future__ import annotations

from typing import Any

from ..events import Layer, Level, Lineage
from .expect import Refused, at, each, items, mapping, members, text, text_or_none, unexpected, whole

_NOTHING = Lineage()
_KEYS = ("classes", "ran", "own", "layers", "keywords", "kwargs")


def encode(lineage: Lineage) -> dict[str, Any]:
    """A lineage as an object."""
    found = {
        name: getattr(lineage, name) for name in _KEYS if getattr(lineage, name) != getattr(_NOTHING, name)
    }
    if lineage.classes:
        found["classes"] = [_encode_level(level) for level in lineage.classes]
    return found


def decode(value: Any) -> Lineage:
    """The lineage that `encode` has written."""
    found = members(value, [], _KEYS)
    with at("classes"):
        classes = tuple(each(items(found.get("classes", [])), _level))
    with at("ran"):
        ran = None if found.get("ran") is None else whole(found["ran"], 0, len(classes) - 1)
    with at("own"):
        own = found.get("own", False)
        if type(own) is not bool:
            raise unexpected("true or false", own)
    with at("layers"):
        layers = tuple(each(items(found.get("layers", [])), _layer))
    with at("keywords"):
        keywords = tuple(each(items(found.get("keywords", [])), text))
    with at("kwargs"):
        kwargs = text_or_none(found.get("kwargs"))
    return Lineage(classes, ran, own, layers, keywords, kwargs)


def decode_sources(value: Any) -> dict[str, str]:
    """The digests of files by their names."""
    found = {}
    for file, digest in mapping(value).items():
        if len(text(digest)) != 16:
            raise Refused(f"expected a digest of 16 digits, got one of {len(digest)}")
        found[text(file)] = digest
    return found


def _encode_level(level: Level) -> list[Any]:
    return [level.name, level.module, *([level.file, level.line] if level.has_it else [])]


def _level(value: Any) -> Level:
    name, module, *place = items(value, 2, 4)
    if not place:
        return Level(text(name), text(module))
    file, line = items(place, 2)
    return Level(text(name), text(module), True, text_or_none(file), _line(line))


def _layer(value: Any) -> Layer:
    function, file, line, calls = items(value, 4, 4)
    return Layer(text(function), text_or_none(file), _line(line), tuple(each(items(calls), whole)))


def _line(value: Any) -> int | None:
    return None if value is None else whole(value)
