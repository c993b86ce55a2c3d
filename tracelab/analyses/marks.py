"""Facts about each call that depend on everything below it.

    size    how many calls stand below it (and may be shown)
    chain   it is, or leads to, a decoding loop: the way from the user's line to the steps
    small   a method call that ran no module and failed nowhere: a helper

One walk from the last row to the first finds them all, because children have larger row numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Container
from dataclasses import dataclass

from ..calls import OK, Columns
from ..events import UNKNOWN


@dataclass(slots=True)
class Marks:
    """The facts, by row."""

    size: array[int]
    chain: bytearray
    small: bytearray


def marks(columns: Columns, loops: Container[int], keep: Container[int] | None) -> Marks:
    """Collect the facts of all rows; `loops` are the decoding loops, `keep` the rows that may be shown."""
    total = len(columns)
    found = Marks(array("i", [0]) * total, bytearray(total), bytearray(b"\x01") * total)
    helper = [site.kind in ("method", "function") for site in columns.sites]
    parents, sites, status = columns.parent, columns.site, columns.status
    for row in range(total - 1, -1, -1):
        if row in loops:
            found.chain[row] = 1
        if found.chain[row] or not helper[sites[row]] or status[row] != OK:
            found.small[row] = 0
        above = parents[row]
        if above != UNKNOWN:
            found.size[above] += found.size[row] + (keep is None or row in keep)
            found.chain[above] |= found.chain[row]
            found.small[above] &= found.small[row]
    return found
