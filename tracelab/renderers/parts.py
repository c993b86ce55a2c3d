"""A piece of a line of the tree: its words, their style, and whether it may be left out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a line in one style.

    `rank`: it may be left out where the line gets too long, the highest rank first; 0 never.  `shrinks`: a
    name that may be shortened in the middle.
    """

    text: str
    style: str
    rank: int = 0
    shrinks: bool = False
