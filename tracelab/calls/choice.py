"""What one row of one step chose, and among which scores."""

from __future__ import annotations

from dataclasses import dataclass

from .step import Step

Best = tuple[tuple[int, float], ...]
"""The highest scores of a row, with the ids that have them, the highest first."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The highest scores after one logits processor ran."""

    processor: str
    best: Best


@dataclass(frozen=True, slots=True)
class Choice:
    """What one row of a step chose.

    `position`: 0, and in assisted decoding the place in the draft.  `chosen`: the id, None where it is not
    known (a drafted place that was not kept, beams).  `before`: the highest scores as the model gave them,
    `stages`: after each processor, in order.  `changed_by`: the processors after which another id than
    before had the highest score.
    """

    step: Step
    row: int
    position: int
    chosen: int | None
    before: Best
    stages: tuple[Stage, ...] = ()
    changed_by: tuple[str, ...] = ()

    @property
    def after(self) -> Best:
        """The highest scores that the choice was made from."""
        return self.stages[-1].best if self.stages else self.before


class Choices(list[Choice]):
    """The choices of a trace; printed, one line for each."""

    def __str__(self) -> str:
        return "\n".join(map(_line, self)) or "no scores: no decoding loop ran inside the trace"


def _line(choice: Choice) -> str:
    words = [f"step {choice.step.index} row {choice.row}", _scores(choice.before)]
    words += [f"{stage.processor}: {_scores(stage.best)}" for stage in choice.stages]
    words.append("chosen ?" if choice.chosen is None else f"chosen {choice.chosen}")
    if choice.changed_by:
        words.append(f"changed by {', '.join(choice.changed_by)}")
    return " · ".join(words)


def _scores(best: Best) -> str:
    return " ".join(f"{token}={score:.3g}" for token, score in best)
