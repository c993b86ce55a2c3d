"""What one tracer costs on one workload: measured against nothing and against empty hooks in the same rounds.

Nothing that a tracer does ends the measurement.  One that is not installed, that fails, that changes the
result or that takes too long is a cost that says so.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median

import torch

from .measure import Spread, added, deadline, memory_of, once, one_thread, ratios, rounds_of, spread
from .tracers import BY_NAME, Tracer, Watch
from .workloads import Program

BASE = "base"
"""The untraced runs that all others are compared with; those of the row `none` show the noise."""

PATIENCE = 60.0
"""Seconds for one run: nobody waits longer to learn that it is slow."""

FEW = 5
"""Rounds for a tracer that multiplies the run by ten: its second digit is of no interest."""


class ChangedResult(Exception):
    """The program gave something else under a tracer than without one."""


@dataclass(frozen=True)
class Cost:
    """Figures of one tracer on one workload; `trouble` says why there are none, or what they hide."""

    tracer: Tracer
    calls: int
    taken: dict[str, list[float]] = field(default_factory=dict)
    memory: int | None = None
    file: int | None = None
    trouble: str = ""

    @property
    def measured(self) -> bool:
        return bool(self.taken)

    @property
    def rounds(self) -> int:
        return len(self.taken.get(BASE, ()))

    @cached_property
    def ratio(self) -> Spread:
        """How many times as long as the untraced run it takes."""
        return spread(ratios(self.taken, self.tracer.name, BASE))

    @cached_property
    def each(self) -> float:
        """Added microseconds for each module call."""
        return 1e6 * median(added(self.taken, self.tracer.name, BASE)) / self.calls

    @cached_property
    def against_hooks(self) -> float | None:
        """Its added cost in units of what empty hooks add; None where theirs cannot be told from noise."""
        hooks = spread(added(self.taken, "hooks", BASE))
        if hooks.low <= 0:
            return None
        return median(added(self.taken, self.tracer.name, BASE)) / hooks.middle


def watched(program: Program, tracer: Tracer, folder: Path) -> Watch:
    """One run under the tracer; ChangedResult if it gives something else than without."""
    with tracer.enter(program, folder) as watch:
        result = watch.run()
    check(program, result)
    return watch


def check(program: Program, result: object) -> None:
    """What came out untraced must come out traced."""
    if not (isinstance(result, torch.Tensor) and torch.equal(result, program.result)):
        raise ChangedResult


def work_of(program: Program, tracer: Tracer, folder: Path) -> Callable[[], Watch]:
    """The run that is timed, from before the tracer is entered until it is left."""

    def work() -> Watch:
        with tracer.enter(program, folder) as watch:
            watch.run()
        return watch

    return work


def cost_of(program: Program, tracer: Tracer, rounds: int, *, memory: bool = True) -> Cost:
    """Times in alternated rounds, then memory and file size in a run of their own."""
    with one_thread(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as name:
        warnings.simplefilter("ignore")
        folder = Path(name)
        try:
            with deadline(PATIENCE):
                faults = watched(program, tracer, folder).faults
            taken = times(program, tracer, rounds, folder)
        except Exception as error:
            return Cost(tracer, program.calls, trouble=in_a_line(error))
        if not memory or tracer.name in ("none", "hooks"):
            return Cost(tracer, program.calls, taken, trouble=faults)
        try:
            with deadline(PATIENCE):
                kept, file = remains(program, tracer)
        except Exception as error:
            return Cost(tracer, program.calls, taken, trouble=f"memory: {in_a_line(error)}")
        return Cost(tracer, program.calls, taken, kept, file, faults)


def times(program: Program, tracer: Tracer, rounds: int, folder: Path) -> dict[str, list[float]]:
    """CPU seconds of nothing, of empty hooks and of the tracer, round by round."""
    tracers = {BASE: BY_NAME["none"], "hooks": BY_NAME["hooks"], tracer.name: tracer}
    works = {name: work_of(program, one, folder) for name, one in tracers.items()}
    first = {name: once(work) for name, work in works.items()}
    if first[tracer.name] > 10 * first[BASE]:
        rounds = min(rounds, FEW)
    return rounds_of(works, rounds, quiet=tracer.quiet)


def remains(program: Program, tracer: Tracer) -> tuple[int, int | None]:
    """Bytes of Python objects that are kept after the run, and bytes in files if there are any."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory = memory_of(work_of(program, tracer, folder))
        if memory.left.save is not None:
            memory.left.save(folder / "saved")
        return memory.kept, sum(path.stat().st_size for path in folder.iterdir()) or None


def in_a_line(error: Exception) -> str:
    """The type of an exception, and the beginning of what it says."""
    if isinstance(error, ModuleNotFoundError):
        return f"not installed ({error.name})"
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:60]}" if words else type(error).__name__
