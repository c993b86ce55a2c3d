"""The lines of a function with what was seen of them, one by one."""

from __future__ import annotations

from collections.abc import Mapping

from ..calls import Call
from ..calls.listing import (
    COMMENT,
    CONTINUED,
    DOCUMENTATION,
    EMPTY,
    SIGNATURE,
    STATEMENT,
    WORD,
    SourceLine,
)
from ..sourcetext import Text
from ..values import Spec
from .sidebyside import Fact, Seen
from .units import ENTRY, Layout

_NOTHING = Fact(0, None, {})


def marked(
    layout: Layout, text: Text, facts: Mapping[int, Fact], seen: Seen, whole: bool
) -> tuple[SourceLine, ...]:
    """Every line of a function; where there is no text, those that ran.

    `seen`: the call whose own calls are told.  `whole`: all lines were kept, so others did not run.
    """
    made = _calls(seen)
    bound = _parameters(layout, facts)
    numbers = range(layout.first, layout.last + 1) if text.lines else sorted(layout.at)
    found = []
    for number in numbers:
        words = text.line(number) or ""
        unit = layout.at.get(number)
        role = _role(layout, number, unit, words)
        fact = _NOTHING if unit is None else facts.get(unit, _NOTHING)
        begins = unit is not None and layout.units[unit].first == number
        names = bound.get(number, {}) if role == SIGNATURE else fact.bound if begins else {}
        found.append(
            SourceLine(
                number=number,
                text=words,
                role=role,
                hits=fact.hits,
                reached=None if unit is None else unit in facts or (False if whole else None),
                bound=names,
                condition=fact.condition if begins else None,
                calls=made.get(number, ()),
            )
        )
    return tuple(found)


def _parameters(layout: Layout, facts: Mapping[int, Fact]) -> dict[int, dict[str, Spec]]:
    """The parameters, each at its line of the signature."""
    found: dict[int, dict[str, Spec]] = {}
    for unit, fact in facts.items():
        if layout.units[unit].kind == ENTRY:
            for name, spec in fact.bound.items():
                found.setdefault(layout.parameters.get(name, layout.start), {})[name] = spec
    return found


def _role(layout: Layout, number: int, unit: int | None, words: str) -> str:
    bare = words.strip()
    if unit is not None and not bare.startswith("#"):
        if layout.units[unit].kind == ENTRY:
            return SIGNATURE
        return STATEMENT if layout.units[unit].first == number else CONTINUED
    if number in layout.documentation:
        return DOCUMENTATION
    return EMPTY if not bare else COMMENT if bare.startswith("#") else WORD


def _calls(seen: Seen) -> dict[int, tuple[Call, ...]]:
    """The recorded calls that each line made."""
    found: dict[int, tuple[Call, ...]] = {}
    for child in seen.call.children:
        place = child.call_site
        if place is not None and place.file == seen.lines.file:
            found[place.line] = (*found.get(place.line, ()), child)
    return found
