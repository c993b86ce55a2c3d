"""Comparing costs on a machine that is never quiet.

A single time says little: the clock speed drifts, neighbours come and go.  So variants are run in turn,
the order changes each round, and only runs of one round are compared; the median of those is the figure,
the quartiles are its spread.  CPU time of this process is counted, on one torch thread.

The garbage collector is emptied before each run and then **quiet**: a collection falls into whichever run
happens to cross its threshold, and walks the model and the libraries too, so it is noise here.  What a
tracer allocates does make collections more frequent: `quiet=False` measures that.
"""

from __future__ import annotations

import gc
import signal
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any, NamedTuple

import torch

Work = Callable[[], object]


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    low: float
    middle: float
    high: float


def spread(figures: list[float]) -> Spread:
    """The quartiles; of a single figure, that figure."""
    if len(figures) == 1:
        return Spread(figures[0], figures[0], figures[0])
    low, middle, high = quantiles(figures, n=4, method="inclusive")
    return Spread(low, middle, high)


def rounds_of(works: Mapping[str, Work], rounds: int, *, quiet: bool = True) -> dict[str, list[float]]:
    """CPU seconds of each work, one figure a round; each has run once already, for what happens only once."""
    names = list(works)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number // 2 % len(names)
        order = names[turn:] + names[:turn]
        # There and back again, so that nobody always runs behind the same neighbour.
        for name in order if number % 2 == 0 else reversed(order):
            taken[name].append(once(works[name], quiet=quiet))
    return taken


def once(work: Work, *, quiet: bool = True) -> float:
    """CPU seconds of one run.  What it returns is freed after the clock has stopped."""
    gc.collect()
    if quiet:
        gc.disable()
    try:
        began = time.process_time()
        left = work()
        taken = time.process_time() - began
    finally:
        gc.enable()
    del left
    return taken


def added(taken: Mapping[str, list[float]], name: str, base: str) -> list[float]:
    """What `name` costs more than `base`, round by round."""
    return [one - other for one, other in zip(taken[name], taken[base], strict=True)]


def ratios(taken: Mapping[str, list[float]], name: str, base: str) -> list[float]:
    """How many times as long as `base` it takes, round by round."""
    return [one / other for one, other in zip(taken[name], taken[base], strict=True)]


def added_ratio(taken: Mapping[str, list[float]], name: str, unit: str, base: str) -> float:
    """The added cost of `name` in units of the added cost of `unit`."""
    return median(added(taken, name, base)) / median(added(taken, unit, base))


class Memory(NamedTuple):
    """Bytes of Python objects: when the work was over, and at its highest; and what the work left."""

    kept: int
    peak: int
    left: Any


def memory_of(work: Callable[[], Any]) -> Memory:
    """Memory that the work's result holds on to.  Tracking costs time, so this is a run of its own."""
    gc.collect()
    tracemalloc.start()
    try:
        left = work()
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return Memory(kept, peak, left)


@contextmanager
def one_thread() -> Iterator[None]:
    """No thread pool: its threads spin while they wait, and that would count as CPU time of the variant."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer; where the system has no alarm, nothing."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(number: int, where: object) -> None:
        raise TimeoutError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
