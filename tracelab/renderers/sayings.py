"""What the calls of one line say of data: texts that became ids, rows that became a batch, a load.

One call says its own words; where a line stands for several, they say what is the same in all of them, with
the range of the numbers that differ (see `spans`).  What is odd is said only where it is odd in every call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from ..analyses.lines import Line
from ..analyses.outline import Outline
from ..calls import Call
from .clean import clean
from .datawords import trouble, words
from .encoded import phrase, warning
from .parts import Part
from .spans import together

MOST = 64
"""What more calls than these say is not compared."""

Facts = Mapping[str, Any]


def of_encoding(outline: Outline, line: Line) -> list[Part]:
    """What became of texts, sounds and images."""
    return _parts(outline, line, lambda facts: list(filter(None, clean(phrase(facts)).split(", "))), warning)


def of_data(outline: Outline, line: Line) -> list[Part]:
    """What is said of a batch, a table or a load."""
    return _parts(outline, line, words, trouble)


def _parts(
    outline: Outline,
    line: Line,
    say: Callable[[Facts], list[str] | tuple[str, ...]],
    warn: Callable[[Facts], str],
) -> list[Part]:
    first = outline.call(line).facts
    if not say(first) and not warn(first):
        return []  # most lines: the other calls need not be looked at
    facts = [Call(outline.trace, row).facts for row in islice(line.rows, MOST + 1)]
    if len(facts) > MOST:
        return []
    said = together([say(one) for one in facts])
    odd = {warn(one) for one in facts}
    found = [
        Part(clean(f"{', ' if at else '  '}{text}"), "note", rank=1 + at) for at, text in enumerate(said)
    ]
    text = odd.pop() if len(odd) == 1 else ""
    return [*found, Part(clean(f"  {text}"), "warning")] if text else found
