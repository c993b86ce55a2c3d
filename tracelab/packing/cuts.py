"""Where a lane is cut into segments.

Equal steps can only be found if they are cut at the same place.  A step is one call of something, and its end
says its depth, so the cuts are ends of one depth: the smallest at which most of the rows are segments that
come again.  In a loop that decodes, that is the depth of the model's forward; in a loop that trains, depth 0.
(The smallest with many ends would not do: beam search begins with a dozen small helpers one level higher, and
whole `generate` calls of any length are never equal.)  A segment of less than SHORT events goes on after its
end: small helpers join the big call that comes after them.

The codes are searched as bytes: `bytes.find` of one byte passes 8,000 events in a microsecond or two, a loop
over ints would take that time for every twenty.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterator

from ..events import raised, returned
from .codes import depth_of, is_fact

FEW = 3
SHORT = 32
TRIED = 6
"""So many depths are searched for one by one; the depths of deeper recursion are counted all at once."""


def cuts(codes: bytes, known: Container[bytes] = ()) -> list[int]:
    """The positions, in events, after which to cut; none where no depth has enough ends.

    `known`: codes of segments that came before.
    """
    best: list[int] = []
    most = -1
    above: list[int] = []
    for ends in _candidates(codes):
        if len(ends) >= FEW:
            chosen = _long_enough(ends)
            again = _again(codes, chosen, above, known)
            if again > most:
                best, most = chosen, again
            if 8 * again >= len(codes):  # that is half of the events
                break
        above += ends
    return best


def _candidates(codes: bytes) -> Iterator[list[int]]:
    """The ends of each depth, from the smallest on; of deep recursion, only those of one depth more."""
    lows = low_bytes(codes)
    enough = False
    for depth in range(TRIED):
        ends = _ends_at(codes, lows, depth)
        enough |= len(ends) >= FEW
        yield ends
    if enough:
        return
    counts: Counter[int] = Counter()
    for code, count in Counter(array("i", codes)).items():
        if code <= returned(TRIED) and not is_fact(code):
            counts[depth_of(code)] += count
    depths = [depth for depth, count in counts.items() if count >= FEW]
    if depths:
        yield _ends_at(codes, lows, min(depths))


def _again(codes: bytes, ends: list[int], above: list[int], known: Container[bytes]) -> int:
    """How many events are in whole segments that came before or come more than once.

    A segment in which a call of a smaller depth ends, of which the ends are `above`, is not whole.
    """
    torn = {bisect_left(ends, end) for end in above}
    counts: Counter[bytes] = Counter()
    start = 0
    for number, end in enumerate(ends):
        if number not in torn:
            counts[codes[4 * start : 4 * end]] += 1
        start = end
    return sum([len(one) // 4 * count for one, count in counts.items() if count > 1 or one in known])


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
