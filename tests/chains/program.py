"""A user's modules, with functions of every sort between them.

`Host(way)` calls `self.inner` by one of the ways below; each way is a function of the host and the input.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

Way = Callable[["Host", torch.Tensor], Any]


class Host(nn.Module):
    """Calls `inner` by a way that it was given."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.inner = nn.Identity()
        self._way = way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._way(self, x)
        return x

    def helper(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def plain(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


def method(host: Host, x: torch.Tensor) -> None:
    host.helper(x)


def recursive(host: Host, x: torch.Tensor, more: int = 3) -> None:
    if more:
        recursive(host, x, more - 1)
    else:
        host.inner(x)


def like(function: Any) -> Any:
    """A decorator that says what it wraps."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def silent(function: Any) -> Any:
    """One that does not."""

    def run(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return run


class Holding:
    """A class as a decorator, which is a function like any other."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


@like
def decorated(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@like
@like
def decorated_twice(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@silent
def under_silence(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@Holding
def held(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@torch.no_grad()
def without_gradients(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@contextlib.contextmanager
def context() -> Iterator[None]:
    yield


@context()
def in_context(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@functools.singledispatch
def dispatched(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


@functools.lru_cache
def cached(host: Host, x: torch.Tensor) -> None:
    host.inner(x)


class Lazy:
    """Calls when an attribute is looked up."""

    def __init__(self, host: Host, x: torch.Tensor) -> None:
        self.host, self.x = host, x

    def __getattr__(self, name: str) -> Any:
        return self.host.inner(self.x)


def looking_up(host: Host, x: torch.Tensor) -> None:
    Lazy(host, x).anything  # noqa: B018


def comprehension(host: Host, x: torch.Tensor) -> None:
    [host.inner(one) for one in [x]]


def expression(host: Host, x: torch.Tensor) -> None:
    list(host.inner(one) for one in [x])  # noqa: C400


def numbers(host: Host, x: torch.Tensor) -> Iterator[torch.Tensor]:
    yield host.inner(x)


def generator(host: Host, x: torch.Tensor) -> None:
    for _ in numbers(host, x):
        pass


def mapped(host: Host, x: torch.Tensor) -> None:
    list(map(host.helper, [x]))


def module_mapped(host: Host, x: torch.Tensor) -> None:
    list(map(host.inner, [x]))


def reduced(host: Host, x: torch.Tensor) -> None:
    functools.reduce(lambda one, other: host.inner(other), [x, x])


def partially(host: Host, x: torch.Tensor) -> None:
    functools.partial(host.helper, x)()


def again(host: Host, x: torch.Tensor) -> None:
    checkpoint(host.helper, x, use_reentrant=False)


def threaded(host: Host, x: torch.Tensor) -> None:
    thread = threading.Thread(target=host.helper, args=(x,))
    thread.start()
    thread.join()


def failing(host: Host, x: torch.Tensor) -> None:
    try:
        host.inner(x, x)  # Identity takes one
    except TypeError:
        host.helper(x)


def thrice(host: Host, x: torch.Tensor) -> None:
    for _ in range(3):
        host.helper(x)
    host.inner(x)


def by_turns(host: Host, x: torch.Tensor) -> None:
    for _ in range(2):
        host.helper(x)
        plain(host, x)
