"""Modules whose classes would like to be asked, or lie about what they are.

Torch itself looks up a few attributes of a module at each call; `MODULES` are called untraced and traced,
and traced not one attribute more may be looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from .zoo import note, noted


class Unasked(nn.Module):
    """No length, truth, equality, hash or text of it may be asked for, and no attribute that is not there."""

    __hash__ = note("module hash")
    __eq__ = note("module eq")
    __len__ = note("module len")
    __bool__ = note("module bool")
    __repr__ = note("module repr")

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()

    def __getattr__(self, name: str) -> Any:
        noted(f"module {name}")
        raise AttributeError(name)

    def forward(self, x: Any) -> Any:
        return self.__dict__["_modules"]["inner"](x)


class Watched(nn.Module):
    """Sees every attribute that is looked up."""

    def __getattribute__(self, name: str) -> Any:
        noted(f"module {name}")
        return object.__getattribute__(self, name)

    def forward(self, x: Any) -> Any:
        return x


class Disguised(nn.Module):
    """Says that it is something else, and that it has no attributes."""

    @property
    def __class__(self) -> Any:
        noted("__class__")
        return torch.Tensor

    def forward(self, x: Any) -> Any:
        return x


class Meta(type):
    """A metaclass that sees what is asked of the class."""

    def __getattribute__(cls, name: str) -> Any:
        noted(f"meta {name}")
        return type.__getattribute__(cls, name)

    def __instancecheck__(cls, value: object) -> bool:
        noted("meta instancecheck")
        return False

    def __eq__(cls, other: object) -> bool:
        noted("meta eq")
        return cls is other

    def __hash__(cls) -> int:
        noted("meta hash")
        return 1

    def __repr__(cls) -> str:
        noted("meta repr")
        return ""


class OfMeta(nn.Module, metaclass=Meta):
    def forward(self, x: Any) -> Any:
        return x


class Callable_:
    """A forward that is no function."""

    def __getattr__(self, name: str) -> Any:
        noted(f"forward {name}")
        raise AttributeError(name)

    def __call__(self, x: Any) -> Any:
        return x


class Forwarded(nn.Module):
    forward = Callable_()


class Mapping(dict[str, Any]):
    """Stands in for the dictionaries of a module."""

    __bool__ = note("mapping bool")
    __len__ = note("mapping len")
    __iter__ = note("mapping iter")


def with_mappings() -> nn.Module:
    """A module whose parameters and children stand in dictionaries of the host's class."""
    module = nn.Sequential(nn.Identity())
    module.__dict__["_parameters"] = Mapping()
    module.__dict__["_extra"] = Mapping()
    return nn.Sequential(module)


MODULES: dict[str, Callable[[], nn.Module]] = {
    "unasked": Unasked,
    "watched": Watched,
    "disguised": Disguised,
    "of a metaclass": OfMeta,
    "forward that is no function": Forwarded,
    "dictionaries": with_mappings,
}
