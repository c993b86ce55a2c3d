"""How a number of things is written."""

from __future__ import annotations


def many(number: int, word: str) -> str:
    """A number of things: `1 call`, `1,200 calls`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
