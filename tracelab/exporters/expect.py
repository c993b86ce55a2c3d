"""What a decoder may expect of a value in a file, and the one way to refuse it.

A decoder that finds something else raises `Refused` with what it saw.  It does not know where it
stands; each loop and each `at` on the way out adds its place, so the price of a good message is paid only
when there is one: `specs[3].fields[0]: expected a whole number, got 'x'`.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from . import limits

T = TypeVar("T")

_brief = reprlib.Repr()
_brief.maxlevel, _brief.maxlist, _brief.maxdict = 2, 3, 3

LOWEST, HIGHEST = -(2**63), 2**63 - 1


class Refused(Exception):
    """The file is no trace that can be read; `str()` of it is one line without the name of the file."""

    def __init__(self, problem: str, place: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = place

    def inside(self, place: str) -> Refused:
        """The same refusal, seen from one level further out."""
        joint = "." if self.place and not self.place.startswith("[") else ""
        return Refused(self.problem, f"{place}{joint}{self.place}")

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}" if self.place else self.problem


@contextmanager
def at(place: str) -> Iterator[None]:
    """Add `place` to a refusal from inside the block."""
    try:
        yield
    except Refused as refused:
        raise refused.inside(place) from None


def unexpected(wanted: str, value: object) -> Refused:
    """The refusal of `value`, showing only so much of it that the message stays one line."""
    return Refused(f"expected {wanted}, got {_brief.repr(value)}")


def text(value: object) -> str:
    """`value`, when it is a text of bearable length."""
    if type(value) is not str:
        raise unexpected("a text", value)
    if len(value) > limits.STRING:
        raise Refused(f"a text of {len(value)} characters; at most {limits.STRING} are read")
    return value


def text_or_none(value: object) -> str | None:
    """`value`, when it is a text or null."""
    return None if value is None else text(value)


def whole(value: object, low: int = LOWEST, high: int = HIGHEST) -> int:
    """`value`, when it is an int (not a bool) from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise unexpected(_range(low, high), value)
    return value


def items(value: object, least: int = 0, most: int | None = None) -> list[Any]:
    """`value`, when it is a list of a fitting length."""
    if type(value) is not list:
        raise unexpected("a list", value)
    if len(value) < least or (most is not None and len(value) > most):
        count = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        raise Refused(f"expected a list of {count} items, got {len(value)}")
    return value


def mapping(value: object) -> dict[str, Any]:
    """`value`, when it is an object."""
    if type(value) is not dict:
        raise unexpected("an object", value)
    return value


def members(value: object, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """`value`, when it is an object with all `required` keys and no others than the `optional` ones."""
    found = mapping(value)
    for key in required:
        if key not in found:
            raise Refused(f"{key!r} is missing")
    known = {*required, *optional}
    for key in found:
        if key not in known:
            raise Refused(f"unknown key {reprlib.repr(key)}; known are {', '.join(sorted(known))}")
    return found


def each(values: Iterable[Any], decode: Callable[[Any], T]) -> list[T]:
    """All `values` decoded; a refusal says which one it was."""
    decoded = []
    for number, value in enumerate(values):
        try:
            decoded.append(decode(value))
        except Refused as refused:
            raise refused.inside(f"[{number}]") from None
    return decoded


def _range(low: int, high: int) -> str:
    if (low, high) == (LOWEST, HIGHEST):
        return "a whole number of 64 bits"
    if high < low:
        return "no number, because the table is empty"
    return f"a whole number, {low} or more" if high == HIGHEST else f"a whole number, {low} to {high}"
