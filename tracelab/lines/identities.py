"""Which tensor is which: a small number for each, by identity, that keeps none of them alive.

A tensor is known by its id for as long as it lives, through a weak reference.  When it dies, the reference
puts itself on a list, which is C code: a callback in Python could swallow a Ctrl-C that comes meanwhile.  The
list is looked through when the next tensor is met, and an id whose reference is dead belongs to nobody, so a
new tensor at an old address gets a new number.

Only plain tensors have numbers.  Parameters have none: no call returns them, and `torch.utils.swap_tensors`,
by which a module may be moved, refuses an object that has weak references.
"""

from __future__ import annotations

import itertools
import sys
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from ..describe import Fields, fields_reader, names_of
from ..values import Key

MOST = 100_000
"""So many tensors may have numbers at one time; the others are counted."""

Places = tuple[tuple[str, int], ...]
"""Where tensors are, as `hidden`, `pair[0]` or `outputs[logits]`, each with its number."""

_SIMPLE = frozenset(map(id, (type(None), bool, int, float, str, type, type(len), type(lambda: 0))))


class _Reference(weakref.ref[Any]):
    """To a tensor: `key` is its id."""

    __slots__ = ("key", "number")
    key: int
    number: int


class Identities:
    """The tensors that one recording has met and that are alive.  `cut`: so many got no number."""

    def __init__(self, most: int = MOST) -> None:
        self.cut = 0
        self._most = most
        self._numbers = itertools.count(1)
        self._alive: dict[int, _Reference] = {}
        self._dead: deque[_Reference] = deque()
        self._readers: dict[int, tuple[Any, Callable[[Any], Fields] | None]] = {}
        self._plain: Any = None

    def __len__(self) -> int:
        self._bury()
        return len(self._alive)

    def number(self, value: Any) -> int:
        """The number of a tensor; 0 for one that can have none."""
        if self._dead:
            self._bury()
        known = self._alive.get(id(value))
        if known is not None and known() is value:
            return known.number
        if len(self._alive) >= self._most:
            self.cut += 1
            return 0
        made = _Reference(value, self._dead.append)
        made.key, made.number = id(value), next(self._numbers)
        self._alive[made.key] = made
        return made.number

    def places(self, name: str, value: Any) -> Places:
        """The tensors in a value that has a name: itself, or what it holds one level deep."""
        cls, plain = type(value), self._tensor()
        if cls is plain:
            number = self.number(value)
            return ((name, number),) if number else ()
        if id(cls) in _SIMPLE or plain is None:
            return ()
        read = self._reader(cls)
        if read is None:
            return ()
        keys, items, _ = read(value)
        if not any(type(item) is plain for item in items):  # not a generator of the host's: items are a list
            return ()
        found: list[tuple[str, int]] = []
        for key, item in zip(names_of(keys), items, strict=True):
            if type(item) is plain and (number := self.number(item)):
                found.append((inside(name, key), number))
        return tuple(found)

    def forget(self) -> None:
        """The recording is over: leave no reference behind."""
        self._alive = {}
        self._readers = {}
        self._dead.clear()

    def _bury(self) -> None:
        while True:
            try:
                dead = self._dead.popleft()
            except IndexError:  # empty, or another thread was faster
                return
            if self._alive.get(dead.key) is dead:
                self._alive.pop(dead.key, None)

    def _tensor(self) -> Any:
        if self._plain is None:
            self._plain = getattr(sys.modules.get("torch"), "Tensor", None)
        return self._plain

    def _reader(self, cls: type) -> Callable[[Any], Fields] | None:
        """What reads the fields of a class; by id, because hashing a class may run its metaclass."""
        known = self._readers.get(id(cls))
        if known is None or known[0]() is not cls:
            known = self._readers[id(cls)] = weakref.ref(cls), fields_reader(cls)
        return known[1]


def inside(name: str, key: Key) -> str:
    """How a place in a container is written."""
    return f"{name}[{key}]"
