"""Telling when a library is loaded, so that a trace can start before `import torch`.

`tracelab run` begins to record before the first line of the script: nothing that it wants to patch exists
yet.  A finder at the front of `sys.meta_path` waits for the watched names.  It finds nothing itself: it
asks the finders behind it for the module, and hands on their answer with a loader that calls back when the
module's code has run.  That loader takes itself out again before the code runs, so a module never shows
another `__loader__` or `__spec__.loader` than it would have had.

`torch._dynamo` needs the opposite: at its first import it keeps whatever `nn.Module.__call__` is at that
moment, and would take our wrapper for the original for ever.  A name can therefore have a context manager
that is held around its import.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import ModuleType
from typing import Any

Callback = Callable[[str], None]
Around = Callable[[], AbstractContextManager[object]]


class Watcher:
    """Calls `arrived(name)` after each watched module has been loaded.

    A finder by its method alone: `importlib.abc` takes a third as long to load as all of tracelab.
    """

    def __init__(
        self, names: Sequence[str], arrived: Callback, around: Mapping[str, Around] | None = None
    ) -> None:
        self._names = frozenset(names)
        self._arrived = arrived
        self._around = dict(around or {})
        self._asking = threading.local()
        self._on = False

    def install(self) -> None:
        """Begin to watch."""
        self._on = True
        finders: list[Any] = sys.meta_path
        if self not in finders:
            finders.insert(0, self)

    def remove(self) -> None:
        """Stop watching; a second time does nothing."""
        self._on = False
        finders: list[Any] = sys.meta_path
        if self in finders:
            finders.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that the other finders give, with our loader around theirs; None for other names."""
        if fullname not in self._names and fullname not in self._around:
            return None
        if getattr(self._asking, "name", None) == fullname:
            return None
        self._asking.name = fullname
        try:
            spec = _ask_the_others(self, fullname, path, target)
        finally:
            self._asking.name = None
        if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
            loader: Any = _Loader(spec.loader, self)
            spec.loader = loader
        return spec

    def hold(self, name: str) -> AbstractContextManager[object]:
        """What is held while the module `name` is executed."""
        around = self._around.get(name)
        return around() if around is not None and self._on else ExitStack()

    def arrived(self, name: str) -> None:
        """The module `name` is complete."""
        if name in self._names and self._on:
            self._arrived(name)


class _Loader:
    """Stands in for a real loader until the module's code is about to run."""

    def __init__(self, real: Any, watcher: Watcher) -> None:
        self._real = real
        self._watcher = watcher

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._real.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        name = module.__name__
        if spec is not None:
            spec.loader = self._real
        module.__loader__ = self._real
        with self._watcher.hold(name):
            self._real.exec_module(module)
        self._watcher.arrived(name)

    def __getattr__(self, name: str) -> Any:
        """Whoever only looks a module up (`find_spec`, `importlib.resources`) sees the real loader's side."""
        return getattr(self._real, name)


def _ask_the_others(
    watcher: Watcher, name: str, path: Sequence[str] | None, target: ModuleType | None
) -> importlib.machinery.ModuleSpec | None:
    for finder in list(sys.meta_path):
        find = getattr(finder, "find_spec", None)
        if finder is watcher or find is None:
            continue
        spec: importlib.machinery.ModuleSpec | None = find(name, path, target)
        if spec is not None:
            return spec
    return None
