"""Facts as a file has them: those that analyses take apart must be made as instruments make them.

A fact is plain data, and most are only shown.  A few are taken apart: rows, ids, scores.  `FORMS` says what
each of them is; another value under its name is refused here, with its place, and not met in the middle of a
table.  The lines of a call are no plain data, and `passes` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..passes import LINES, Pass
from . import passes, plain
from .expect import at, mapping, unexpected

Form = Callable[[Any], bool]


def _is(*kinds: type) -> Form:
    return lambda value: type(value) in kinds


def _all(form: Form) -> Form:
    return lambda value: type(value) is tuple and all(map(form, value))


def _each(*forms: Form) -> Form:
    def fits(value: Any) -> bool:
        if type(value) is not tuple or len(value) != len(forms):
            return False
        return all(form(one) for form, one in zip(forms, value, strict=True))

    return fits


_INT, _TEXT, _SIZES = _is(int), _is(str), _all(_is(int))
_SIZE = _is(int, type(None))

FORMS: Mapping[str, Form] = {
    "mode": _TEXT,
    "finished": _SIZES,
    "chosen": _all(_SIZES),
    "scores": _all(_all(_each(_INT, _is(int, float)))),
    "cache_layers": _all(_each(_INT, _TEXT, _SIZES, _SIZES, _TEXT, _INT, _SIZE, _SIZE)),
}
"""Facts that are taken apart, by name."""


def encode(facts: Mapping[str, Any]) -> Any:
    """The facts of one call in JSON's own types."""
    lines = facts.get(LINES)
    if not isinstance(lines, Pass):
        return plain.encode(facts)
    rest = plain.encode({name: fact for name, fact in facts.items() if name != LINES})
    return {**rest, LINES: passes.encode(lines)}


def decode(value: Any) -> dict[str, Any]:
    """The facts of one call; `Refused` where one of them is not what its name says."""
    lines = mapping(value).get(LINES)
    found = plain.decode_mapping({name: fact for name, fact in value.items() if name != LINES})
    for name, form in FORMS.items():
        if name in found and not form(found[name]):
            with at(name):
                raise unexpected(f"{name} as they are recorded", found[name])
    if LINES in value or LINES in found:
        with at(LINES):
            found[LINES] = passes.decode(lines)
    return found
