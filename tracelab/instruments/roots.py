"""Where a module stands: its dotted path in the real root model.

A module does not know its parents.  So when a module is met that is not known yet, its tree is walked once
and every module below it is written down with its path; the module itself is then a root.

Most calls begin at the real root (`model(...)`, `model.generate(...)`), but not all: Whisper's `generate`
calls `model.encoder` itself, and a user may call an encoder first and the model later.  When a tree turns
out to contain a module that was taken for a root before, that root has moved: `settle` rewrites what was
recorded under its old name.

Nothing is kept alive: modules are known by id together with a weak reference that must still agree.
A small module without parameters or children that no root contains (`CrossEntropyLoss()` made inside a
forward, an activation looked up anew for each call) stands nowhere: it has neither root nor path.
"""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, NamedTuple

from ..describe import class_name, dict_of_class, instance_dict, is_a, mro_of
from ..events import Site

_MAX_FRUITLESS_SEARCHES = 3


class Stand(NamedTuple):
    """A place in a model.  `container`: path of the nearest module above that has a forward of its own."""

    root: str
    path: str
    container: str | None
    aliases: tuple[str, ...] = ()


@dataclass(slots=True)
class _Entry:
    reference: weakref.ref[Any]
    stand: Stand


class Roots:
    """The root models of one recording and the places of all modules in them."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._roots: list[weakref.ref[Any]] = []
        self._names: dict[str, str] = {}
        self._numbers: tuple[tuple[int, int], dict[str, int]] = (0, 0), {}
        self._latest: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._moved: dict[str, Stand] = {}
        self._searched: dict[str, int] = {}

    def stand(self, module: Any) -> Stand | None:
        """The place of `module`, which becomes a root of its own if no root contains it."""
        known = self._lookup(module)
        if known is not None:
            return known
        if self._roots and self._added_later(module):
            return self._lookup(module)
        if self._roots and _is_bare(module):
            return None
        self.register(module)
        return self._lookup(module)

    def register(self, root: Any) -> None:
        """Write down `root` and everything below it."""
        label = self._provisional_label(root)
        self._roots = [known for known in self._roots if known() is not None]
        self._roots.append(weakref.ref(root))
        self._walk(root, label)

    def settle(self, site: Site) -> Site:
        """`site` with the root and path that hold now that all roots are known."""
        hops = 0
        while site.root in self._moved and hops <= len(self._moved):
            hops += 1
            new = self._moved[site.root]
            path = ".".join(filter(None, (new.path, site.path)))
            container = new.container if site.path == "" else _joined(new.path, site.container)
            container = container if site.kind == "module" else None
            aliases = tuple([_joined(new.path, alias) or "" for alias in site.aliases])
            site = replace(site, root=new.root, path=path, container=container, aliases=aliases)
        return site if site.root is None else replace(site, root=self._label(site.root))

    def _lookup(self, module: Any) -> Stand | None:
        entry = self._entries.get(id(module))
        return entry.stand if entry is not None and entry.reference() is module else None

    def _added_later(self, module: Any) -> bool:
        """Walk the known roots again: `module` may have been added to one since it was first seen."""
        kind = class_name(type(module))
        if self._searched.get(kind, 0) >= _MAX_FRUITLESS_SEARCHES:
            return False
        for reference in self._roots:
            root = reference()
            known = None if root is None else self._lookup(root)
            if known is not None and known.path == "":
                self._walk(root, known.root)
        found = self._lookup(module) is not None
        if not found:
            self._searched[kind] = self._searched.get(kind, 0) + 1
        return found

    def _walk(self, root: Any, label: str) -> None:
        waiting: list[tuple[Any, str, str | None]] = [(root, "", None)]
        seen: set[int] = set()
        while waiting:
            module, path, container = waiting.pop()
            if id(module) in seen:
                self._alias(module, path)
                continue
            seen.add(id(module))
            self._place(module, Stand(label, path, container))
            inner = path if _has_forward(module) else container
            for name, child in reversed(children_of(module)):
                waiting.append((child, f"{path}.{name}" if path else name, inner))

    def _place(self, module: Any, stand: Stand) -> None:
        before = self._lookup(module)
        if before is not None and before.root != stand.root:
            if before.path == "":
                self._moved[before.root] = stand
            elif stand.path == "":
                return
        self._entries[id(module)] = _Entry(weakref.ref(module), stand)

    def _alias(self, module: Any, path: str) -> None:
        entry = self._entries[id(module)]
        if path not in (entry.stand.path, *entry.stand.aliases):
            entry.stand = entry.stand._replace(aliases=(*entry.stand.aliases, path))

    def _provisional_label(self, root: Any) -> str:
        """A label that two threads which meet the same new root at the same moment both arrive at.

        It is made of the id, and of how many roots that are gone now had that id before.  One module
        without children after another (made anew for each call) counts as one.
        """
        latest = self._latest.get(id(root))
        generation = 0
        if latest is not None:
            gone = latest[0]() is not root
            generation = latest[1] + (1 if gone and children_of(root) else 0)
        self._latest[id(root)] = weakref.ref(root), generation
        label = f"{class_name(type(root))} {id(root):x} {generation}"
        self._names.setdefault(label, class_name(type(root)))
        return label

    def _label(self, provisional: str) -> str:
        """The label that is shown: the class name, with `#2` for the second root of that class."""
        known = len(self._names), len(self._moved)  # both only grow
        if self._numbers[0] != known:
            self._numbers = known, self._numbered()
        name, number = self._names[provisional], self._numbers[1].get(provisional, 1)
        return name if number == 1 else f"{name}#{number}"

    def _numbered(self) -> dict[str, int]:
        """For each label the number of that root among the roots of its class."""
        seen: Counter[str] = Counter()
        numbers: dict[str, int] = {}
        for provisional, name in list(self._names.items()):
            if provisional not in self._moved:
                seen[name] += 1
                numbers[provisional] = seen[name]
        return numbers


def children_of(module: Any) -> list[tuple[str, Any]]:
    """The named submodules of a module, read from its dictionary alone."""
    children = dict.items(_mapping(module, "_modules"))
    return [(name, child) for name, child in children if type(name) is str and child is not None]


def _mapping(module: Any, name: str) -> dict[Any, Any]:
    """One of the dictionaries of a module; empty where something else stands there."""
    found: Any = instance_dict(module).get(name)
    return found if is_a(found, dict) else {}


def _has_forward(module: Any) -> bool:
    """Whether the module's class defines a forward: a ModuleList does not and is never on the stack."""
    for cls in mro_of(type(module)):
        forward = dict_of_class(cls).get("forward")
        if forward is not None:
            return type(forward) is not FunctionType or forward.__name__ != "_forward_unimplemented"
    return False


def _is_bare(module: Any) -> bool:
    """Whether a module has neither children nor parameters; the `weight=None` of a loss is none."""
    parameters = dict.values(_mapping(module, "_parameters"))
    return not children_of(module) and all(one is None for one in parameters)


def _joined(prefix: str, path: str | None) -> str | None:
    if path is None:
        return None
    return f"{prefix}.{path}" if prefix and path else prefix or path
