"""Tensors that asked torch to be asked: their code stays out of the reading of their shape.

A subclass with a `__torch_dispatch__` may want its sizes or its device dispatched too (arguments
`dispatch_sizes_strides_policy` and `dispatch_device` of `_make_wrapper_subclass`).  Then even torch's own C
getter runs code of that class, or of a dispatch mode of the host, and nothing tells from outside which class
does.  So while such a value is read a mode of ours stands in front: torch asks the mode first, and the
mode refuses.  What torch knows by itself is read as ever; the rest is unknown.

Classes of torch itself (nested tensors, FakeTensor, DTensor) may answer.

Gotcha: a Ctrl-C may land on any line, and a mode that stays behind is asked about every operation of the
program.  So it is taken out by two nested `finally`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from .reflection import dict_of_class, home, mro_of

Read = TypeVar("Read")


class Asked(Exception):
    """The class of the value would have been asked."""


def unasked(value: Any, read: Callable[[Any], Read]) -> Read:
    """`read(value)`, or `Asked` where that would run code of the host."""
    torch: Any = sys.modules["torch"]
    if not _is_the_hosts(type(value)) and not _hosts_mode(torch._C):
        return read(value)
    count, push, pop = (
        torch._C._len_torch_dispatch_stack,
        torch._C._push_on_torch_dispatch_stack,
        torch._C._pop_torch_dispatch_stack,
    )
    guard = _guard_class()(value)
    before = count()
    try:
        try:
            push(guard)
            return read(value)
        finally:
            while count() > before:
                pop(None)
    finally:
        while count() > before:
            pop(None)


def _is_the_hosts(cls: type) -> bool:
    """Whether the class has a `__torch_dispatch__` that is not torch's."""
    for base in mro_of(cls):
        if "__torch_dispatch__" in dict_of_class(base):
            return not _is_of_torch(base)
    return False


def _hosts_mode(core: Any) -> bool:
    """Whether a mode of the host is active: it would see the reading of a nested tensor."""
    modes = [core._get_dispatch_stack_at(at) for at in range(core._len_torch_dispatch_stack())]
    return not all(_is_of_torch(type(mode)) for mode in modes)


def _is_of_torch(cls: type) -> bool:
    """Whether a class really stands in a module of torch, and does not only say so."""
    module, name = home(cls)
    library = sys.modules.get(module) if module.partition(".")[0] == "torch" else None
    return library is not None and vars(library).get(name) is cls


@functools.cache
def _guard_class() -> Any:
    """The class of our modes, made when it is first needed: torch is not imported for it."""
    torch: Any = sys.modules["torch"]

    class Guard(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]
        """Refuses what is asked about one value; a signal handler's operations pass."""

        def __init__(self, value: Any) -> None:
            super().__init__()
            self.value = value

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if args and args[0] is self.value:
                raise Asked
            return function(*args, **(kwargs or {}))

    return Guard
