"""Three texts as rows, with lengths that are easy to add up.

    the cat                  [CLS] the cat [SEP]                      4 ids
    the cat sat on the mat   [CLS] the cat sat on the mat [SEP]       8 ids
    a dog                    [CLS] a dog [SEP]                        4 ids

As a batch they are 3 × 8 = 24 positions, 16 of them ids and 8 padding: a third.
"""

from __future__ import annotations

from typing import Any

import tracelab

from ..models.words import WORDS

TEXTS = ["the cat", "the cat sat on the mat", "a dog"]
LENGTHS = (4, 8, 4)


def tokenizer() -> Any:
    return WORDS["wordpiece"]()


def rows(tokenizer: Any, **columns: list[Any]) -> list[dict[str, Any]]:
    """A row for each text, with these columns too."""
    found = [dict(tokenizer(text)) for text in TEXTS]
    for name, values in columns.items():
        for row, value in zip(found, values, strict=True):
            row[name] = value
    return found


def facts_of(trace: tracelab.Trace, pattern: str) -> dict[str, Any]:
    """The facts of the first call that matches."""
    return trace.find(pattern)[0].facts
