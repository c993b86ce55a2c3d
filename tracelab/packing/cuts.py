"""Where a lane is cut into segments.

Equal steps can only be found if they are cut at the same place.  A step is one call of something, and its end
says its depth; so the cuts are ends of one depth: the smallest one that has at least FEW ends in these rows.
In a loop that decodes, that is the depth of the model's forward; in a loop that trains, depth 0.  A segment
of less than SHORT events goes on after its end: small helpers (a mask, a position) join the big call that
comes after them.

The codes are searched as bytes, four for each event: `bytes.find` passes 8,000 events in some 20 µs, a loop
over ints would take that time for every hundred.
"""

from __future__ import annotations

import struct
from array import array
from collections import Counter

from ..events import raised, returned
from .codes import is_fact

FEW = 8
SHORT = 8
TRIED = 6
"""So many depths are searched for one by one; the depths of deeper recursion are counted all at once."""


def cuts(codes: bytes) -> list[int]:
    """The positions, in events, after which to cut; none where no depth has enough ends."""
    for depth in range(TRIED):
        ends = ends_at(codes, depth)
        if len(ends) >= FEW:
            return _long_enough(ends)
    counts: Counter[int] = Counter()
    for code, count in Counter(array("i", codes)).items():
        if code <= returned(TRIED) and not is_fact(code):
            counts[(-2 - code) // 2] += count
    depths = [depth for depth, count in counts.items() if count >= FEW]
    return _long_enough(ends_at(codes, min(depths))) if depths else []


def ends_at(codes: bytes, depth: int) -> list[int]:
    """The positions behind the ends of one depth."""
    ends = positions(codes, returned(depth))
    failed = positions(codes, raised(depth))
    return [at + 1 for at in (sorted(ends + failed) if failed else ends)]


def positions(codes: bytes, code: int) -> list[int]:
    """Where a code stands, counted in events."""
    wanted = struct.pack("=i", code)
    find = codes.find
    found = []
    at = find(wanted)
    while at >= 0:
        if at & 3:  # the last bytes of one code and the first of the next
            at = find(wanted, at + 1)
        else:
            found.append(at >> 2)
            at = find(wanted, at + 4)
    return found


def _long_enough(ends: list[int]) -> list[int]:
    chosen, start = [], 0
    for end in ends:
        if end - start >= SHORT:
            chosen.append(end)
            start = end
    return chosen
