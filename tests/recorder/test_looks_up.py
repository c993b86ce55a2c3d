"""Which forwards name a line above their own: by their code, by what they wrap, by what they call."""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn
from torch.nn import functional

from tracelab.recorder import torch_call

from ..models import ZOO


def tell() -> None:
    warnings.warn("old", stacklevel=3)


def deeper() -> None:
    tell()


def renamed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Quiet(nn.Module):
    def forward(self, x: Any) -> Any:
        return functional.relu(x.to("cpu").float())


class ByItself(nn.Module):
    def forward(self, x: Any) -> Any:
        warnings.warn("old", stacklevel=2)


class ByLogger(nn.Module):
    def forward(self, x: Any) -> Any:
        logging.getLogger("x").info("old", stacklevel=2)


class ByFunction(nn.Module):
    def forward(self, x: Any) -> Any:
        tell()


class ByMethod(nn.Module):
    @staticmethod
    def check() -> None:
        warnings.warn("old", stacklevel=3)

    def forward(self, x: Any) -> Any:
        self.check()


class Wrapped(ByItself):
    @renamed
    @renamed
    def forward(self, x: Any) -> Any:
        tell()


class Inside(nn.Module):
    def forward(self, x: Any) -> Any:
        return [warnings.warn("old", stacklevel=3) for _ in x]


class TooFar(nn.Module):
    def forward(self, x: Any) -> Any:
        deeper()


class Unfinished(nn.Module):
    def forward(self, x: Any) -> Any:
        return later(x) if x else None


def cut_short() -> type[nn.Module]:
    """A forward with a variable of the function around it that was never set."""

    class Cut(nn.Module):
        def forward(self, x: Any) -> Any:
            return missing

    if not Cut:
        missing = 1
    return Cut


later = None
IMPL = nn.Module._call_impl


@pytest.mark.parametrize("cls", [ByItself, ByLogger, ByFunction, ByMethod, Wrapped, Inside, nn.Softmax])
def test_torch_s_frames_are_there_for(cls: type[nn.Module]) -> None:
    assert not torch_call.is_usual(cls, IMPL)


@pytest.mark.parametrize("cls", [Quiet, TooFar, Unfinished, cut_short(), nn.Linear, nn.LayerNorm])
def test_others_are_gone_straight_to(cls: type[nn.Module]) -> None:
    assert torch_call.is_usual(cls, IMPL)


def test_hardly_a_class_of_the_zoo_pays_for_it() -> None:
    slow = {
        type(part).__name__
        for entry in ZOO.values()
        for part in entry.build().modules()
        if not torch_call.is_usual(type(part), IMPL) and type(part).forward is not nn.Module.forward
    }
    # The softmax of squeezebert; containers have no forward of their own to go to.
    assert slow <= {"Softmax", "ModuleList", "ModuleDict"}
