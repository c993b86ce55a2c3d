"""How often a number stands in a tensor or array, and how long a row is, for facts about batches.

Padding is a count of zeros in an attention mask, ignored labels a count of -100.  The rules of `contents`
hold: None where one must not look.  Arrays of numpy are looked at only where their class is numpy's own.
"""

from __future__ import annotations

import sys
from typing import Any

from ..values import Dim
from .contents import looked_at
from .tensors import array_spec, shape_of


def how_many(value: Any, number: int, *, waits: bool) -> int | None:
    """How many elements of a tensor or array are `number`."""
    if is_array(value):
        return int((value == number).sum()) if value.dtype.kind in "biuf" else None
    return looked_at(value, lambda tensor: int((tensor == number).sum()), waits=waits)


def sizes_of(value: Any) -> tuple[Dim, ...]:
    """The shape of a tensor or array; `()` for anything else."""
    if is_array(value):
        return array_spec(value).shape
    return shape_of(value) if "torch" in sys.modules else ()


def is_array(value: Any) -> bool:
    """Whether it is an array of numpy's own class."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is numpy.ndarray
