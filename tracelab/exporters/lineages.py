"""Lineages and digests of source files, as they stand in a file; files of earlier versions have neither.

    {"texts": ["Linear", "torch.nn.modules.linear", "…/linear.py", ...],
     "rows": [{"classes": [[0, 1, 2, 130], [3, 4]], "ran": 0, "layers": [[5, 6, 1774, [1778]]], "kwargs": 7}]}

The classes of one MRO stand in the lineages of all its methods, so each text is written once and then goes by
its number; in the lines of a stream texts are themselves.  A class that has not the function has two items;
fields that have their default are left away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..events import Layer, Level, Lineage
from .expect import Refused, at, each, items, mapping, members, text, unexpected, whole

Tell = Callable[[str], Any]
Read = Callable[[Any], str]

_NOTHING = Lineage()
_KEYS = ("classes", "ran", "own", "layers", "keywords", "kwargs")


def encode_all(lineages: Iterable[Lineage]) -> dict[str, Any]:
    """All lineages, and each different text once."""
    numbers: dict[str, int] = {}
    rows = [encode(lineage, lambda text: numbers.setdefault(text, len(numbers))) for lineage in lineages]
    return {"texts": list(numbers), "rows": rows}


def decode_all(value: Any) -> list[Lineage]:
    """The lineages that `encode_all` has written."""
    found = members(value, ["texts", "rows"])
    with at("texts"):
        texts = each(items(found["texts"]), text)
    with at("rows"):
        return each(
            items(found["rows"]), lambda row: decode(row, lambda at: texts[whole(at, 0, len(texts) - 1)])
        )


def encode(lineage: Lineage, tell: Tell = str) -> dict[str, Any]:
    """A lineage as an object; `tell`: how a text is written."""
    told = {
        "classes": [_encode_level(level, tell) for level in lineage.classes],
        "ran": lineage.ran,
        "own": lineage.own,
        "layers": [_encode_layer(layer, tell) for layer in lineage.layers],
        "keywords": list(map(tell, lineage.keywords)),
        "kwargs": _or_none(lineage.kwargs, tell),
    }
    return {name: told[name] for name in _KEYS if getattr(lineage, name) != getattr(_NOTHING, name)}


def decode(value: Any, read: Read = text) -> Lineage:
    """The lineage that `encode` has written; `read`: a text."""
    found = members(value, [], _KEYS)
    with at("classes"):
        classes = tuple(each(items(found.get("classes", [])), lambda level: _level(level, read)))
    with at("ran"):
        ran = None if found.get("ran") is None else whole(found["ran"], 0, len(classes) - 1)
    with at("own"):
        own = found.get("own", False)
        if type(own) is not bool:
            raise unexpected("true or false", own)
    with at("layers"):
        layers = tuple(each(items(found.get("layers", [])), lambda layer: _layer(layer, read)))
    with at("keywords"):
        keywords = tuple(each(items(found.get("keywords", [])), read))
    with at("kwargs"):
        kwargs = _or_none(found.get("kwargs"), read)
    return Lineage(classes, ran, own, layers, keywords, kwargs)


def decode_sources(value: Any) -> dict[str, str]:
    """The digests of files by their names."""
    found = {}
    for file, digest in mapping(value).items():
        if len(text(digest)) != 16:
            raise Refused(f"expected a digest of 16 digits, got one of {len(digest)}")
        found[text(file)] = digest
    return found


def _encode_level(level: Level, tell: Tell) -> list[Any]:
    place = [_or_none(level.file, tell), level.line] if level.has_it else []
    return [tell(level.name), tell(level.module), *place]


def _encode_layer(layer: Layer, tell: Tell) -> list[Any]:
    return [tell(layer.function), _or_none(layer.file, tell), layer.line, list(layer.calls)]


def _level(value: Any, read: Read) -> Level:
    name, module, *place = items(value, 2, 4)
    if not place:
        return Level(read(name), read(module))
    file, line = items(place, 2)
    return Level(read(name), read(module), True, _or_none(file, read), _or_none(line, whole))


def _layer(value: Any, read: Read) -> Layer:
    function, file, line, calls = items(value, 4, 4)
    lines = tuple(each(items(calls), whole))
    return Layer(read(function), _or_none(file, read), _or_none(line, whole), lines)


def _or_none(value: Any, made: Callable[[Any], Any]) -> Any:
    return None if value is None else made(value)
