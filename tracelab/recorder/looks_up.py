"""Forwards that name a line above their own: torch's frames must then stand where they always do.

`warnings.warn(..., stacklevel=3)` in a forward names a line of torch, `nn.Softmax()` does it by a function of
a function, `logger.warning(..., stacklevel=2)` likewise.  Where that line is, decides what is shown, and how
often: a filter lets each line warn once, and may ask for the module that it is in.

Such a forward is recognised by its code: the name `warn`, or any name with `stacklevel` in it.  Looked at is
the forward, what it is wrapped around, and the functions and methods that these name.  What is further
away, or counts the frames of yet another module, is not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ..describe import dict_of_class

NEAR = 2
"""How far from the forward a function is still looked at: those that the forward names."""


def looks_up(forward: FunctionType, mro: tuple[type, ...]) -> bool:
    """Whether `forward`, of a class with these bases, may name a line of what called it.

    The methods of `nn.Module` itself are not meant: what is called under their names, `to` and `float`, are
    mostly those of tensors.
    """
    met, waiting = {forward}, [(forward, 1)]
    for function, distance in waiting:  # grows while it is walked
        for code in _codes(function.__code__):
            if _speaks(code):
                return True
        for other in _wrapped(function):
            if other not in met:
                met.add(other)
                waiting.append((other, distance))
        if distance < NEAR:
            for other in _named(function, mro):
                if other not in met:
                    met.add(other)
                    waiting.append((other, distance + 1))
    return False


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those that are written in it."""
    waiting = [code]
    for one in waiting:
        yield one
        waiting += [inner for inner in one.co_consts if type(inner) is CodeType]


def _speaks(code: CodeType) -> bool:
    if "warn" in code.co_names:
        return True
    keywords = [name for names in code.co_consts if type(names) is tuple for name in names]
    names = [*code.co_names, *code.co_varnames, *keywords]
    return any(type(name) is str and "stacklevel" in name for name in names)


def _wrapped(function: FunctionType) -> Iterator[FunctionType]:
    """What a decorator has put this function around."""
    for cell in function.__closure__ or ():
        try:
            inner = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if type(inner) is FunctionType:
            yield inner


def _named(function: FunctionType, mro: tuple[type, ...]) -> Iterator[FunctionType]:
    """The functions and methods whose names stand in this one's code."""
    for name in function.__code__.co_names:
        found: Any = dict.get(function.__globals__, name)
        for cls in mro if found is None else ():
            found = dict_of_class(cls).get(name)
            if found is not None:
                break
        if type(found) in (staticmethod, classmethod):
            found = found.__func__
        if type(found) is FunctionType:
            yield found
