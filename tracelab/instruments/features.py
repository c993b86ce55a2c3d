"""The rows that a collator is given, read without asking them anything: columns, lengths, what does not fit.

A row is a dict or a `BatchEncoding`, a column one of its keys.  Only the library's own plain containers are
looked into (a dict, the dict inside a `BatchEncoding`, lists and tuples, tensors and arrays of the usual
classes); a class of the user's is not asked for its length, its rows are then counted and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..describe import home, instance_dict, mro_of, named, sizes_of

Row = dict[str, Any]

MAX_ROWS = 64
"""So many rows are described one by one."""

MAX_NESTED = 8
"""No batch has more dimensions than this."""

MAX_LISTS = 10_000
"""So many lists of one value are looked into."""

_FIRST = ("input_ids", "input_features", "input_values", "pixel_values")
_LABELS = ("labels", "label", "label_ids")


def rows_of(features: Any) -> Sequence[Any] | None:
    """The rows of a batch; None where they stand in a container of a class that we do not know."""
    return features if type(features) in (list, tuple) else None


def row_of(feature: Any) -> Row | None:
    """The columns of one row; a key of a class of the user's is none."""
    if type(feature) is dict:
        return named(feature)
    for cls in mro_of(type(feature)):
        if home(cls) == ("collections", "UserDict"):
            data = instance_dict(feature).get("data")
            return named(data) if type(data) is dict else None
    return None


def columns_of(rows: Sequence[Any]) -> tuple[str, ...]:
    """The columns of all rows, in the order in which they come."""
    found: dict[str, None] = {}
    for feature in rows:
        row = row_of(feature)
        found.update(dict.fromkeys(key for key in row or () if type(key) is str))
    return tuple(found)


def main_column(columns: Sequence[str]) -> str | None:
    """The column that the model reads: its rows are the rows that get padded."""
    named = [name for name in _FIRST if name in columns]
    others = (name for name in columns if name not in _LABELS)
    return named[0] if named else next(others, None)


def label_column(columns: Sequence[str]) -> str | None:
    """The column with the labels."""
    return next((name for name in _LABELS if name in columns), None)


def length_of(value: Any) -> int | None:
    """How long a value of a row is; None for a single number or text."""
    if type(value) in (list, tuple):
        return len(value)
    sizes = sizes_of(value)
    return sizes[0] if sizes and type(sizes[0]) is int else None


def lengths_of(rows: Sequence[Any], column: str | None) -> tuple[int, ...] | None:
    """The lengths of a column (None: of the rows themselves), where every row has one."""
    found = [length_of(feature if column is None else value_of(feature, column)) for feature in rows]
    return tuple([length for length in found if length is not None]) if None not in found else None


def value_of(feature: Any, column: str) -> Any:
    """What stands in a column of one row, None if nothing does."""
    row = row_of(feature)
    return None if row is None else row.get(column)


def is_text(value: Any) -> bool:
    """Whether it is text, or a list that begins with text."""
    for _ in range(MAX_NESTED):  # a list may stand in itself
        if type(value) not in (list, tuple) or not value:
            break
        value = value[0]
    return type(value) is str


def shape_in(value: Any) -> tuple[int, ...] | None:
    """The shape of nested lists, a tensor or a number; None where rows inside differ in length.

    Level by level, as far as there are not too many lists: a list may stand in itself, and often.
    """
    if type(value) not in (list, tuple):
        sizes = () if _is_plain(value) else sizes_of(value)
        return tuple([size for size in sizes if type(size) is int])
    shape: tuple[int, ...] = ()
    level = [value]
    while len(level) <= MAX_LISTS and len(shape) < MAX_NESTED:
        lengths = {len(one) if type(one) in (list, tuple) else -1 for one in level}
        if len(lengths) > 1:
            return None
        if lengths <= {0, -1}:
            return shape if -1 in lengths else (*shape, 0)
        shape = (*shape, *lengths)
        if len(level) * shape[-1] > MAX_LISTS and type(level[0][0]) not in (list, tuple):
            return shape  # the numbers themselves
        level = [item for one in level for item in one[:MAX_LISTS]]
    return shape


def _is_plain(value: Any) -> bool:
    return type(value) in (int, float, bool, str, type(None))
