"""Where the time of a training step went: nanoseconds of its calls, added up by phase.

A loss inside a forward counts as loss, what a closure runs inside an optimizer as forward and backward, and
evaluations not at all.  A step that was seen at its end only (`late`) lasted since the call beside it ended.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from ..calls import Columns
from .training import (
    BACKWARD,
    CLIP,
    FORWARD,
    LOSS,
    OPTIMIZER,
    SCALER,
    SCHEDULER,
    WORTH,
    ZERO,
    Stretch,
    rows_above,
)

PHASES = ("forward", "loss", "backward", "clip", "optimizer", "scheduler", "zero_grad")
"""The names of the times of a step."""

_NAMES = {
    FORWARD: "forward",
    LOSS: "loss",
    BACKWARD: "backward",
    CLIP: "clip",
    SCHEDULER: "scheduler",
    ZERO: "zero_grad",
}


def times_of(columns: Columns, stretch: Stretch) -> dict[str, float]:
    """Seconds in each phase that was seen."""
    took, total = columns.duration, Counter[str]()
    trained, evaluated = set(stretch.trained), set(stretch.evaluated)
    optimizers = set(stretch.of(OPTIMIZER))
    for role, row in stretch.rows:
        above = set(rows_above(columns, row))
        if role == WORTH or above & evaluated or (role == FORWARD and row not in trained):
            continue
        if role in (OPTIMIZER, SCALER):
            total["optimizer"] += _optimizing(columns, stretch, role, row)
            continue
        total[_NAMES[role]] += took[row]
        if above & trained:
            total["forward"] -= took[row]  # a loss inside of it
        elif above & optimizers:
            total["optimizer"] -= took[row]  # what a closure runs
    return {name: total[name] / 1e9 for name in PHASES if name in total}


def runs_closure(columns: Columns, stretch: Stretch) -> bool:
    """Whether an optimizer made forwards itself, by its closure."""
    optimizers = set(stretch.of(OPTIMIZER))
    return any(optimizers & set(rows_above(columns, row)) for row in stretch.trained)


def _optimizing(columns: Columns, stretch: Stretch, role: int, row: int) -> int:
    """Nanoseconds of an optimizer, or of a scaler without the optimizer in it."""
    inside = [one for one in stretch.of(OPTIMIZER) if row in rows_above(columns, one)]
    if role == SCALER and inside:
        return columns.duration[row] - sum(columns.duration[one] for one in inside)
    if not columns.facts.get(row, {}).get("late"):
        return columns.duration[row]
    beside = columns.children_of(columns.parent[row])
    place = bisect_left(beside, row)
    if not place:
        return columns.duration[row]
    before = beside[place - 1]
    return max(
        columns.start[row] + columns.duration[row] - columns.start[before] - columns.duration[before], 0
    )
