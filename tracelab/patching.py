"""Cutting in at a dotted place and leaving no mark: resolve, replace, restore by identity.

A patch point is a string, `"torch:nn.Module.__call__"`: module before the colon, attribute path after it.
It is resolved only among modules that the host has loaded, so tracelab itself imports nothing.

Gotchas that this file exists for:

* The **raw** attribute is kept (`vars(holder)[name]`), not what `getattr` makes of it: a staticmethod has
  to come back as the same staticmethod object.
* A function that others have imported by name is reached by its code alone (`CodePatch`).
* An attribute that the holder merely inherits is not patched there; one that we add is deleted again.
* On the way out a patch is undone only while our wrapper is still the value.  A foreign patch that was put
  on top stays, and our wrapper below it passes through for ever.
* The record of a patch is made before the attribute is set, so that an interrupt between the two leaves a
  record of a patch that is not there (harmless) and never a patch without a record.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

from .turns import Turns, in_turn

log = logging.getLogger("tracelab")

Wrap = Callable[[Any], Any]
_ABSENT: Any = object()

_module_of_class = type.__dict__["__module__"].__get__
_name_of_class = type.__dict__["__qualname__"].__get__


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """A dotted place, `PatchPoint("torch:nn.Module.__call__")`."""

    target: str

    @property
    def module(self) -> str:
        """The module that has to be loaded before the point exists."""
        return self.target.partition(":")[0]

    def resolve(self) -> Any:
        """The object standing there, None while its module is not loaded or has no such attribute."""
        module, _, attributes = self.target.partition(":")
        found: Any = sys.modules.get(module)
        for name in attributes.split(".") if attributes else ():
            # Interned: the interpreter's cache of attributes would keep each of these texts for itself.
            found = getattr(found, sys.intern(name), None)
        return found


@dataclass(slots=True)
class Patch:
    """A wrapper standing at a place, and what stood there before."""

    holder: Any
    name: str
    original: Any
    wrapper: Any

    def apply(self) -> bool:
        """Put the wrapper in, if the original still stands there; returns whether it did."""
        if vars(self.holder).get(self.name, _ABSENT) is not self.original:
            return False
        setattr(self.holder, self.name, self.wrapper)
        return True

    def undo(self) -> bool:
        """Put the original back, unless somebody else has taken the place since; returns whether it did."""
        if vars(self.holder).get(self.name, _ABSENT) is not self.wrapper:
            return False
        if self.original is _ABSENT:
            delattr(self.holder, self.name)
        else:
            setattr(self.holder, self.name, self.original)
        return True


@dataclass(slots=True)
class CodePatch:
    """Another code in a function that stays the object that it is, wherever it was imported by name.

    `notes`: what stands in the function's dictionary for as long.
    """

    holder: Any
    original: CodeType
    wrapper: CodeType
    notes: dict[str, Any] = field(default_factory=dict)
    name: str = "__code__"

    def apply(self) -> bool:
        """Put the code in, if the original still stands there; returns whether it did."""
        if self.holder.__code__ is not self.original:
            return False
        vars(self.holder).update(self.notes)
        self.holder.__code__ = self.wrapper
        return True

    def undo(self) -> bool:
        """Put the original back, unless somebody else has changed it since; returns whether it did."""
        found = vars(self.holder)
        for name, note in self.notes.items():
            if found.get(name, _ABSENT) is note:
                del found[name]
        if self.holder.__code__ is not self.wrapper:
            return False
        self.holder.__code__ = self.original
        return True


class Patches:
    """All patches that stand at this moment, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], Patch | CodePatch] = {}
        self.turns = Turns()

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[Patch | CodePatch]:
        return iter(list(self._made.values()))

    def own(self, holder: Any, name: str, wrap: Wrap) -> None:
        """Patch an attribute that `holder` itself defines; does nothing where it only inherits it."""
        self._put(holder, name, wrap, inherited=False)

    def add(self, holder: Any, name: str, value: Any) -> None:
        """Set an attribute whether `holder` defines it or not; one that we added is deleted afterwards."""
        self._put(holder, name, lambda _: value, inherited=True)

    @in_turn
    def code(self, patch: CodePatch) -> None:
        """Give a function another code; does nothing where it has one from us."""
        key = (id(patch.holder), patch.name)
        if key not in self._made:
            self._made[key] = patch
            if not patch.apply():
                del self._made[key]

    @contextmanager
    def lifted(self, holder: Any) -> Iterator[None]:
        """The patches of one holder are out of the way for a moment."""
        lifted = self._lift(holder)
        try:
            yield
        finally:
            self._put_back(lifted)

    @in_turn
    def take_out(self, holder: Any, name: str) -> bool:
        """Undo a single patch, and forget it; returns whether it stood there."""
        patch = self._made.pop((id(holder), name), None)
        return patch is not None and patch.undo()

    @in_turn
    def undo_all(self) -> None:
        """Restore everything, last patch first; goes on to the end whatever a single one does."""
        while self._made:
            key, patch = next(reversed(self._made.items()))
            try:
                _twice(patch.undo)
            except Exception as error:  # a class that forbids assignment since we patched it
                log.warning(
                    "tracelab: a patch on %r could not be undone: %s", patch.name, type(error).__name__
                )
            del self._made[key]

    @in_turn
    def _lift(self, holder: Any) -> list[Patch | CodePatch]:
        return [patch for patch in self._made.values() if patch.holder is holder and patch.undo()]

    @in_turn
    def _put_back(self, lifted: list[Patch | CodePatch]) -> None:
        for patch in lifted:
            if self._made.get((id(patch.holder), patch.name)) is patch:  # the trace may have ended by now
                patch.apply()

    @in_turn
    def _put(self, holder: Any, name: str, wrap: Wrap, *, inherited: bool) -> None:
        # All in one turn: a thread that waited must not take the other one's wrapper for the original.
        key = (id(holder), name)
        original = vars(holder).get(name, _ABSENT)
        if key in self._made or (original is _ABSENT and not inherited):
            return
        wrapper = wrap(original) if inherited else _like(original, wrap)
        if type(wrapper) is FunctionType and _goes_by_value(holder):
            wrapper = Staying(wrapper, original)
        self._made[key] = patch = Patch(holder, name, original, wrapper)
        try:
            patch.apply()
        except Exception as error:  # a metaclass that forbids assignment: this class is not traced
            log.warning("tracelab: %r cannot be patched and is not traced: %s", name, type(error).__name__)
            del self._made[key]


class Staying:
    """A wrapper on a class that may be sent to other processes; what arrives there is the original.

    dill and cloudpickle send a class that cannot be imported with everything in it, so also our wrapper, with
    the recorders behind it.  `datasets.map(num_proc=2)` sends a class of `__main__` in this way when the
    mapped function uses a tokenizer of it.  Who looks the method up, on the class or on an object, gets a
    plain function.
    """

    __slots__ = ("original", "wrapper")

    def __init__(self, wrapper: Any, original: Any) -> None:
        self.wrapper = wrapper
        self.original = original

    def __get__(self, it: Any, owner: Any = None) -> Any:
        return self.wrapper.__get__(it, owner)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self.wrapper(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapper, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (self.original,)


def _arrived(original: Any) -> Any:
    return original


def _goes_by_value(holder: Any) -> bool:
    if not isinstance(holder, type):
        return False
    module, name = _module_of_class(holder), _name_of_class(holder)
    return (type(module) is str and module == "__main__") or "<locals>" in str.__str__(name)


def _twice(act: Callable[[], object]) -> None:
    """Once more if it failed: a fault of ours may pass, and what is left undone is left for good."""
    try:
        act()
    except Exception:
        act()


def _like(original: Any, wrap: Wrap) -> Any:
    """The wrapper in the same kind of descriptor as the original."""
    if isinstance(original, (staticmethod, classmethod)):
        return type(original)(wrap(original.__func__))
    return wrap(original)
