"""Which calls make up which training step, read from the order of calls in each thread.

A training step is everything from a forward of a model to the step of the optimizer that uses its gradients:

    forward [loss] backward  forward [loss] backward  [clip] optimizer  [scheduler] [zero_grad]
    `------ a part ------'  `------ a part ------'                     `- of the step before -'

Between two optimizer steps the forwards are cut at each backward into parts (gradient accumulation has
several).  Not every forward before a backward is a part of training: an evaluation may stand there, or a
model that is asked under `no_grad`.  Under `Trainer.evaluate` and the like it is one for sure, under
`training_step` it is none.  Elsewhere the lines that made the calls decide: a line belongs to training as
often as it comes in every part of that kind, the others are evaluations.

* `LBFGS` calls model and backward inside of its step; the step is over when the optimizer returns.
* An optimizer that follows another one at once shares its step (two optimizers, one loss).
* A `GradScaler.step` in which no optimizer ran ends a step too, one that was skipped.
* A program that never calls an optimizer (`p -= lr * p.grad`) has a step for each backward.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..calls import Columns, Trace
from ..events import UNKNOWN, Site
from .loops import LOOPS

FORWARD, LOSS, BACKWARD, CLIP, OPTIMIZER, SCALER, SCHEDULER, ZERO, WORTH = range(9)
"""What a call is in training; `WORTH`: one that knows a loss or a batch."""

EVALUATIONS = frozenset({"prediction_step", "evaluate", "predict"})
TRAININGS = frozenset({"training_step"})
_LOSSES = "torch/nn/modules/loss.py"
_WORTH = frozenset({"compute_loss", "training_step", "prediction_step", "scale", "backward"})
_ACCELERATED = "AcceleratedOptimizer"

Row = tuple[int, int]
"""What a call is, and its row."""


@dataclass(slots=True)
class Part:
    """Forwards and the backward behind them."""

    forwards: list[int]
    backwards: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Stretch:
    """What happened in one thread up to the end of an optimizer step, and behind it up to the next forward.

    `ender`: the row of the optimizer or scaler, None where there was none any more.
    `trained`: the forwards of the step; `evaluated`: the other ones.
    """

    rows: list[Row] = field(default_factory=list)
    ender: int | None = None
    skipped: bool = False
    trained: list[int] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, role: int, row: int) -> None:
        """One more call."""
        self.rows.append((role, row))
        self.seen.add(role)

    def of(self, *roles: int) -> list[int]:
        """The rows that are one of these."""
        return [row for role, row in self.rows if role in roles]

    def parts(self) -> list[Part]:
        """The forwards up to each backward; a second backward of the same forwards joins the first."""
        found: list[Part] = []
        waiting: list[int] = []
        for role, row in self.rows:
            if role == FORWARD:
                waiting.append(row)
            elif role == BACKWARD and (waiting or not found):
                found.append(Part(waiting, [row]))
                waiting = []
            elif role == BACKWARD:
                found[-1].backwards.append(row)
        return found


class Scan:
    """Finds the stretches of a trace; `above` climbs from a row."""

    def __init__(self, trace: Trace) -> None:
        self._columns = columns = trace.columns
        self._roles = [_role(site) for site in columns.sites]
        self.stretches: list[Stretch] = []
        sites = [site.kind in ("backward", "optimizer") for site in columns.sites]
        evaluated = any(site.function in EVALUATIONS and _worth(site) for site in columns.sites)
        if any(sites) or evaluated:
            for rows in self._threads():
                self.stretches += self._cut(rows)
            self._choose()

    def _threads(self) -> list[list[Row]]:
        columns, found = self._columns, dict[int, list[Row]]()
        for row in columns.rows_at([role is not None for role in self._roles]):
            role = self._roles[columns.site[row]]
            if role is not None and self._counts(row, role):
                found.setdefault(columns.thread[row], []).append((role, row))
        return list(found.values())

    def _counts(self, row: int, role: int) -> bool:
        """Whether a call is one of the training loop's, and not of something that has a role itself."""
        if role in (OPTIMIZER, SCALER, WORTH):
            return True
        for site in self._sites_above(row):
            if site.during is not None or site.kind == "backward":
                return False
            if site.kind == "module" and role != LOSS:
                return False
            if site.function == "generate" or site.function in LOOPS:
                return False
            if _role(site) == role and role not in (FORWARD, OPTIMIZER):
                return False
        return self._columns.sites[self._columns.site[row]].during is None

    def _sites_above(self, row: int) -> Iterator[Site]:
        for above in rows_above(self._columns, row):
            yield self._columns.sites[self._columns.site[above]]

    # --- cutting --------------------------------------------------------------------------------

    def _cut(self, rows: list[Row]) -> list[Stretch]:
        """The stretches of one thread."""
        cutter = Cutter()
        open: list[Row] = []
        for role, row in rows:
            above = set(rows_above(self._columns, row))
            while open and open[-1][1] not in above:
                cutter.close(*open.pop())
            if role in (OPTIMIZER, SCALER):
                open.append((role, row))
            else:
                cutter.take(role, row)
        while open:
            cutter.close(*open.pop())
        return cutter.finish()

    # --- which forwards are trained -------------------------------------------------------------

    def _choose(self) -> None:
        kinds: dict[object, list[Part]] = {}
        of_stretch = [stretch.parts() for stretch in self.stretches]
        for parts in of_stretch:
            for part in parts:
                part.forwards = [row for row in part.forwards if not self._is_evaluation(row)]
                if part.forwards:
                    kinds.setdefault(self._line(part.forwards[-1]), []).append(part)
        for same in kinds.values():
            self._keep_common(same)
        for stretch, parts in zip(self.stretches, of_stretch, strict=True):
            stretch.trained = [row for part in parts for row in part.forwards]
            known = set(stretch.trained)
            stretch.evaluated = [row for row in stretch.of(FORWARD) if row not in known]

    def _keep_common(self, parts: list[Part]) -> None:
        """Keep of each line as many forwards as every part has of it, the last ones."""
        counted = [Counter(map(self._line, part.forwards)) for part in parts]
        common = counted[0]
        for counts in counted[1:]:
            common &= counts
        if len(parts) == 1:  # nothing to compare with: a line that comes again and again is a loop of its own
            last = self._line(parts[0].forwards[-1])
            common = Counter({line: n for line, n in common.items() if n == 1 or line == last})
        for part in parts:
            left = Counter(common)
            kept = []
            for row in reversed(part.forwards):
                if left[self._line(row)] > 0 or self._is_training(row):
                    left[self._line(row)] -= 1
                    kept.append(row)
            part.forwards = kept[::-1]

    def _line(self, row: int) -> tuple[int, int]:
        return self._columns.site[row], self._columns.place[row]

    def _is_evaluation(self, row: int) -> bool:
        return any(site.function in EVALUATIONS and _worth(site) for site in self._sites_above(row))

    def _is_training(self, row: int) -> bool:
        return any(site.function in TRAININGS and _worth(site) for site in self._sites_above(row))


class Cutter:
    """Cuts the calls of one thread into stretches as they come."""

    def __init__(self) -> None:
        self.done: list[Stretch] = []
        self.now = Stretch()
        self._between: list[Row] = []
        self._zero_first: bool | None = None

    def take(self, role: int, row: int) -> None:
        """A call that is neither an optimizer nor a scaler."""
        if role == FORWARD and self._zero_first is None:
            self._zero_first = any(role == ZERO for role, _ in self._between)
        if role in (SCHEDULER, ZERO, WORTH) and not self.now.seen & {FORWARD, BACKWARD}:
            self._between.append((role, row))
            return
        self._settle()
        self.now.add(role, row)

    def close(self, role: int, row: int) -> None:
        """The step of an optimizer, or of a scaler, is over."""
        if role == SCALER and self.done and row < (self.done[-1].ender or 0):
            self.done[-1].add(role, row)  # its optimizer ran below it
        elif BACKWARD in self.now.seen:
            self.now.add(role, row)
            self.now.ender, self.now.skipped = row, role == SCALER
            self.done.append(self.now)
            self.now = Stretch()
        elif self.done and FORWARD not in self.now.seen:
            self.done[-1].add(role, row)
            if role == OPTIMIZER:
                self.done[-1].ender = row
        else:
            self.now.add(role, row)

    def finish(self) -> list[Stretch]:
        """All stretches; in a thread without any optimizer each backward ends one."""
        self._settle(last=True)
        if self.now.seen & {FORWARD, BACKWARD}:
            self.done.append(self.now)
        if any(stretch.ender is not None for stretch in self.done):
            return self.done
        return [piece for stretch in self.done for piece in _pieces(stretch)]

    def _settle(self, last: bool = False) -> None:
        """Give what came behind an optimizer to its step, or to the next one."""
        for role, row in self._between:
            later = role == WORTH or (role == ZERO and self._zero_first)
            if self.done and (not later or last):
                self.done[-1].add(role, row)
            else:
                self.now.add(role, row)
        self._between = []


def _pieces(stretch: Stretch) -> Iterator[Stretch]:
    now, behind = Stretch(), False
    for role, row in stretch.rows:
        if behind and role == FORWARD:
            yield now
            now, behind = Stretch(), False
        now.add(role, row)
        behind = behind or role == BACKWARD
    yield now


def rows_above(columns: Columns, row: int) -> Iterator[int]:
    """The rows of the calls above a call, nearest first."""
    above = columns.parent[row]
    while above != UNKNOWN:
        yield above
        above = columns.parent[above]


def stretches(trace: Trace) -> list[Stretch]:
    """The stretches of every thread; found once and kept with the trace."""
    found: list[Stretch] = trace.memo("training", lambda: Scan(trace).stretches)
    return found


def _worth(site: Site) -> bool:
    """Whether it is a method of a `Trainer`, an accelerator or a scaler: of nothing that has a path."""
    return site.kind == "method" and site.path is None


def _role(site: Site) -> int | None:
    if site.kind == "module":
        if (site.file or "").endswith(_LOSSES):
            return LOSS
        return FORWARD if site.path == "" and site.during is None else None
    if site.kind == "optimizer":
        return None if site.defined_in == _ACCELERATED else OPTIMIZER
    if site.kind in ("loss", "backward"):
        return LOSS if site.kind == "loss" else BACKWARD
    if site.function == "zero_grad":
        return ZERO
    if site.function.startswith("clip_grad_"):
        return CLIP
    if site.function == "step" and _worth(site):
        return SCALER if site.defined_in == "GradScaler" else SCHEDULER
    return WORTH if site.function in _WORTH and _worth(site) else None
