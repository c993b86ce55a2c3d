"""What stands in a tensor, for facts: which rows are true, the last ids, the highest scores.

A spec says what a value is; an instrument sometimes needs to know what is in it.  It asks here, and is told
None where looking is not allowed: at a tensor of a class or under a mode of the host's, which would notice,
inside a transform, and on an accelerator, where the host would have to wait for the answer.  There one looks
only where values are kept (`waits`), since then every small tensor is read anyway.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from .tensors import is_readable

Answer = TypeVar("Answer")

Best = tuple[tuple[int, float], ...]
"""The highest scores of one row, with the ids that have them, the highest first."""

MAX_ROWS = 64
"""Rows beyond these are not looked at."""


def looked_at(tensor: Any, look: Callable[[Any], Answer], *, waits: bool) -> Answer | None:
    """What `look` says of a tensor; None where one must not look, or where `look` raises."""
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return None
    try:
        with torch._C.DisableTorchFunction():
            if not is_readable(tensor) or not (waits or tensor.is_cpu):
                return None
            return look(tensor.detach() if tensor.requires_grad else tensor)
    except Exception:
        return None  # a layout, or a transform of the host, that forbids it


def true_rows(tensor: Any, *, waits: bool) -> tuple[int, ...] | None:
    """The positions of what is true in a tensor of one dimension."""
    return looked_at(tensor, _true, waits=waits)


def _true(flags: Any) -> tuple[int, ...]:
    said = flags.tolist()
    return tuple([row for row, flag in enumerate(said) if flag]) if True in said else ()


def last_ids(ids: Any, number: int) -> tuple[tuple[int, ...], ...] | None:
    """The last `number` ids of each row of a tensor `[B, T]`."""
    return looked_at(ids, lambda t: tuple(map(tuple, t[:MAX_ROWS, -number:].tolist())), waits=True)


def best(scores: Any, number: int) -> tuple[Best, ...] | None:
    """The `number` highest scores of each row of a tensor `[B, V]`."""

    def look(rows: Any) -> tuple[Best, ...]:
        highest = rows[:MAX_ROWS].topk(min(number, rows.shape[-1]), dim=-1)
        return tuple(
            tuple(zip(ids, values, strict=True))
            for ids, values in zip(highest.indices.tolist(), highest.values.tolist(), strict=True)
        )

    return looked_at(scores, look, waits=True)
