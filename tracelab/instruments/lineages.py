"""Why a callee runs the function that it runs, learnt once: the MRO, who defines it, what is around it.

Only the live classes know the order in which Python looks, so it is kept with the trace; the text of the
lines is not, a reader has the installed files.  What classes of one MRO say is found once for each class and
function, what wrappers say once for each code: a further module of a class costs two microseconds.
"""

from __future__ import annotations

import weakref
from types import FunctionType
from typing import Any

from ..describe import Table, class_name, dict_of_class, home, instance_dict, is_a, mro_of
from ..events import Layer, Level, Lineage
from ..recorder import Target
from . import layers
from .experts import implementation
from .origin import Origin, origin, peel


class Lineages:
    """The lineages of one recording, each once."""

    def __init__(self) -> None:
        self._table: Table[Lineage] = Table()
        self._usual: dict[tuple[object, ...], tuple[weakref.ref[type], int]] = {}
        self._levels: dict[tuple[int, str], tuple[weakref.ref[type], tuple[Level, ...]]] = {}

    def number(self, target: Target, it: Any, found: Origin) -> int:
        """The number of the lineage of `target` on the object `it`, whose code is from `found`."""
        cls = _class_of(target, it)
        attributes = instance_dict(it) if target.kind == "module" else {}
        if cls is None or "forward" in attributes or attributes.get("_compiled_call_impl") is not None:
            return self._table.number(self._made(target, it, found, cls))
        key = id(target), id(cls), found.file, found.line, layers.has_hooks(attributes)
        known = self._usual.get(key)
        if known is None or known[0]() is not cls:
            number = self._table.number(self._made(target, it, found, cls))
            known = self._usual[key] = weakref.ref(cls), number
        return known[1]

    def listed(self) -> list[Lineage]:
        """All of them, by number."""
        return self._table.listed(Lineage())

    def _made(self, target: Target, it: Any, found: Origin, cls: type | None) -> Lineage:
        is_module = target.kind == "module"
        own = is_module and "forward" in instance_dict(it)
        return Lineage(
            classes=() if cls is None else self._of_class(cls, _attribute(target)),
            ran=None if cls is None or own else _giver(cls, target),
            own=own,
            layers=_around_forward(it, target.original) if is_module else _around(target.original),
            keywords=found.keywords,
            kwargs=found.kwargs,
        )

    def _of_class(self, cls: type, name: str) -> tuple[Level, ...]:
        known = self._levels.get((id(cls), name))
        if known is None or known[0]() is not cls:
            known = self._levels[id(cls), name] = weakref.ref(cls), _levels(cls, name)
        return known[1]


def _levels(cls: type, name: str) -> tuple[Level, ...]:
    return tuple([_level(above, name) for above in mro_of(cls) if above is not object])


def _level(cls: type, name: str) -> Level:
    module, _ = home(cls)
    own = dict_of_class(cls)
    if name not in own:
        return Level(class_name(cls), module)
    written = origin(own[name], "", name)
    return Level(class_name(cls), module, True, written.file, written.line)


def _giver(cls: type, target: Target) -> int | None:
    """Which class of the MRO gave the function that runs."""
    name = _attribute(target)
    for number, above in enumerate([above for above in mro_of(cls) if above is not object]):
        if above is target.holder if target.kind != "module" else name in dict_of_class(above):
            return number
    return None


def _attribute(target: Target) -> str:
    """The name that Python looks up."""
    return "forward" if target.kind == "module" else target.name or target.function


def _class_of(target: Target, it: Any) -> type | None:
    """The class whose MRO is walked; none for a plain function."""
    if target.bound:
        return it if is_a(it, type) else type(it)
    return target.holder if isinstance(target.holder, type) else None


def _around_forward(module: Any, call: Any) -> tuple[Layer, ...]:
    forward = instance_dict(module).get("forward")
    if forward is None:
        above = (dict_of_class(cls) for cls in mro_of(type(module)))
        forward = next((own["forward"] for own in above if "forward" in own), None)
        if type(forward) is FunctionType and implementation(module, forward) is not None:
            return layers.of_module(module, call) + layers.of_registry(forward)
    return layers.of_module(module, call) + layers.of_decorators(forward, module)


def _around(original: Any) -> tuple[Layer, ...]:
    return layers.of_decorators(original) if original is not peel(original) else ()
