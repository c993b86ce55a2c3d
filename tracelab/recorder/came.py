"""What the number in a row that is no entry stands for: a value, an error, a fact."""

from __future__ import annotations

from collections.abc import Mapping

from ..describe import Describer
from ..events import FACT, UNKNOWN
from ..forms import FACT_NUMBER, NOTHING, Meaning, error


def came(describer: Describer, errors: Mapping[int, str], code: int, number: int) -> Meaning:
    """The meaning of `number` under `code`; `errors`: the rows of their table."""
    if number == UNKNOWN:
        return Meaning(NOTHING, ())
    if code == FACT:
        return Meaning(FACT_NUMBER, (number,))
    if code & 1:
        return Meaning(error(errors[number]), ())
    return describer.came(number)


def settle(describer: Describer, rows: list[int]) -> None:
    """Make every number in the rows of a lane that has no blocks one of the tables'."""
    whole = len(rows) // 3 * 3
    numbers = zip(rows[0:whole:3], rows[1:whole:3], strict=True)
    rows[1:whole:3] = [
        describer.settled_call(number) if code >= 0 else describer.settled_value(number)
        for code, number in numbers
    ]
