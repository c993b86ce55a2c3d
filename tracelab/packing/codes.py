"""The codes of events inside a block, and the four sorts of numbers that come with them.

A row of a fact has no clock: its third int is a depth.  Inside a block every event has a clock (a fact that
of the event before it), so the depth becomes part of the code.  The number of an event is looked up in one of
four tables, and which one is a matter of its code.
"""

from __future__ import annotations

from ..events import FACT

GIVEN, RETURNED, RAISED, FACTS = range(4)
"""The sorts of numbers: signatures at entries; specs, errors and facts at what comes after."""

_FACTS = -(1 << 30)


def sort_of(code: int) -> int:
    """The sort of the number of an event."""
    if code >= 0:
        return GIVEN
    if code <= _FACTS:
        return FACTS
    return RAISED if code & 1 else RETURNED


def fact_at(depth: int) -> int:
    """The code of a fact about the call at `depth`."""
    return _FACTS - depth


def is_fact(code: int) -> bool:
    """Whether it is the code of a fact."""
    return code <= _FACTS


def depth_of(code: int) -> int:
    """The depth that the code of an end or a fact tells."""
    return _FACTS - code if code <= _FACTS else (-2 - code) // 2


def settle_facts(codes: list[int], clocks: list[int], at: list[int]) -> None:
    """Write the rows of facts, which stand `at` these positions, as they are inside a block."""
    for position in at:
        codes[position] = fact_at(clocks[position])
        clocks[position] = clocks[position - 1] if position else _first(codes, clocks)


def _first(codes: list[int], clocks: list[int]) -> int:
    """The first clock reading of rows that begin with a fact."""
    return next(
        (clock for code, clock in zip(codes, clocks, strict=True) if code > _FACTS and code != FACT), 0
    )


def row_code(code: int) -> int:
    """The code as a row has it."""
    return FACT if code <= _FACTS else code
