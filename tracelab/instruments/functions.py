"""Plain functions of libraries: other modules have imported them by name, so they are cut in at their code.

`from torch.nn.functional import cross_entropy` binds the function before any trace begins, registries hold
it, `__torch_function__` of a host compares with it, pickle looks it up by name and wants the same object.  A
wrapper under its name would be another object, seen by some and in the way of others.  So the function stays
the object that it is and gets another code for as long: one that calls a twin, which has the old code.

    function.__code__       calls our wrapper, which reports to the recorder and calls the twin
    function.__wrapped__    the twin, for `inspect` and `torch.jit.script`, which read source and signature

Gotchas: dynamo puts torch's own functions into its graphs by their names, and looks into those of
transformers: these say by `_torchdynamo_inline` that the twin is meant. Dynamo guards the code, so what was
compiled before the trace is compiled once more in it, to the same graph; both codes stay the same objects
from trace to trace. A function with cells (a closure) can have no code but its own kind; it is left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from ..describe import home_of_function
from ..patching import CodePatch, Patches, PatchPoint
from ..recorder import Target, Tells, general, stub
from .families import can_wrap

Telling = Callable[[FunctionType], Tells]


@dataclass(frozen=True, slots=True)
class Functions:
    """Functions that stand in `place`, a module or a dictionary in one, under `names`.

    `names`: None for all of a dictionary. `tells`: what makes the `Tells` of a function, `usual`: of one
    that is not named there. `after`: the module whose loading completes the library. `inlined`: whether
    dynamo looks into them.
    """

    place: str
    names: tuple[str, ...] | None
    kind: str
    tells: Mapping[str, Telling] = field(default_factory=dict)
    usual: Telling | None = None
    after: str = ""
    inlined: bool = True

    @property
    def module(self) -> str:
        """The module whose loading brings them into being."""
        return self.after or PatchPoint(self.place).module

    def found(self) -> list[FunctionType]:
        """Those that exist by now, each once."""
        place = PatchPoint(self.place).resolve()
        known: Mapping[Any, Any] = place if type(place) is dict else vars(place) if place is not None else {}
        names = list(known) if self.names is None else self.names
        functions = {id(known[name]): known[name] for name in names if name in known}
        return [one for one in functions.values() if can_wrap(one) and _is_the_library_s(one, self.place)]


class Codes:
    """The stand-ins for the codes of functions; each is made once in the life of the process."""

    def __init__(self, patches: Patches, functions: tuple[Functions, ...]) -> None:
        self._patches = patches
        self._functions = functions
        self._made: dict[int, CodePatch] = {}

    @property
    def modules(self) -> list[str]:
        """The modules whose loading brings a function into being."""
        return sorted({functions.module for functions in self._functions})

    def attach(self) -> None:
        """Cut in at every function whose library is loaded."""
        for functions in self._functions:
            if functions.module in sys.modules:
                for function in functions.found():
                    self._patches.code(self._patch(function, functions))

    def _patch(self, function: FunctionType, functions: Functions) -> CodePatch:
        known = self._made.get(id(function))
        if known is None or function.__code__ not in (known.original, known.wrapper):
            tell = functions.tells.get(function.__name__, functions.usual)
            known = self._made[id(function)] = made(function, functions.kind, tell, functions.inlined)
        return known


def made(
    function: FunctionType,
    kind: str,
    tell: Telling | Tells | None = None,
    inlined: bool = True,
    in_chains: bool = False,
) -> CodePatch:
    """The stand-in for the code of a function.  `in_chains`: see `Target`."""
    twin = _twin(function)
    target = Target(
        kind=kind,
        name=function.__name__,
        function=function.__name__,
        original=twin,
        holder=sys.modules.get(function.__module__),
        bound=False,
        tells=tell if tell is None or isinstance(tell, Tells) else tell(twin),
        in_chains=in_chains,
    )
    target.wrapper = general(target, nth=1)
    notes: dict[str, Any] = {"__wrapped__": twin}
    if inlined:
        notes["_torchdynamo_inline"] = twin
    return CodePatch(function, function.__code__, stub(function.__code__, target.wrapper), notes)


def _twin(function: FunctionType) -> FunctionType:
    """Another function with the same code, globals and defaults, which says of itself what this one says."""
    twin = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    for name in ("__kwdefaults__", "__qualname__", "__module__", "__annotations__", "__doc__"):
        setattr(twin, name, getattr(function, name))
    return twin


def _is_the_library_s(function: FunctionType, place: str) -> bool:
    """Whether it is a function of that library itself, without cells: not one that a user has put there."""
    library = home_of_function(function).partition(".")[0]
    return library == place.partition(".")[0] and not function.__code__.co_freevars
