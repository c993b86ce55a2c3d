"""Runs of `generate`, untraced and traced from the same random state, with tokens that a test can foresee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

import tracelab
from tracelab.calls import Step

from ..models import ZOO

EOS, PAD = 2, 0
"""The special ids of the models in `tests/models/decoders.py`."""


class Forcing(LogitsProcessor):
    """Makes row r choose `wanted[r][n]` as its n-th new token, whatever the model would have said."""

    def __init__(self, prompt: int, wanted: Sequence[Sequence[int]]) -> None:
        self.prompt = prompt
        self.wanted = wanted

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        number = input_ids.shape[1] - self.prompt
        forced = torch.full_like(scores, -100.0)
        for row, tokens in enumerate(self.wanted):
            forced[row, tokens[number]] = 1.0
        return forced


def prompts(rows: int = 1, length: int = 5) -> torch.Tensor:
    """Ids that are no special ones: 5, 6, 7, ... in every row."""
    return torch.arange(5, 5 + length).repeat(rows, 1)


def both(model: Any, *given: Any, options: dict[str, Any] | None = None, **arguments: Any) -> tracelab.Trace:
    """The trace of a `generate` that gives the very tokens that it gives untraced."""
    plain = seeded(model, *given, **arguments)
    with tracelab.trace(**(options or {})) as trace:
        traced = seeded(model, *given, **arguments)
    assert torch.equal(plain, traced)
    assert trace.internal_errors == 0
    return trace


def seeded(model: Any, *given: Any, **arguments: Any) -> torch.Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made: torch.Tensor = model.generate(*given, pad_token_id=PAD, **arguments)
        return made


def build(name: str) -> Any:
    return ZOO[name].build()


def table(steps: Sequence[Step], *names: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(step, name) for name in names) for step in steps]
