"""What it costs to record one call on this machine, measured once in a process.

A tool that tells where time went should say which part of it is its own.  Reading the clock around our own
lines at every call would cost as much as it tells, so a method that does nothing is called some hundred
times, recorded and bare, when the first recording begins: half a millisecond.  It is recorded in the general
way, which is somewhat slower than the usual one, and is given no tensor, which would be somewhat slower
again: making one would be seen by a mode of the host's.  So the price is right to about a third.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter_ns
from types import CodeType
from typing import Any

from ..describe import Describer
from ..events import Site
from .general import reporter
from .recorder import Recorder
from .target import Target

CALLS = 64
ROUNDS = 3


class _Idle:
    """Stands for a layer."""

    def forward(self, hidden_states: Any, *, mask: Any = None, position_embeddings: Any = None) -> Any:
        return hidden_states


class _Nowhere:
    """Knows one callee."""

    everything = True

    def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
        return Site("method", "Idle", "Idle", "forward"), True

    def code(self, target: Target, it: Any) -> CodeType | None:
        return None


class _Trial(Recorder):
    """Nobody reads it, and what goes wrong in it goes wrong, and is counted, in the recording as well."""

    def fault(self, place: str, error: BaseException) -> None:
        """Say nothing."""


@functools.cache
def price_of_a_call() -> int:
    """Nanoseconds that recording a call adds."""
    target = Target("method", "forward", _Idle.forward, _Idle, "forward")
    recorded = reporter(target, _Idle.forward, (_Trial(_Nowhere(), Describer()),))
    it = _Idle()
    took = [(_took(recorded, it), _took(_Idle.forward, it)) for _ in range(ROUNDS)]
    return max(min(ours for ours, _ in took) - min(bare for _, bare in took), 0) // CALLS


def _took(call: Callable[..., Any], it: Any) -> int:
    value = ((1, 2), (3, 4))
    began = perf_counter_ns()
    for _ in range(CALLS):
        call(it, value, mask=None, position_embeddings=value)
    return perf_counter_ns() - began
