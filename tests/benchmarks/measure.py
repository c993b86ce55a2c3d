"""Comparing costs on a machine that is never quiet.

A single time says little: the clock speed drifts, neighbours come and go.  So variants are run in turn,
the order changes each round, and only differences inside one round are compared; the median of those is
the figure.  CPU time of this process is counted, and the garbage collector starts each run empty (it stays
on: what a tracer allocates must be paid for).
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from statistics import median

Context = Callable[[], AbstractContextManager[object]]


def rounds_of(
    work: Callable[[], object], variants: Mapping[str, Context], rounds: int
) -> dict[str, list[float]]:
    """CPU seconds of `work` inside each variant's context, entry and exit included; one figure a round."""
    names = list(variants)
    for name in names:
        once(work, variants[name])  # whatever happens only once
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            taken[name].append(once(work, variants[name]))
    return taken


def once(work: Callable[[], object], context: Context) -> float:
    """CPU seconds of one run."""
    gc.collect()
    began = time.process_time()
    with context():
        work()
    return time.process_time() - began


def added(taken: Mapping[str, list[float]], name: str, base: str) -> float:
    """What variant `name` costs more than `base`: the median of the differences of each round."""
    return median(one - other for one, other in zip(taken[name], taken[base], strict=True))
