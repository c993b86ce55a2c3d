"""The steps of training and evaluation: one row for each optimizer step, one for each batch evaluated.

    train   all from the forward to the optimizer step that uses its gradients
    eval    one forward of a model that is trained in this trace, or that a `Trainer` evaluates

`call` is the first forward of a model that the optimizer holds, `duration` the time from the first forward
to the end of the optimizer.  The times by phase are sums over the calls of each; those of `forward` are
without the loss inside it, those of an optimizer without what its closure ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..calls import Call, Step, Trace, made_by_autograd
from ..values import ContainerSpec, TensorSpec
from .encoding import main_input
from .phasetimes import runs_closure, times_of
from .training import (
    BACKWARD,
    CLIP,
    EVALUATIONS,
    FORWARD,
    LOSS,
    OPTIMIZER,
    SCALER,
    TRAININGS,
    WORTH,
    Stretch,
    rows_above,
    stretches,
)

TRAIN, EVAL = "train", "eval"


def training_steps(trace: Trace) -> list[Step]:
    """The steps of training and evaluation, in start order; the index begins at 0 for each of the two."""
    found = stretches(trace)
    roots = {trace.columns.sites[trace.columns.site[row]].root for one in found for row in one.trained}
    reader = _Reader(trace, roots)
    made = [step for stretch in found for step in reader.steps_of(stretch)]
    made.sort(key=lambda step: step.call.id)
    made = list(_with_collated(trace, made))
    return _numbered(list(_accumulating(made)))


class _Reader:
    """Reads the steps of stretches; `roots` are the models that are trained."""

    def __init__(self, trace: Trace, roots: set[str | None]) -> None:
        self._trace, self._columns, self._roots = trace, trace.columns, roots
        self._has_optimizer = any(one.ender is not None for one in stretches(trace))
        self._again = made_by_autograd(trace.columns)

    def steps_of(self, stretch: Stretch) -> list[Step]:
        """The step of a stretch, if it trained something, and the evaluations in it."""
        ended = self._ended(stretch)
        evaluated = list(stretch.evaluated)
        if ended and not stretch.trained and evaluated and not self._is_evaluation(evaluated[-1]):
            stretch.trained = [evaluated.pop()]  # a forward that failed, or whose backward never came
        found = [step for row in evaluated for step in self._evaluation(stretch, row)]
        return [*found, self._training(stretch, ended)] if stretch.trained else found

    # --- training -------------------------------------------------------------------------------

    def _training(self, stretch: Stretch, ended: str | None) -> Step:
        call = Call(self._trace, self._model(stretch))
        facts = self._optimizer_facts(stretch)
        facts.update(self._batch_facts(stretch, stretch.trained))
        number = sum(bool(part.forwards) for part in stretch.parts())
        over = max(facts.pop("accumulates", 0), number)
        if runs_closure(self._columns, stretch):
            facts["closure"] = number
        elif over > 1:
            facts["accumulated"] = (number, over)
        again = self._below(self._again, stretch.of(BACKWARD))
        if again:
            facts["recomputed"] = again
        if stretch.skipped:
            facts["skipped"] = True
        if ended:
            facts["ended"] = ended
        times = times_of(self._trace.columns, stretch)
        # Where a backward failed nothing comes behind it; else the step ends with its optimizer.
        last = stretch.ender if stretch.ender is not None else max(stretch.trained + stretch.of(BACKWARD))
        begin = min(self._columns.start[row] for row in stretch.trained)
        stop = max(self._end(row) for row in (last, *stretch.trained))
        return replace(self._step(TRAIN, call, stretch, facts, stop - begin), times=times)

    def _model(self, stretch: Stretch) -> int:
        """The first forward of a model that the optimizer holds, else of any."""
        held = {name for row in stretch.of(OPTIMIZER) for name in self._facts(row).get("models", ())}
        roots = [self._columns.sites[self._columns.site[row]].root for row in stretch.trained]
        for row, root in zip(stretch.trained, roots, strict=True):
            if root in held:
                return row
        return stretch.trained[0]

    def _optimizer_facts(self, stretch: Stretch) -> dict[str, Any]:
        rows = stretch.of(OPTIMIZER)
        if not rows:
            return {}
        known = self._facts(rows[0])
        found: dict[str, Any] = {
            name: known[name] for name in ("grad_norm", "learning_rate") if name in known
        }
        missing = [name for row in rows for name in self._facts(row).get("without_gradient", ())]
        if missing:
            found["without_gradient"] = tuple(missing)
        names = tuple(dict.fromkeys(self._columns.sites[self._columns.site[row]].owner for row in rows))
        found["optimizer_class"] = " and ".join(names)
        clipped = [self._facts(row)["norm"] for row in stretch.of(CLIP) if "norm" in self._facts(row)]
        if clipped:
            found["norm_before_clip"] = clipped[-1]
        return found

    def _batch_facts(self, stretch: Stretch, forwards: Sequence[int]) -> dict[str, Any]:
        """Of the batches of some forwards: loss, share of padding, over how many gradients accumulate."""
        found: dict[str, Any] = {}
        losses, shares = [], []
        for row in forwards:
            share = self._share(row)
            shares += [] if share is None else [share]
        for part in stretch.parts():
            known = self._loss_of(stretch, part.forwards, part.backwards, forwards)
            losses += [] if known is None else [known]
        over = max((self._facts(row).get("accumulates", 0) for row in stretch.of(WORTH)), default=0)
        if over:
            found["accumulates"] = over
        if losses:
            found["loss"] = losses[0] if len(losses) == 1 else tuple(losses)
        if shares:
            found["padding_share"] = sum(shares) / len(shares)
        return found

    def _loss_of(
        self, stretch: Stretch, forwards: Sequence[int], backwards: Sequence[int], trained: Sequence[int]
    ) -> float | None:
        """The first loss that is known behind the last forward of a part, up to its backward."""
        wanted = [row for row in forwards if row in trained]
        if not wanted or not backwards:
            return None
        above = {row for one in wanted for row in rows_above(self._columns, one)}
        known = [row for row in (*above, *stretch.of(WORTH, BACKWARD, LOSS)) if "loss" in self._facts(row)]
        fitting = [row for row in known if row in above or wanted[-1] < row <= backwards[0]]
        # The innermost call that surrounds the forward, else the first behind it.
        around = [row for row in fitting if row in above]
        row = max(around) if around else min(fitting, default=None)
        value = None if row is None else self._facts(row)["loss"]
        return value if isinstance(value, float) else None

    def _share(self, forward: int) -> float | None:
        """The share of padding in a batch: as a `Trainer` saw it, or counted in a mask that was kept."""
        for row in rows_above(self._columns, forward):
            share = self._facts(row).get("padding_share")
            if isinstance(share, float):
                return share
        mask = Call(self._trace, forward).inputs.get("attention_mask")
        if not isinstance(mask, TensorSpec) or not mask.values or len(mask.shape) != 2:
            return None
        return mask.values.count(0) / len(mask.values)

    # --- evaluation -----------------------------------------------------------------------------

    def _evaluation(self, stretch: Stretch, row: int) -> Iterable[Step]:
        site = self._columns.sites[self._columns.site[row]]
        if site.root not in self._roots and not self._is_evaluation(row):
            return
        facts: dict[str, Any] = {}
        for above in rows_above(self._columns, row):
            known = self._facts(above)
            facts.update({"loss": known["loss"]} if "loss" in known else {})
        share, call = self._share(row), Call(self._trace, row)
        if share is not None:
            facts["padding_share"] = share
        if call.status != "ok":
            facts["ended"] = call.error or call.status
        step = self._step(EVAL, call, stretch, facts, self._columns.duration[row])
        yield replace(step, times={"forward": call.duration})

    def _is_evaluation(self, row: int) -> bool:
        columns = self._columns
        return any(
            columns.sites[columns.site[above]].function in EVALUATIONS for above in rows_above(columns, row)
        )

    # --- both -----------------------------------------------------------------------------------

    def _step(self, phase: str, call: Call, stretch: Stretch, facts: dict[str, Any], took: int) -> Step:
        fed, mask = main_input(call.inputs), call.inputs.get("attention_mask")
        logits = call.output.get("logits") if isinstance(call.output, ContainerSpec) else call.output
        return Step(
            index=0,
            phase=phase,
            call=call,
            loop=self._loop(call.id, stretch if phase == TRAIN else None),
            input=None if fed is None else fed.shape,
            mask=mask.shape if isinstance(mask, TensorSpec) else None,
            logits=logits.shape if isinstance(logits, TensorSpec) else None,
            tokens=None,
            duration=took / 1e9,
            facts=facts,
        )

    def _loop(self, row: int, stretch: Stretch | None) -> Call | None:
        """The innermost call that is around all of a step, or around an evaluation's batches."""
        columns = self._columns
        above = list(rows_above(columns, row))
        if stretch is not None and stretch.ender is not None:
            around = set(rows_above(columns, stretch.ender))
            above = [one for one in above if one in around]
        per_batch = ("training_step", "prediction_step", "compute_loss")
        above = [one for one in above if columns.sites[columns.site[one]].function not in per_batch]
        above = [one for one in above if columns.sites[columns.site[one]].kind in ("method", "function")]
        return Call(self._trace, above[0]) if above else None

    def _below(self, rows: Iterable[int], above: Sequence[int]) -> int:
        wanted = set(above)
        return sum(any(one in wanted for one in rows_above(self._columns, row)) for row in rows)

    def _end(self, row: int) -> int:
        return self._columns.start[row] + self._columns.duration[row]

    def _facts(self, row: int | None) -> dict[str, Any]:
        return {} if row is None else self._columns.facts.get(row, {})

    def _ended(self, stretch: Stretch) -> str | None:
        """Why the step was never finished: what left the call in which it stopped."""
        for row in reversed(stretch.of(FORWARD, LOSS, BACKWARD, CLIP, OPTIMIZER, SCALER)):
            call = Call(self._trace, row)
            if call.status != "ok":
                return call.error or call.status
        alone = stretch.ender is None and BACKWARD in stretch.seen
        return "no optimizer step" if alone and self._has_optimizer else None


def _with_collated(trace: Trace, steps: Sequence[Step]) -> Iterator[Step]:
    """The steps; where none says how much of its batch is padding, as the collator of that batch has told.

    Batches are collated ahead of their steps and used in that order: each step takes the first one of its
    shape that no other step has taken.
    """
    columns, waiting = trace.columns, dict[object, list[tuple[int, float]]]()
    for row in sorted(row for row, facts in columns.facts.items() if "padding_share" in facts):
        call = Call(trace, row)
        share, output = columns.facts[row]["padding_share"], call.output
        fields = output.fields if isinstance(output, ContainerSpec) else ()
        made = main_input({str(name): spec for name, spec in fields})
        if made is not None and call.function not in (*EVALUATIONS, *TRAININGS):
            waiting.setdefault(made.shape, []).append((row, share))
    for step in steps:
        ready = waiting.get(step.input, [])
        if ready and "padding_share" not in step.facts and ready[0][0] < step.call.id:
            step = replace(step, facts={**step.facts, "padding_share": ready.pop(0)[1]})
        yield step


def _accumulating(steps: Sequence[Step]) -> Iterator[Step]:
    """The steps; where others of their model accumulate gradients, one that has fewer batches says so."""
    most: Counter[tuple[str | None, str]] = Counter()
    for step in steps:
        key = step.call.root, step.call.thread
        most[key] = max(most[key], step.facts.get("accumulated", (1, 1))[1])
    for step in steps:
        over = most[step.call.root, step.call.thread]
        number = step.facts.get("accumulated", (1, 1))[0]
        plain = step.phase != TRAIN or over == 1 or "closure" in step.facts
        yield step if plain else replace(step, facts={**step.facts, "accumulated": (number, over)})


def _numbered(steps: Sequence[Step]) -> list[Step]:
    """The steps with the number that each has among those of its thread and phase."""
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for step in steps:
        key = (step.phase, step.call.thread)
        found.append(replace(step, index=seen[key]))
        seen[key] += 1
    return found
