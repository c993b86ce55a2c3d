"""All steps of a trace: those of generation, those of training and evaluation."""

from __future__ import annotations

from ..calls import Step, Trace
from . import steps as generation
from .trainsteps import TRAIN, training_steps


def steps(trace: Trace) -> list[Step]:
    """The steps of every loop, in start order."""
    found: list[Step] = trace.memo("every step", lambda: _all(trace))
    return list(found)


def step(trace: Trace, index: int, loop: int = 0) -> Step:
    """The step with an index: of the first decoding loop unless told; without one, of training."""
    trained = [one for one in training_steps(trace) if one.phase == TRAIN]
    if generation.steps(trace) or not trained:
        return generation.step(trace, index, loop)
    if loop:
        raise IndexError(f"there is no loop {loop!r}: this trace has training steps and no decoding loop")
    if not -len(trained) <= index < len(trained):
        raise IndexError(
            f"there is no step {index!r}: this trace has {len(trained)} of training, counted from 0"
        )
    return trained[index]


def _all(trace: Trace) -> list[Step]:
    found = [*generation.steps(trace), *training_steps(trace)]
    return sorted(found, key=lambda step: step.call.id)
