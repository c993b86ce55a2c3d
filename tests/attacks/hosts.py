"""Small host programs that make us do all that we do: each returns what a host could notice.

`small` takes milliseconds, so that it can be run for every line of ours; `generates` runs a real model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..models import ZOO

STEPS = 12
PORTION = 16
"""Calls after which a lane is packed in these programs: see `recorder.PORTION`."""


class Inner(nn.Module):
    def forward(self, x: torch.Tensor, *, more: Any = None) -> torch.Tensor:
        return x + 1


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise LookupError("the host's own")


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.hooked = nn.Identity()
        self.failing = Failing()

    def forward(self, x: torch.Tensor, *, past: tuple[torch.Tensor, ...] = ()) -> dict[str, Any]:
        with torch.no_grad():
            out = self.inner(self.hooked(x), more={"past": past, "kind": "text"})
        try:
            self.failing(out)
        except LookupError as error:
            failed = type(error).__name__
        return {"out": out, "past": (*past[-2:], out), "failed": failed}

    def generate(self, x: torch.Tensor, steps: int) -> list[Any]:
        past: tuple[torch.Tensor, ...] = ()
        told = []
        for step in range(steps):
            output = self(x[: 1 + step % 5], past=past)
            past = output["past"]
            told += [output["out"].tolist(), output["failed"]]
        return told


def small() -> Any:
    """Methods, modules with and without hooks, errors, growing values, a class that is made on the way."""

    class Born(Model):
        def generate(self, x: torch.Tensor, steps: int) -> list[Any]:
            return super().generate(x, steps)

    model = Born()
    model.hooked.register_forward_hook(lambda *given: None)
    return model.generate(torch.arange(6.0), STEPS)


def generates(name: str) -> Callable[[], Any]:
    """A `generate` of a real model, as a list of token ids."""
    model, arguments = ZOO[name].build(), ZOO[name].generate_arguments()

    def run() -> Any:
        return model.generate(**arguments).tolist()

    return run
