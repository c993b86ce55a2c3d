"""One pass of an outer loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..values import Dim
from .call import Call


@dataclass(frozen=True, slots=True)
class Step:
    """One pass of an outer loop: a prefill or decode step of `generate`.

    `input`, `mask`, `logits` are shapes; `cache_before` and `cache_after` the tokens held by the
    self-attention cache at entry and at exit; `cross_length` the positions of the cross-attention
    cache.  None means that there was no such thing in this step.  `loop` is the decoding loop that the
    step belongs to, `call` the model call of the step, `duration` the seconds that this call took.
    """

    index: int
    phase: str
    call: Call
    loop: Call
    input: tuple[Dim, ...] | None = None
    mask: tuple[Dim, ...] | None = None
    cache_before: int | None = None
    cache_after: int | None = None
    cross_length: int | None = None
    logits: tuple[Dim, ...] | None = None
    tokens: tuple[int, ...] | None = None
    duration: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
