"""Blocks as they stand in a file: numbers of templates, what their variables mean, and the clocks.

    {"events": 8190, "templates": [3, 3, ...], "kinds": [3],
     "variables": [[0, 4, [7, 1, 0]]], "series": [[5, 1, 63]],
     "loose": [[], [], []], "first": 81200, "gaps": "I:eNp..."}

`templates`: the number of the template of each segment, -1 for a stretch of events without one.  `kinds`: the
different ones, and `variables`: for each of them what its variables mean.  One number: the same meaning in
all instances.  A list: a meaning with zeros at the sizes that move, then for each of those its position and
its series.  A series is a list of runs (first, delta, count) or, as a text, the numbers themselves.
`loose`: how many events in each stretch, their codes, their meanings.  Clocks are counted from the beginning
of the trace; with `"summary": true` only those at the top of each instance are there.
"""

from __future__ import annotations

from operator import sub
from typing import Any

from ..packing import LOOSE, Block, Tables, Tail
from ..packing.block import Variable
from ..packing.series import Series
from . import ints
from .ints import Ints
from .ledger import Ledger, Translation


def encode(block: Block, tables: Tables, ledger: Ledger, began: int) -> dict[str, Any]:
    """A block as an object; what it refers to is entered in the ledger."""
    numbers = {number: ledger.template(tables.templates[number]) for number in block.kinds}
    numbers[-1] = -1
    meanings = ledger.meanings_of(tables)
    series = Shared()
    found = {
        "events": block.events,
        "templates": ints.encode([numbers[number] for number in block.templates]),
        "kinds": [numbers[number] for number in block.kinds],
        "variables": [
            [_variable(variable, meanings, series) for variable in variables] for variables in block.variables
        ],
        "series": series.rows,
        "loose": [
            ints.encode(block.loose_sizes),
            ints.encode(block.loose_codes),
            ints.encode(map(meanings.__getitem__, block.loose_meanings)),
        ],
        "first": block.first - began if block.events else 0,
        "gaps": ints.encode(block.gaps),
    }
    if block.summary:
        found["summary"] = True
    return found


def encode_tail(rest: Tail, ledger: Ledger, began: int) -> dict[str, Any]:
    """Events that are not packed yet, as a block in which all are loose; there must be one."""
    different = {id(meaning): meaning for meaning in rest.meanings}
    numbers = {key: ledger.meaning(meaning) for key, meaning in different.items()}
    return {
        "events": len(rest.codes),
        "templates": [LOOSE],
        "kinds": [],
        "variables": [],
        "series": [],
        "loose": [
            [len(rest.codes)],
            ints.encode(rest.codes),
            ints.encode([numbers[id(meaning)] for meaning in rest.meanings]),
        ],
        "first": rest.clocks[0] - began,
        "gaps": ints.encode(map(sub, rest.clocks[1:], rest.clocks)),
    }


class Shared:
    """The series of one block: those that several variables have are written once."""

    def __init__(self) -> None:
        self.rows: list[Ints] = []
        self._numbers: dict[int, int] = {}

    def number(self, series: Series) -> int:
        """Where a series stands; equal ones are the same object."""
        number = self._numbers.get(id(series))
        if number is None:
            number = self._numbers[id(series)] = len(self.rows)
            self.rows.append(list(series) if isinstance(series, tuple) else ints.text(series))
        return number


def _variable(variable: Variable, meanings: Translation, series: Shared) -> int | list[int]:
    if isinstance(variable, int):
        return meanings[variable]
    base, *moving = variable
    pairs = zip(moving[::2], moving[1::2], strict=True)
    return [meanings[base], *[number for at, values in pairs for number in (at, series.number(values))]]
