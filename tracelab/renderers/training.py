"""What the table of steps says of training: loss, gradients, learning rate, padding, and the time by phase.

    step  phase  input          loss           grad norm  rate            padding  time
    0–9   train  [8,12–37]      2.31 → 1.87    0.9–1.4    5e-05 → 5e-06   3–41 %   10 × 21 ms
    0–1   eval   [8,16]         1.9 → 1.88     -          -               0 %      2 × 6.1 ms

    train: forward 41 % · loss 1 % · backward 44 % · clip 2 % · optimizer 12 %

Steps of one loop share a row whatever the sizes of their batches are; of sizes that differ the range is
written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..analyses.phasetimes import PHASES
from ..analyses.trainsteps import EVAL, TRAIN
from ..calls import Step
from ..values import Dim
from .headline import many, seconds

NOTHING = "-"

Run = Sequence[Step]


def is_training(step: Step) -> bool:
    """Whether a step is one of training or of evaluation."""
    return step.phase in (TRAIN, EVAL)


def loss(run: Run) -> str:
    """The loss of the first and the last step; that of accumulated gradients is a mean."""
    return _way(run, "loss")


def gradient(run: Run) -> str:
    """The smallest and the largest norm of all gradients together."""
    return _span([_mean(step.facts.get("grad_norm")) for step in run])


def rate(run: Run) -> str:
    """The learning rate of the first and the last step."""
    return _way(run, "learning_rate")


def padding(run: Run) -> str:
    """The smallest and the largest share of padding."""
    known = [step.facts.get("padding_share") for step in run]
    shares = [round(100 * share) for share in known if isinstance(share, (int, float))]
    if not shares or len(shares) < len(known):
        return NOTHING
    low, high = min(shares), max(shares)
    return f"{low} %" if low == high else f"{low}–{high} %"


def shape(shapes: Sequence[tuple[Dim, ...] | None]) -> str:
    """A shape with a range for each size that differs."""
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return NOTHING
    if len({len(shape) for shape in known}) > 1:
        return "varied"
    sizes = [_range(of_size) for of_size in zip(*known, strict=True)]
    return f"[{','.join(sizes)}]" + (" varied" if len(set(known)) > 1 else "")


def notes(step: Step) -> list[str]:
    """What is unusual about a step."""
    facts, found = step.facts, []
    if "accumulated" in facts:
        number, over = facts["accumulated"]
        found.append(f"{number} of {over} batches accumulated")
    if "closure" in facts:
        found.append(f"{many(facts['closure'], 'closure run')} in the optimizer")
    if facts.get("skipped"):
        found.append("optimizer skipped by the scaler")
    if "without_gradient" in facts:
        found.append(f"{many(len(facts['without_gradient']), 'parameter')} without a gradient")
    if "recomputed" in facts:
        found.append(f"{many(facts['recomputed'], 'call')} recomputed in backward")
    return found


def lines_about_training(steps: Sequence[Step]) -> Iterator[str]:
    """Where the time of the training steps went."""
    trained = [step for step in steps if step.phase == TRAIN]
    total = sum(sum(step.times.values()) for step in trained)
    if not trained or total <= 0:
        return
    shares = {name: sum(step.times.get(name, 0.0) for step in trained) / total for name in PHASES}
    parts = [f"{name} {round(100 * share)} %" for name, share in shares.items() if share >= 0.005]
    mean = sum(step.duration for step in trained) / len(trained)
    yield f"train: {seconds(mean)} a step · {' · '.join(parts)}"


def _mean(value: Any) -> float | None:
    if isinstance(value, tuple) and value:
        return float(sum(value) / len(value))
    return float(value) if isinstance(value, (int, float)) else None


def _way(run: Run, name: str) -> str:
    first, last = (_mean(run[at].facts.get(name)) for at in (0, -1))
    if first is None or last is None:
        return NOTHING
    return f"{first:.3g}" if f"{first:.3g}" == f"{last:.3g}" else f"{first:.3g} → {last:.3g}"


def _span(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return NOTHING
    low, high = f"{min(known):.3g}", f"{max(known):.3g}"
    return low if low == high else f"{low}–{high}"


def _range(sizes: Sequence[Dim]) -> str:
    numbers = [size for size in sizes if isinstance(size, int)]
    if len(set(sizes)) == 1:
        return str(sizes[0])
    return f"{min(numbers)}–{max(numbers)}" if len(numbers) == len(sizes) else "varied"
