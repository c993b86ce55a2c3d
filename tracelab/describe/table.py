"""Interned rows: equal keys give the same number."""

from __future__ import annotations

from itertools import count
from typing import Any, Generic, TypeVar

Row = TypeVar("Row")


class Table(Generic[Row]):
    """Rows by number, and numbers by key.

    Threads append without a lock: `next(count)` and a dictionary store are atomic.  Two threads that meet
    the same new key at the same moment may store the row twice, which costs a row and nothing else.
    """

    def __init__(self) -> None:
        self.numbers: dict[Any, int] = {}
        self.rows: dict[int, Row] = {}
        self._next = count()

    def add(self, key: Any, row: Row) -> int:
        """Store a new row under `key` and return its number."""
        number = next(self._next)
        self.rows[number] = row
        self.numbers[key] = number
        return number

    def under(self, key: Any, row: Row) -> int:
        """The number of what is stored under `key`: `row`, if nothing is yet."""
        known = self.numbers.get(key)
        return self.add(key, row) if known is None else known

    def number(self, row: Row) -> int:
        """The number of a row that is its own key."""
        known = self.numbers.get(row)
        return self.add(row, row) if known is None else known

    def listed(self, missing: Row) -> list[Row]:
        """All rows by number; `missing` stands for one that another thread is just storing."""
        rows = dict(self.rows)
        return [rows.get(number, missing) for number in range(max(rows, default=-1) + 1)]
