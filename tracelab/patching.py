"""Cutting in at a dotted place and leaving no mark: resolve, replace, restore by identity.

A patch point is a string, `"torch.nn:Module.__call__"`: module before the colon, attribute path after it.
It is resolved only among modules that the host has loaded, so tracelab itself imports nothing.

Gotchas that this file exists for:

* The **raw** attribute is kept (`vars(holder)[name]`), not what `getattr` makes of it: a staticmethod has
  to come back as the same staticmethod object.
* An attribute that the holder merely inherits is not patched there; one that we add is deleted again.
* On the way out a patch is undone only while our wrapper is still the value.  A foreign patch that was put
  on top stays, and our wrapper below it passes through for ever.
* The record of a patch is made before the attribute is set, so that an interrupt between the two leaves a
  record of a patch that is not there (harmless) and never a patch without a record.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import SetupError

Wrap = Callable[[Any], Any]
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """A dotted place, `PatchPoint("torch.nn:Module.__call__")`."""

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
            found = getattr(found, name, None)
        return found

    def holder(self) -> tuple[Any, str] | None:
        """The class or module that holds the attribute, and the attribute's name; None while not loaded."""
        module, _, attributes = self.target.partition(":")
        if not attributes:
            raise SetupError(f"{self.target!r} is not a patch point; it reads 'module:Class.attribute'")
        above, _, name = attributes.rpartition(".")
        found = PatchPoint(f"{module}:{above}" if above else module).resolve()
        return None if found is None else (found, name)


@dataclass(slots=True)
class Patch:
    """A wrapper standing at a place, and what stood there before."""

    holder: Any
    name: str
    original: Any
    wrapper: Any

    def apply(self) -> None:
        """Put the wrapper in."""
        setattr(self.holder, self.name, self.wrapper)

    def undo(self) -> None:
        """Put the original back, unless somebody else has taken the place since."""
        if vars(self.holder).get(self.name, _ABSENT) is not self.wrapper:
            return
        if self.original is _ABSENT:
            delattr(self.holder, self.name)
        else:
            setattr(self.holder, self.name, self.original)


class Patches:
    """All patches that stand at this moment, in the order in which they were made."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], Patch] = {}
        self.lock = threading.RLock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[Patch]:
        return iter(list(self._made.values()))

    def own(self, holder: Any, name: str, wrap: Wrap) -> None:
        """Patch an attribute that `holder` itself defines; does nothing where it only inherits it."""
        original = vars(holder).get(name, _ABSENT)
        if original is not _ABSENT:
            self._put(holder, name, original, lambda: _like(original, wrap))

    def add(self, holder: Any, name: str, value: Any) -> None:
        """Set an attribute whether `holder` defines it or not; one that we added is deleted afterwards."""
        self._put(holder, name, vars(holder).get(name, _ABSENT), lambda: value)

    @contextmanager
    def lifted(self, holder: Any) -> Iterator[None]:
        """The patches of one holder are out of the way for a moment."""
        patches = [patch for patch in self if patch.holder is holder]
        for patch in patches:
            patch.undo()
        try:
            yield
        finally:
            for patch in patches:
                patch.apply()

    def undo_all(self) -> None:
        """Restore everything, last patch first; goes on to the end whatever a single one does."""
        with self.lock:
            trouble: Exception | None = None
            while self._made:
                key = next(reversed(self._made))
                try:
                    self._made[key].undo()
                except Exception as error:  # a foreign metaclass that forbids setattr: the others still go
                    trouble = error
                del self._made[key]
            if trouble is not None:
                raise trouble

    def _put(self, holder: Any, name: str, original: Any, make: Callable[[], Any]) -> None:
        with self.lock:
            key = (id(holder), name)
            if key not in self._made:
                patch = self._made[key] = Patch(holder, name, original, make())
                patch.apply()

    def _renew_lock(self) -> None:
        self.lock = threading.RLock()


def _like(original: Any, wrap: Wrap) -> Any:
    """The wrapper in the same kind of descriptor as the original."""
    if isinstance(original, (staticmethod, classmethod)):
        return type(original)(wrap(original.__func__))
    return wrap(original)
