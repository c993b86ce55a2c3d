"""What is known of a callee: builds the `Site` of a target on an object, once for each.

This is where the three answers to "which forward is this?" come together: the owner (class of `self`),
the class whose code ran (`origin`) and the place in the real root model (`roots`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

from ..calls import is_below
from ..describe import class_name, dict_of_class, instance_dict, is_a, mro_of
from ..events import Site
from ..recorder import Target
from .bases import base_of
from .experts import implementation
from .lineages import Lineages
from .made import Made
from .origin import Origin, origin, peel
from .ranks import Rank
from .roots import Roots, Stand


class Sites:
    """The locator of one recording.  `follow`: the objects to which it is limited, none for everything."""

    def __init__(self, follow: Sequence[Any] = ()) -> None:
        self.roots = Roots()
        self.rank = Rank()
        self.lineages = Lineages()
        self.everything = not follow
        self.bases: dict[tuple[str, str], tuple[str, ...]] = {}
        """Root and path of each model with a base, as they were known then, and the names of its parts."""
        self.made = Made()
        self.random: set[tuple[str, str]] = set()
        """Root and path of each model that was built in the trace and is called as it was built."""
        self._followed: dict[int, Any] = {}
        self._modules: list[weakref.ref[Any]] = []
        self.meet: Callable[[Any], None] | None = None
        """Is told of the forward of each module that is called for the first time."""
        for it in follow:
            self._follow(it)

    def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
        """The site of `target` on the object `it`, and whether a call tree may begin here."""
        self.rank.look()
        stand = self.roots.stand(it) if target.by_object and _is_module(it) else None
        owner, is_module = _owner(target, it), target.kind == "module"
        found = _forward_origin(it, owner) if is_module else _method_origin(target, owner)
        if is_module and stand is not None:
            self._learn(it, stand)
        if is_module and self.meet is not None:
            self.meet(peel(_forward(it)[0]))
        site = Site(
            kind=target.kind,
            owner=owner,
            defined_in=found.defined_in,
            function=target.function,
            root=stand.root if stand else None,
            path=stand.path if stand else None,
            file=found.file,
            line=found.line,
            parameters=found.parameters,
            varargs=found.varargs,
            container=stand.container if stand and is_module else None,
            aliases=stand.aliases if stand and is_module else (),
            lineage=self.lineages.number(target, it, found),
        )
        return site, self._may_begin(target, it, stand)

    def code(self, target: Target, it: Any) -> CodeType | None:
        """The code that a call of `target` on `it` really runs, under all decorators."""
        real = peel(_forward(it)[0] if target.kind == "module" else target.original)
        return real.__code__ if type(real) is FunctionType else None

    def _learn(self, module: Any, stand: Stand) -> None:
        place = stand.root, stand.path
        base = () if place in self.bases else base_of(module)
        if base:
            self.bases[place] = base
        if not stand.path and self.made.is_as_built(module):
            self.random.add(place)

    def models(self) -> dict[str, Any]:
        """What is known of whole models, by the labels and paths that hold now.

        `bases`: which of their parts are their base.  `random`: those that ran as they were built.
        """
        bases: dict[str, dict[str, list[str]]] = {}
        for place, names in list(self.bases.items()):
            root, path = self._now(place)
            bases.setdefault(root, {})[path] = list(names)
        random = sorted(self._now(place) for place in list(self.random))
        return {**({"bases": bases} if bases else {}), **({"random": random} if random else {})}

    def _now(self, place: tuple[str, str]) -> tuple[str, str]:
        site = self.roots.settle(Site("module", "", "", "", root=place[0], path=place[1]))
        return site.root or "", site.path or ""

    # --- limits: trace(model) -------------------------------------------------------------------

    def _follow(self, it: Any) -> None:
        if _is_module(it):
            self.roots.stand(it)
            self._modules.append(weakref.ref(it))
            return
        # A processor is followed together with the tokenizer and the feature extractor that it holds.
        parts = [] if is_a(it, type) or type(it) is FunctionType else list(instance_dict(it).values())
        for part in [it, *parts]:
            try:
                self._followed[id(part)] = weakref.ref(part)
            except TypeError:
                continue  # a number or text among the parts

    def _may_begin(self, target: Target, it: Any, stand: Stand | None) -> bool:
        if self.everything or (stand is not None and self._is_inside(stand)):
            return True
        candidates = (it, *mro_of(type(it)), target.original)
        return any(id(one) in self._followed and self._followed[id(one)]() is one for one in candidates)

    def _is_inside(self, stand: Stand) -> bool:
        """Whether a place is in a module that is followed, wherever that module stands now."""
        for reference in self._modules:
            module = reference()
            above = None if module is None else self.roots.stand(module)
            if above is None or above.root != stand.root:
                continue
            if above.path == stand.path or is_below(stand.path, above.path):
                return True
        return False


def _forward(module: Any) -> tuple[Any, bool]:
    """The forward that `module` runs, its own attribute or the class's, and whether it is given `self`."""
    forward = instance_dict(module).get("forward")
    if forward is not None:
        return forward, False
    for cls in mro_of(type(module)):
        forward = dict_of_class(cls).get("forward")
        if forward is not None:
            chosen = implementation(module, forward)
            return (forward if chosen is None else chosen), True
    return None, True


def _forward_origin(module: Any, owner: str) -> Origin:
    """Where it was written."""
    forward, bound = _forward(module)
    return Origin(owner, "forward") if forward is None else origin(forward, owner, "forward", bound=bound)


def _method_origin(target: Target, owner: str) -> Origin:
    """The origin of a method or function; a function without an owner is defined in its module."""
    return origin(target.original, owner or _module_of(target.holder), target.function, bound=target.bound)


def _owner(target: Target, it: Any) -> str:
    """Class of `self`; for a class or static method the class, for a plain function nothing."""
    if target.bound:
        return class_name(it if is_a(it, type) else type(it))
    return class_name(target.holder) if isinstance(target.holder, type) else ""


def _module_of(holder: Any) -> str:
    return str(getattr(holder, "__name__", "?"))


def _is_module(it: Any) -> bool:
    return "_modules" in instance_dict(it) and type(it) is not FunctionType
