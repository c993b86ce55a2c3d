"""The rows of one lane become blocks, every few thousand events, in the thread that wrote them.

Whatever can be done for all events at once is done by slices, `map`, `itemgetter` and `array`; Python's own
bytecode runs once for each segment and once for each number that is new in these rows.

Figures (one core, CPython 3.11, portions of 4,000 calls): a repeated step of 65 calls with ten growing
variables costs 0.26 us a call, one of 215 calls 0.17 us (0.30 and 0.23 us with summed times); calls that
never repeat 0.8 us.  What the caller's `given` and `came` take comes on top.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from ..events import FACT, Visits, raised, returned
from ..forms import Meaning
from .assembly import Assembly
from .block import Block
from .codes import settle_facts
from .cuts import cuts, low_bytes, positions
from .known import Known
from .tables import Tables


class Packer:
    """Packs the rows of one lane; its tables are what the blocks are read with."""

    __slots__ = ("_summary", "_tables", "_visits", "came", "given")

    def __init__(
        self,
        given: Callable[[int], Meaning],
        came: Callable[[int, int], Meaning],
        visits: Visits,
        summary: bool = False,
    ) -> None:
        """`given`: what the number of a signature means.  `came`: what the number in any other row means.

        `visits`: the table of the recording.  `summary`: keep the clocks of calls at the top of a segment
        only, and sums of the times of all others.
        """
        self._tables: Tables | None = None
        self._visits = visits
        self.given = given
        self.came = came
        self._summary = summary

    @property
    def tables(self) -> Tables:
        """Made with the first block: a host may begin a thread for every call."""
        if self._tables is None:
            self._tables = Tables(self._visits)
        return self._tables

    def pack(self, rows: list[int], everything: bool = False) -> tuple[Block, int]:
        """Pack events from the front, up to the last good cut or all of them; and how many ints that were."""
        whole = len(rows) // 3 * 3
        codes, clocks = rows[0:whole:3], rows[2:whole:3]
        packed = packed_codes(codes, clocks)
        ends = cuts(packed, self.tables.groups)
        if (everything or not ends) and codes and len(codes) not in ends[-1:]:
            ends.append(len(codes))
        assembly = Assembly(self.tables, self._known())
        assembly.sort(packed, tuple(rows[1:whole:3]), ends)
        block = assembly.block(clocks, self._summary)
        return block, 3 * block.events

    def _known(self) -> tuple[Known, ...]:
        came = self.came
        looks = (
            self.given,
            lambda number: came(returned(0), number),
            lambda number: came(raised(0), number),
            lambda number: came(FACT, number),
        )
        return tuple([Known(self.tables, look) for look in looks])


def packed_codes(codes: list[int], clocks: list[int]) -> bytes:
    """The codes of events as bytes, four each; facts in `codes` and `clocks` are settled."""
    layout = f"={len(codes)}i"  # three times as fast as an array made of a list
    packed = struct.pack(layout, *codes)
    facts = positions(packed, low_bytes(packed), FACT)
    if facts:
        settle_facts(codes, clocks, facts)
        packed = struct.pack(layout, *codes)
    return packed
