"""A `torch.Size` is a shape: its numbers are kept, as those of a tensor are, where no other number is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..values import ScalarSpec, Spec
from .containers import MAX_ITEMS
from .keys import Make, make_container
from .table import Table

SIZE = "torch", "Size"


def size_reader(
    keys: Table[tuple[Make, Any]], ready: Callable[[Spec], int]
) -> Callable[[Any, int, Any], int]:
    """What gives the number of a size; `ready`: the number of a spec."""

    def size(value: Any, depth: int, left: Any) -> int:
        shown = tuple.__getitem__(value, slice(MAX_ITEMS))
        numbers = [
            # A symbolic size has no number: asking for one would fix it.
            ready(ScalarSpec("int", one, True) if type(one) is int else ScalarSpec(type(one).__name__))
            for one in shown
        ]
        key = ("Size", tuple.__len__(value), *range(len(numbers)), *numbers)
        return keys.under(key, (make_container, key))

    return size
