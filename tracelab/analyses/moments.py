"""When a call was made: the step of which it is a part.

A call belongs to the step whose model call is above it.  What stands beside the model call, such as the
method that prepares its inputs, has the number of the step alone; steps of this number tell the phase.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..calls import Call, Trace


@dataclass(frozen=True, slots=True)
class When:
    """The step that a call belongs to: its phase and its number."""

    phase: str
    index: int


class Moments:
    """Which step a call belongs to, and of which phase."""

    def __init__(self, trace: Trace) -> None:
        self._calls: dict[int, When] = {}
        self._phases: dict[int, set[str]] = {}
        for step in trace.steps():
            self._calls[step.call.id] = When(step.phase, step.index)
            self._phases.setdefault(step.index, set()).add(step.phase)

    def of(self, call: Call) -> When | None:
        """By the model call above it; beside that (what prepares its inputs) by the number of the step."""
        above = next((one.id for one in (call, *call.ancestors) if one.id in self._calls), None)
        if above is not None:
            return self._calls[above]
        if call.step is None:
            return None
        phases = self._phases.get(call.step, set())
        return When(next(iter(phases)) if len(phases) == 1 else "step", call.step)
