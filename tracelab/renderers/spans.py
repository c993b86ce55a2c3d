"""Phrases that differ in their numbers alone become one: `4 texts → 203–223 ids`.

Calls that share a line of the tree seldom say the same to the letter: batches of a loop have other lengths.
What is the same in all of them is said, with the smallest and the largest number where these differ; a
phrase that some do not say at all is left out.  A digit in a name (`sentence1`) is no number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_SPAN = re.compile(rf"(?<![\w.])({_NUMBER})(?:–({_NUMBER}))?(?!\w)")
_HOLE = "\0"
"""Where a number stood; in no phrase that is shown, and so in none here."""
_PLURAL = re.compile(rf"(?<={_HOLE} )([a-z]{{2,}}?)s\b")


def together(said: Sequence[Sequence[str]]) -> list[str]:
    """What all of these calls say; each says some clean phrases, the first of them what matters most."""
    if not said or not all(said):
        return []
    others = [{_frame(phrase): phrase for phrase in phrases} for phrases in said[1:]]
    first = said[0]
    if any(_frame(first[0]) not in other for other in others):
        return []
    return [
        _joined([phrase, *(other[_frame(phrase)] for other in others)])
        for phrase in first
        if all(_frame(phrase) in other for other in others)
    ]


def _frame(phrase: str) -> str:
    """A phrase without its numbers; a plural is its singular."""
    return _PLURAL.sub(r"\1", _SPAN.sub(_HOLE, phrase))


def _joined(phrases: Sequence[str]) -> str:
    if len(set(phrases)) == 1:
        return phrases[0]
    columns = list(zip(*([_ends(found) for found in _SPAN.finditer(one)] for one in phrases), strict=True))
    spans = iter([_span(ends) for ends in columns])
    return _SPAN.sub(lambda _: next(spans), max(phrases, key=lambda one: len(_SPAN.sub(_HOLE, one))))


def _ends(found: re.Match[str]) -> tuple[str, str]:
    low, high = found.groups()
    return low, high or low


def _span(ends: Sequence[tuple[str, str]]) -> str:
    low, high = min((one for one, _ in ends), key=_size), max((one for _, one in ends), key=_size)
    return low if low == high else f"{low}–{high}"


def _size(number: str) -> float:
    return float(number.replace(",", ""))
