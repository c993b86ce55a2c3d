"""The calls of a file: one list of whole numbers for each attribute, all of one length.

A million calls are ten million numbers, so they are checked in bulk: types, smallest and largest at the
speed of C.  Only when something is wrong are they looked at one by one, to say which.

Times are not checked for order: clocks, signal handlers and finalizers may enter a call between the
reading of the clock and the note of it.
"""

from __future__ import annotations

import operator
from array import array
from typing import Any

from ..calls import STATUSES, Columns
from ..events import UNKNOWN
from .expect import HIGHEST, LOWEST, Refused, at, each, items, members, whole

NAMES = ("site", "place", "inputs", "output", "parent", "start", "duration", "status", "error", "thread")


def fill(columns: Columns, calls: Any) -> None:
    """Read the lists of `calls` into `columns`, whose tables are there already."""
    found = members(calls, NAMES)
    for name in NAMES:
        with at(name):
            column = _column(found[name], *_bounds(columns, name), getattr(columns, name).typecode)
            if name != "site" and len(column) != len(columns):
                raise Refused(f"holds {len(column)} numbers, but 'site' holds {len(columns)}")
        setattr(columns, name, column)
    _check_parents(columns.parent)


def _bounds(columns: Columns, name: str) -> tuple[int, int]:
    """The smallest and the largest number that may stand in a column."""
    bounds = {
        "site": (0, len(columns.sites) - 1),
        "place": (UNKNOWN, len(columns.places) - 1),
        "inputs": (UNKNOWN, len(columns.signatures) - 1),
        "output": (UNKNOWN, len(columns.specs) - 1),
        "parent": (UNKNOWN, len(columns) - 1),
        "status": (0, len(STATUSES) - 1),
        "error": (UNKNOWN, len(columns.errors) - 1),
        "thread": (0, len(columns.threads) - 1),
    }
    return bounds.get(name, (LOWEST, HIGHEST))


def _column(value: Any, low: int, high: int, typecode: str) -> array[int]:
    numbers = items(value)
    ints = set(map(type, numbers)) <= {int}
    if not ints or (numbers and not low <= min(numbers) <= max(numbers) <= high):
        each(numbers, lambda number: whole(number, low, high))
    return array(typecode, numbers)


def _check_parents(parents: array[int]) -> None:
    """A parent stands before its children: this is also why there are no cycles."""
    before = list(map(operator.lt, parents, range(len(parents))))
    if not all(before):
        row = before.index(False)
        raise Refused(f"call {parents[row]} cannot be the parent of call {row}", f"parent[{row}]")
