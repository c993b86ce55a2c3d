"""Lineages and digests of source files, as they stand in a file; files of earlier versions have neither.

    {"texts": ["Linear", "torch.nn.modules.linear", "…/linear.py", ...],
     "rows": [{"classes": [[0, 1, 2, 130], [3, 4]], "ran": 0, "layers": [[5, 6, 1774, [1778]]], "kwargs": 7}]}

The classes of one MRO stand in the lineages of all its methods, so each text is written once and then goes by
its number.  A class that has not the function has two items; fields that have their default are left away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..events import Layer, Level, Lineage
from .expect import Refused, at, each, items, mapping, members, text, unexpected, whole

Tell = Callable[[str], int]
Read = Callable[[Any], str]

_NOTHING = Lineage()
_KEYS = ("classes", "ran", "own", "layers", "keywords", "kwargs")


class Texts:
    """The numbers of the texts of some lineages, which may become more."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._taken = 0

    def encode(self, lineage: Lineage) -> dict[str, Any]:
        """A lineage as an object."""
        told = {
            "classes": [_encode_level(level, self._tell) for level in lineage.classes],
            "ran": lineage.ran,
            "own": lineage.own,
            "layers": [_encode_layer(layer, self._tell) for layer in lineage.layers],
            "keywords": list(map(self._tell, lineage.keywords)),
            "kwargs": _or_none(lineage.kwargs, self._tell),
        }
        return {name: told[name] for name in _KEYS if getattr(lineage, name) != getattr(_NOTHING, name)}

    def take(self) -> list[list[Any]]:
        """The texts that are new since the last time, with their numbers."""
        taken, self._taken = self._taken, len(self._numbers)
        return [[number, text] for text, number in list(self._numbers.items())[taken:]]

    def _tell(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))


def encode(lineages: Iterable[Lineage]) -> dict[str, Any]:
    """All lineages, and each different text once."""
    texts = Texts()
    rows = list(map(texts.encode, lineages))
    return {"texts": [text for _, text in texts.take()], "rows": rows}


def decode(value: Any) -> list[Lineage]:
    """The lineages that `encode` has written."""
    found = members(value, ["texts", "rows"])
    with at("texts"):
        texts = each(items(found["texts"]), text)
    with at("rows"):
        return each(items(found["rows"]), lambda row: decode_row(row, texts))


def decode_row(value: Any, texts: Sequence[str]) -> Lineage:
    """One lineage, whose texts go by their numbers."""

    def read(number: Any) -> str:
        return texts[whole(number, 0, len(texts) - 1)]

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
