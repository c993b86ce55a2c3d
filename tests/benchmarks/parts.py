"""What each part of a trace costs, found by leaving it out; all variants run in the same rounds."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import tracelab

from .costs import work_of
from .measure import Spread, Work, added, one_thread, rounds_of, spread
from .tracers import BY_NAME, OPTIONS, Tracer, ours
from .workloads import Program


@dataclass(frozen=True)
class Part:
    """A variant of the default trace, and what it shows."""

    title: str
    tracer: Tracer


WHOLE = Part("the whole default trace", BY_NAME["default"])

VARIANTS = (
    WHOLE,
    Part("without the first read", Tracer("unread", "", ours(read=False))),
    *(
        Part(title, Tracer(name, "", ours(read=False, **options)))
        for name, title, options in (
            ("unshaped", "without the first read and the shapes, `shapes=False`", {"shapes": False}),
            (
                "summarised",
                'without the first read and each call\'s time, `times="summary"`',
                {"times": "summary"},
            ),
            ("shallow", "nothing but passing through, `depth=1`", {"depth": 1}),
        )
        if set(options) <= OPTIONS
    ),
    Part("empty torch hooks", BY_NAME["hooks"]),
)


@dataclass(frozen=True)
class Parts:
    """Added seconds of each variant, round by round; and two figures that need no program."""

    calls: int
    untraced: float
    added: dict[str, list[float]]
    empty: Spread
    clock: float

    def each(self, part: Part) -> Spread:
        """Added microseconds for each module call."""
        return Spread(*(1e6 * seconds / self.calls for seconds in spread(self.added[part.title])))


def parts_of(program: Program, rounds: int) -> Parts:
    """Measure them all on one program."""
    with one_thread(), tempfile.TemporaryDirectory() as folder:
        works: dict[str, Work] = {"none": work_of(program, BY_NAME["none"], Path(folder))}
        works.update({part.title: work_of(program, part.tracer, Path(folder)) for part in VARIANTS})
        for work in works.values():
            work()
        taken = rounds_of(works, rounds)
    found = {part.title: added(taken, part.title, "none") for part in VARIANTS}
    return Parts(program.calls, median(taken["none"]), found, empty_block(rounds), clock())


def empty_block(rounds: int) -> Spread:
    """CPU seconds of a trace of nothing: what is patched, and taken out again."""
    return spread(rounds_of({"empty": nothing_traced}, rounds)["empty"])


def nothing_traced() -> tracelab.Trace:
    with tracelab.trace() as trace:
        pass
    return trace


def clock(reads: int = 100_000) -> float:
    """CPU seconds of one read of the clock, the loop around it included: a call needs two."""
    read = time.perf_counter_ns
    began = time.process_time()
    for _ in range(reads):
        read()
    return (time.process_time() - began) / reads
