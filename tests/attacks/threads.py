"""Threads that get into each other's way, and modules whose paths say who must have called them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from tracelab.calls import Call

X = torch.ones(1, 2)


class Chain(nn.Module):
    """Modules in a row below one another: each calls the next."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.inner = Chain(depth - 1) if depth > 1 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.inner is None else self.inner(x)


@contextmanager
def switching() -> Iterator[None]:
    """Threads change places as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def at_once(*work: Callable[[], Any]) -> None:
    """Runs each in a thread of its own, all starting together."""
    barrier = threading.Barrier(len(work))
    errors: list[BaseException] = []

    def run(act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            act()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,), name=f"w{at}") for at, act in enumerate(work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def paths_agree(calls: list[Call]) -> bool:
    """Each module stands below the module whose path is its own path without the last name."""
    for call in calls:
        if call.path:
            above = call.parent
            if above is None or above.path != call.path.rpartition(".")[0] or above.thread != call.thread:
                return False
    return True
