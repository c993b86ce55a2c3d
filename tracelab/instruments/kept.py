"""What is kept from one trace to the next, so that beginning one takes half a millisecond and not two.

Of the five hundred classes of a family most define none of its methods, and the hundred wrappers that the
others need are the same each time.  Only wrappers of classes that their library holds for good are kept: a
class that the user made must be able to die.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

from ..describe import dict_of_class, home
from ..recorder import Target, wrap

LIBRARIES = frozenset({"torch", "transformers", "tokenizers", "datasets"})


class Defined:
    """What a class defines under the names of one family, as long as it has as many attributes.

    That one went and another came in return is not seen: looking for it takes a third of a millisecond.
    """

    def __init__(self, look: Callable[[type], list[str]]) -> None:
        self._look = look
        self._seen: dict[int, tuple[int, list[str], Any]] = {}

    def names(self, cls: type) -> list[str]:
        """The names, most often none."""
        seen = self._seen.get(id(cls))
        size = len(dict_of_class(cls))
        if seen is None or seen[0] != size:
            known, key = self._seen, id(cls)
            reference = weakref.ref(cls, lambda _: known.pop(key, None))
            seen = known[key] = (size, self._look(cls), reference)
        return seen[1]


class Wrappers:
    """The wrappers of the methods of library classes."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Target] = {}

    def again(self, holder: Any, name: str, original: Any) -> Target | None:
        """The target that stood in for this very function before."""
        kept = self._kept.get((id(holder), name))
        if kept is None or kept.original is not original or kept.holder is not holder:
            return None
        kept.retired = False
        return kept

    def made(self, target: Target) -> Target:
        """A new target, wrapped."""
        target.wrapper = wrap(target)
        if _stays(target.holder):
            self._kept[id(target.holder), target.name] = target
        return target

    def part(self, target: Target) -> None:
        """One that will not be asked for again lets go of its wrapper, which knows it: no cycle is left."""
        if self._kept.get((id(target.holder), target.name)) is not target:
            target.wrapper = target.general = None


def _stays(holder: Any) -> bool:
    """Whether a module or class is a library's, and will not die before the process."""
    if not isinstance(holder, type):
        name = vars(holder).get("__name__", "")
        return name.partition(".")[0] in LIBRARIES and sys.modules.get(name) is holder
    module, name = home(holder)
    library = sys.modules.get(module) if module.partition(".")[0] in LIBRARIES else None
    return library is not None and vars(library).get(name) is holder
