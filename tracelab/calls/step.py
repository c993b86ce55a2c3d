"""One pass of an outer loop."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..values import Dim
from .call import Call


@dataclass(frozen=True, slots=True)
class CacheLayer:
    """One layer of a cache: the shapes of its keys and values (or, of a state, of its two parts).

    `item_size`: bytes of one number.
    """

    type: str
    keys: tuple[int, ...]
    values: tuple[int, ...]
    dtype: str
    item_size: int

    @property
    def bytes(self) -> int:
        """What keys and values take."""
        return (
            math.prod(self.keys) * bool(self.keys) + math.prod(self.values) * bool(self.values)
        ) * self.item_size


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of an outer loop: a step of `generate`, the encoder's run before them, or a step of training.

    `loop`: the call of the decoding loop that the step belongs to; of an encode step the `generate` that
    called the encoder, and its `index` is -1.  `call`: the model call of the step; where a compiled model
    left none, the call that prepared its inputs (`facts["compiled"]` is true then).

    `input`, `mask`, `logits` are shapes.  `positions`: the first and the last place in the sequence that
    the input takes.  `cache_before`, `cache_after`: tokens in the self-attention cache at entry and at exit;
    `cross_length`: positions in the cross-attention cache.  `tokens` are the ids that went in and `chosen`
    for each row the ids that came out of the step, both only where values were kept.  `finished`: rows that
    are finished after the step.  `duration`: seconds that `call` took.  None: not there, or not known.

    A step of training (`train`) is all from its first forward, which is `call`, to the end of the optimizer
    that uses its gradients, and so is its `duration`; `eval` is one forward of a model that is trained in the
    same trace, or that a `Trainer` evaluates.  `index` counts each of the two by itself, `loop` is the call
    around them, if any.  `times`: seconds in `forward`, `loss`, `backward`, `clip`, `optimizer`, `scheduler`
    and `zero_grad`.
    `facts` may have `loss` (as it was given to backward; with gradient accumulation one for each batch),
    `learning_rate`, `grad_norm`, `padding_share`, `accumulated` (k of n batches), `without_gradient`,
    `skipped`, `closure`, `recomputed`, `ended`.
    """

    index: int
    phase: str
    call: Call
    loop: Call | None
    input: tuple[Dim, ...] | None = None
    positions: tuple[int, int] | None = None
    mask: tuple[Dim, ...] | None = None
    cache_before: int | None = None
    cache_after: int | None = None
    cross_length: int | None = None
    logits: tuple[Dim, ...] | None = None
    tokens: tuple[int, ...] | None = None
    chosen: tuple[tuple[int, ...], ...] | None = None
    finished: int | None = None
    duration: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)

    def cache(self) -> list[CacheLayer]:
        """The layers of the self-attention cache after the step; empty where they were not recorded."""
        found: list[CacheLayer] = importlib.import_module("tracelab.analyses.cachelayers").layers_of(self)
        return found

    def compare(self, other: Step) -> Any:
        """What differs from another step, of this trace or of another one, in a few lines when printed."""
        return importlib.import_module("tracelab.analyses.stepwise").compare(self, other)
