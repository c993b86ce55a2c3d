"""The lines of one call, as a file has them: a `Pass` among the facts.

    "lines": {"file": "model.py", "first": 12, "name": "Net.forward", "ended": "return",
              "lines": [[12, [["x", ["tensor", [1, 4], "float32"]]]], [13], [14, [["y", ["scalar", "int"]]]]]}

A line is its number and then, where it bound anything, pairs of a name and a spec; where tensors were
followed, then pairs of a place and a number.  `cut` is left away where it is 0.  Specs stand where they
belong, not in a table: a small file could refer to a large one very often.
"""

from __future__ import annotations

from typing import Any

from ..passes import Line, Pass
from ..values import Spec
from . import plain, specs
from .expect import at, each, items, members, text, unexpected, whole

LEVEL = 4
"""Specs stand so much deeper here than in the table of specs, and the text is nested no deeper for it."""

ENDED = ("return", "exception", "open")


def encode(seen: Pass) -> dict[str, Any]:
    """`seen` as an object."""
    found = {
        "file": plain.shorten(seen.file),
        "first": seen.first,
        "name": plain.shorten(seen.name),
        "ended": seen.ended,
        "lines": [_encode_line(line) for line in seen.lines],
    }
    return {**found, "cut": seen.cut} if seen.cut else found


def decode(value: Any) -> Pass:
    """The pass that `encode` has written."""
    found = members(value, ["file", "first", "name", "ended", "lines"], ["cut"])
    if found["ended"] not in ENDED:
        with at("ended"):
            raise unexpected(f"one of {', '.join(ENDED)}", found["ended"])
    with at("lines"):
        lines = tuple(each(items(found["lines"]), _line))
    return Pass(
        file=text(found["file"]),
        first=whole(found["first"]),
        name=text(found["name"]),
        lines=lines,
        ended=found["ended"],
        cut=whole(found.get("cut", 0), 0),
    )


def _encode_line(line: Line) -> list[Any]:
    pairs = [[plain.shorten(name), specs.encode(spec, LEVEL)] for name, spec in line.bound]
    if line.same:
        return [line.number, pairs, [[plain.shorten(place), number] for place, number in line.same]]
    return [line.number, pairs] if pairs else [line.number]


def _line(value: Any) -> Line:
    number, *rest = items(value, 1, 3)
    bound, same = [*rest, [], []][:2]
    return Line(whole(number), tuple(each(items(bound), _pair)), tuple(each(items(same), _place)))


def _pair(value: Any) -> tuple[str, Spec]:
    name, spec = items(value, 2, 2)
    return text(name), specs.decode(spec)


def _place(value: Any) -> tuple[str, int]:
    place, number = items(value, 2, 2)
    return text(place), whole(number, 1)
