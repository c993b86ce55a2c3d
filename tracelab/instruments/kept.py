"""What is kept from one trace to the next, so that beginning one takes half a millisecond and not two.

Of the five hundred classes of a family most define none of its methods, and the hundred wrappers that the
others need are the same each time.  Only wrappers of classes that their library holds for good are kept: a
class that the user made must be able to die.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Hashable
from typing import Any

from ..describe import dict_of_class, home
from ..recorder import Target, wrap

LIBRARIES = frozenset({"torch", "transformers", "tokenizers"})


class Barren:
    """Classes that have no attribute of the names that a family wants."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, Hashable], tuple[Any, int]] = {}

    def knows(self, cls: type, family: Hashable) -> bool:
        """Whether the class had nothing for the family, and has as many attributes as then.

        That one went and another came in return is not seen: looking for it takes a third of a millisecond.
        """
        seen = self._seen.get((id(cls), family))
        return seen is not None and seen[0]() is cls and seen[1] == len(dict_of_class(cls))

    def note(self, cls: type, family: Hashable) -> None:
        """The class has nothing for the family."""
        key, seen = (id(cls), family), self._seen
        seen[key] = weakref.ref(cls, lambda _: seen.pop(key, None)), len(dict_of_class(cls))


class Wrappers:
    """The wrappers of the methods of library classes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Target] = {}

    def again(self, wanted: Target) -> Target:
        """The target that stood in for this very function before; else `wanted`, wrapped."""
        holder = wanted.holder
        key = id(holder), wanted.name
        kept = self._kept.get(key)
        if kept is not None and kept.original is wanted.original and kept.holder is holder:
            kept.retired = False
            return kept
        wanted.wrapper = wrap(wanted)
        if isinstance(holder, type) and _stays(holder):
            self._kept[key] = wanted
        return wanted


def _stays(cls: type) -> bool:
    """Whether a class stands in a module of a library, where it will not die before the process."""
    module, name = home(cls)
    library = sys.modules.get(module) if module.partition(".")[0] in LIBRARIES else None
    return library is not None and vars(library).get(name) is cls
