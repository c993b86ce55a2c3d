"""Where a lane is cut into segments.

Equal steps can only be found if they are cut at the same place.  A step is one call of something, and its end
says its depth; so the cuts are ends of one depth: the smallest one that has at least FEW ends in these rows.
In a loop that decodes, that is the depth of the model's forward; in a loop that trains, depth 0.  A segment
of less than SHORT events goes on after its end: small helpers (a mask, a position) join the big call that
comes after them.

The codes are searched as bytes: `bytes.find` of one byte passes 8,000 events in a microsecond or two, a loop
over ints would take that time for every twenty.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections import Counter

from ..events import raised, returned
from .codes import depth_of, is_fact

FEW = 8
SHORT = 8
TRIED = 6
"""So many depths are searched for one by one; the depths of deeper recursion are counted all at once."""


def cuts(codes: bytes) -> list[int]:
    """The positions, in events, after which to cut; none where no depth has enough ends."""
    lows = low_bytes(codes)
    for depth in range(TRIED):
        ends = _ends_at(codes, lows, depth)
        if len(ends) >= FEW:
            return _long_enough(ends)
    counts: Counter[int] = Counter()
    for code, count in Counter(array("i", codes)).items():
        if code <= returned(TRIED) and not is_fact(code):
            counts[depth_of(code)] += count
    depths = [depth for depth, count in counts.items() if count >= FEW]
    return _long_enough(_ends_at(codes, lows, min(depths))) if depths else []


def _ends_at(codes: bytes, lows: bytes, depth: int) -> list[int]:
    """The positions behind the ends of one depth."""
    ends = positions(codes, lows, returned(depth))
    failed = positions(codes, lows, raised(depth))
    return [at + 1 for at in (sorted(ends + failed) if failed else ends)]


def low_bytes(codes: bytes) -> bytes:
    """The lowest byte of each code."""
    return codes[0 if sys.byteorder == "little" else 3 :: 4]


def positions(codes: bytes, lows: bytes, code: int) -> list[int]:
    """Where a code stands, counted in events: where its lowest byte does, and then the others too."""
    wanted, low = struct.pack("=i", code), code & 0xFF
    find = lows.find
    found = []
    at = find(low)
    while at >= 0:
        if codes[4 * at : 4 * at + 4] == wanted:
            found.append(at)
        at = find(low, at + 1)
    return found


def _long_enough(ends: list[int]) -> list[int]:
    chosen, start = [], 0
    for end in ends:
        if end - start >= SHORT:
            chosen.append(end)
            start = end
    return chosen
