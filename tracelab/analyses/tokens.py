"""What each step chose among which scores, and which processor changed the choice.

Where values are kept, a call of the list of logits processors holds the highest scores that it was given,
and each processor in it the highest that it gave back (see `instruments/decoding`).
"""

from __future__ import annotations

from collections import Counter

from ..calls import Choice, Choices, Stage, Step, Trace
from .loops import PROCESSORS, Loop, passes
from .options import keeps_values
from .steps import steps

KEPT = 10
"""So many scores of a row are kept."""


def tokens(trace: Trace, k: int = 3) -> Choices:
    """The choices of every decoding loop, in order; `k` of the highest scores at each stage.

    ValueError for a `k` that is not possible, and for a trace that was recorded without values.
    """
    if type(k) is not int or not 1 <= k <= KEPT:
        raise ValueError(f"k={k!r} is not possible; it is a number of scores from 1 to {KEPT}")
    if not keeps_values(trace):
        raise ValueError("tokens() needs scores, and this trace kept none: record with trace(values=True)")
    by_pass = {(step.loop.id, step.index): step for step in steps(trace) if step.loop}
    found = Choices()
    for loop in passes(trace).loops.values():
        seen: Counter[int] = Counter()
        for row, index in loop.helpers.get(PROCESSORS, ()):
            step = by_pass.get((loop.row, index))
            if step is not None:
                found += _choices(trace, loop, step, row, seen[index], k)
                seen[index] += 1
    return found


def _choices(trace: Trace, loop: Loop, step: Step, row: int, position: int, k: int) -> list[Choice]:
    columns = trace.columns
    before = columns.facts.get(row, {}).get("scores", ())
    below = [
        (columns.sites[columns.site[child]].owner, columns.facts[child]["scores"])
        for child in columns.children_of(row)
        if "scores" in columns.facts.get(child, {})
    ]
    return [
        Choice(
            step=step,
            row=number,
            position=position,
            chosen=_chosen(step, number, position),
            before=best[:k],
            stages=tuple(Stage(owner, scores[number][:k]) for owner, scores in below),
            changed_by=_changes(best, [(owner, scores[number]) for owner, scores in below]),
        )
        for number, best in enumerate(before)
    ]


def _chosen(step: Step, row: int, position: int) -> int | None:
    if step.chosen is None or row >= len(step.chosen) or position >= len(step.chosen[row]):
        return None
    return step.chosen[row][position]


def _changes(
    best: tuple[tuple[int, float], ...], stages: list[tuple[str, tuple[tuple[int, float], ...]]]
) -> tuple[str, ...]:
    changed, top = [], best[:1]
    for owner, scores in stages:
        if scores[:1] and top and scores[0][0] != top[0][0]:
            changed.append(owner)
        top = scores[:1]
    return tuple(changed)
