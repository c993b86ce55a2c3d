"""Families of classes whose methods are traced, and how they are found.

A method has to be patched on **every** class that defines it: `generate` stands in `GenerationMixin`, in
`WhisperGenerationMixin` and in some sixty model classes, and a user's own model may define it again.
A family names a base class as a string and the methods that count.  Its members are found

* among the classes that exist when the trace begins (`__subclasses__`),
* when their library is imported later (`arrivals`),
* and when a class is made during the trace: `__init_subclass__` of the base tells.

Of a family only methods are patched, and only on classes; `follow` adds the one callable that a user named.
`forward` is never patched: it is observed through `nn.Module.__call__`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FunctionType, ModuleType
from typing import Any

from ..describe import dict_of_class, mro_of
from ..patching import Patches, PatchPoint
from ..recorder import Target, Tells, active, hide_our_lines, unseen
from .kept import Defined, Wrappers

_LAZY = CO_ASYNC_GENERATOR | CO_COROUTINE | CO_GENERATOR


@dataclass(frozen=True, slots=True)
class Family:
    """A base class, written `"torch:nn.Module"`, and the methods of its family that are traced.

    A base may be a module too, `"transformers.data.data_collator:"` or `"torch:autograd"`: then the names are
    functions that are called as its attributes.

    `through`, `stands_in`: see `Target`.
    `names` may end in `*`.  `subclasses=False` takes the base class alone.  `by_object`: the objects are
    modules, so each has a path of its own.  `tells`: for a method name, what to derive from its calls.
    `called`: the name that its calls go by, where a user knows another one than the name that is patched.
    """

    base: str
    names: tuple[str, ...]
    kind: str = "method"
    subclasses: bool = True
    by_object: bool = False
    tells: Mapping[str, Tells] = field(default_factory=dict)
    called: str = ""
    through: tuple[str, ...] = ()
    stands_in: bool = True

    def names_in(self, cls: type) -> list[str]:
        """The names of this family that `cls` itself has, whatever stands there."""
        own = dict_of_class(cls)
        names = [name for name in self.names if name in own]
        patterns = [name for name in self.names if name.endswith("*")]
        if patterns:
            names += [n for n in list(own) if type(n) is str and any(fnmatchcase(n, p) for p in patterns)]
        return names

    def methods_of(self, cls: type) -> list[str]:
        """Those of them that are methods, as far as one can wrap them."""
        names, own = self.names_in(cls), dict_of_class(cls)
        return [name for name in names if can_wrap(own[name])]


class Families:
    """Puts the wrappers of all families in place and keeps them complete while a trace runs."""

    def __init__(self, patches: Patches, families: tuple[Family, ...]) -> None:
        self._patches = patches
        self._families = families
        self._bases: dict[int, list[Family]] = {}
        self._targets: list[Target] = []
        self._defined = {id(family): Defined(family.names_in) for family in families}
        self._kept = Wrappers()

    @property
    def modules(self) -> list[str]:
        """The modules whose loading brings a family into being."""
        return sorted({PatchPoint(family.base).module for family in self._families})

    def attach(self) -> None:
        """Patch every family whose library is loaded and that is not patched yet."""
        for family in self._families:
            base = PatchPoint(family.base).resolve()
            found = type(base) is ModuleType or isinstance(base, type)
            known = self._bases.setdefault(id(base), []) if found else [family]
            if family in known:
                continue
            known.append(family)
            if type(base) is ModuleType:
                self._adopt_functions(base, family)
                continue
            self._adopt(base, family)
            if family.subclasses and isinstance(base, type):
                for cls in subclasses_of(base):
                    self._adopt(cls, family)
                self._patches.add(base, "__init_subclass__", self._telling(base))

    def forget(self) -> None:
        """All patches are undone: the next `attach` begins anew."""
        self._bases.clear()
        while self._targets:
            target = self._targets[-1]
            target.retired = True  # before it is forgotten: a Ctrl-C may come in between
            self._kept.part(target)
            self._targets.pop()

    def born(self, cls: type) -> None:
        """A class was made: patch what the families of its bases want of it."""
        for base in mro_of(cls):
            for family in self._bases.get(id(base), ()):
                if family.subclasses:
                    self._adopt(cls, family)

    def follow(self, holder: Any, name: str) -> None:
        """Patch one more callable, which the user named."""
        kind = "method" if isinstance(holder, type) else "function"
        self._patch(holder, name, Family("", (name,), kind, by_object=hasattr(holder, "forward")))

    def _adopt(self, cls: type, family: Family) -> None:
        for name in self._defined[id(family)].names(cls):
            if can_wrap(dict_of_class(cls).get(name)):  # a placeholder may become a method
                self._patch(cls, name, family)

    def _adopt_functions(self, module: ModuleType, family: Family) -> None:
        for name in family.names:
            if can_wrap(vars(module).get(name)):
                self._patch(module, name, family)

    def _patch(self, holder: Any, name: str, family: Family) -> None:
        raw = vars(holder)[name]
        bound = isinstance(holder, type) and not isinstance(raw, staticmethod)

        def wrapped(original: Any) -> Any:
            target = self._kept.again(holder, name, original) or self._kept.made(
                Target(
                    kind=family.kind,
                    name=name,
                    function="forward" if family.kind == "module" else family.called or name,
                    original=original,
                    holder=holder,
                    # A class method is called on a class, so each class is a callee of its own.
                    by_object=(family.by_object and bound) or isinstance(raw, classmethod),
                    bound=bound,
                    tells=family.tells.get(name),
                    through=family.through,
                    stands_in=family.stands_in,
                )
            )
            self._targets.append(target)
            return target.wrapper

        self._patches.own(holder, name, wrapped)

    def _telling(self, base: Any) -> Any:
        """What makes an `__init_subclass__` that tells us of the new class after it did its own work."""
        own = dict_of_class(base).get("__init_subclass__")
        families = self

        @functools.wraps(getattr(own, "__func__", base.__init_subclass__))
        @unseen
        def __init_subclass__(cls: Any, /, **options: Any) -> None:
            try:
                if own is not None:
                    own.__get__(None, cls)(**options)
                else:
                    super(base, cls).__init_subclass__(**options)
            except BaseException as error:
                hide_our_lines(error)
                raise
            try:
                families.born(cls)
            except Exception as error:  # the host's class is made all the same
                active.fault("new class", error)

        return classmethod(__init_subclass__)


def can_wrap(raw: Any) -> bool:
    """Whether an attribute is a plain method.  A coroutine or generator function only makes an object, whose
    body runs later, and a wrapper would no longer be seen as such a function."""
    function = raw.__func__ if isinstance(raw, (staticmethod, classmethod)) else raw
    return isinstance(function, FunctionType) and not function.__code__.co_flags & _LAZY


def subclasses_of(base: type) -> list[type]:
    """All classes below `base`, each once; a class comes after one of its bases."""
    below: Callable[[type], list[type]] = type.__subclasses__
    found: dict[int, type] = {}
    waiting = [base]
    for above in waiting:  # grows while it is walked
        new = [cls for cls in below(above) if id(cls) not in found]
        if new:
            found.update(zip(map(id, new), new, strict=True))
            waiting += new
    return list(found.values())
