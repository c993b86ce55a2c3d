"""What to run: a file, a folder or zip file with `__main__.py`, a module, or standard input.

Gotchas.  Code is compiled without the future flags of this file.  Paths are joined as texts, because
`python ./a/../b.py` shows the program exactly that path in `__file__`, and `pathlib` would tidy it.
"""

# ruff: noqa: PTH109, PTH118, PTH120, PTH123
from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import machinery
from importlib.machinery import ModuleSpec
from types import CodeType
from typing import Any

from ..errors import ScriptError

Names = dict[str, Any]
"""The names that `__main__` starts with."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: its `sys.argv`, its `sys.path[0]`, and how to get its code and first names.

    A `module` finds the path of its own file in `sys.argv[0]`, once that is known.
    """

    argv: list[str]
    folder: str
    load: Callable[[], tuple[CodeType, Names]]
    module: bool = False


def find(target: str, arguments: list[str], *, module: bool = False) -> Program:
    """The program that `python TARGET ARGUMENTS...` (or `python -m ...`) would run.

    A file is read here, so that one that is missing is told before anything else happens; a module is
    looked up by `run`, because that imports its parents, which are the first lines of the program.
    """
    if module:
        return Program(["-m", *arguments], os.getcwd(), lambda: _load_spec(_find_module(target)), module=True)
    argv = [target, *arguments]
    if target == "-":
        source = _read_stdin()
        names = _names("<stdin>", machinery.BuiltinImporter)
        return Program(argv, "", lambda: (compile(source, "<stdin>", "exec", dont_inherit=True), names))
    path = os.path.join(os.getcwd(), target)
    if _is_folder_or_zip(path):
        return Program(argv, path, lambda: _load_spec(_find_main(path)))
    source = _read(path)
    return Program(argv, os.path.dirname(os.path.realpath(path)), lambda: _load_file(path, source))


def _is_folder_or_zip(path: str) -> bool:
    try:
        return pkgutil.get_importer(path) is not None
    except ValueError:  # no file can have this name, which `_read` says
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = f"[Errno {error.errno}] {error.strerror}" if isinstance(error, OSError) else str(error)
        raise ScriptError(f"can't open file {path!r}: {reason}") from None


def _read_stdin() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except (AttributeError, OSError, ValueError):
        raise ScriptError("can't read the program from standard input: it is closed") from None


def _load_file(path: str, source: bytes) -> tuple[CodeType, Names]:
    if source.startswith(importlib.util.MAGIC_NUMBER):
        compiled: Any = machinery.SourcelessFileLoader("__main__", path)
        return compiled.get_code("__main__"), _names(path, compiled)
    code = compile(source, path, "exec", dont_inherit=True)
    return code, _names(path, machinery.SourceFileLoader("__main__", path))


def _find_main(path: str) -> ModuleSpec:
    spec = machinery.PathFinder.find_spec("__main__", [path])
    if spec is None or spec.loader is None:
        raise ScriptError(f"can't find '__main__' module in {path!r}")
    return spec


def _find_module(name: str) -> ModuleSpec:
    """The spec of a module by the rules of `python -m`."""
    if name.startswith("."):
        raise ScriptError(f"relative module names like {name!r} are not supported")
    parent = name.rpartition(".")[0]
    if parent:
        _import_parent(name, parent)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        hint = f"; try {name[:-3]!r} as the module name" if name.endswith(".py") else ""
        raise ScriptError(f"cannot find module {name!r} ({type(error).__name__}: {error}){hint}") from None
    if spec is None:
        raise ScriptError(f"No module named {name}")
    if spec.submodule_search_locations is not None:
        try:
            return _find_module(f"{name}.__main__")
        except ScriptError as error:
            raise ScriptError(f"{error}; {name!r} is a package and cannot be directly executed") from None
    if spec.loader is None:
        raise ScriptError(f"{name!r} is a namespace package and cannot be executed")
    return spec


def _import_parent(name: str, parent: str) -> None:
    """Import the package around a module, so that what goes wrong inside it is told as its own error."""
    try:
        importlib.import_module(parent)
    except ImportError as error:
        # A missing package is reported by the search for the module itself.
        if error.name is None or not f"{parent}.".startswith(f"{error.name}."):
            raise
    if name in sys.modules and not hasattr(sys.modules[name], "__path__"):
        warnings.warn(
            f"{name!r} found in sys.modules after import of package {parent!r}, but prior to execution of "
            f"{name!r}; this may result in unpredictable behaviour",
            RuntimeWarning,
            stacklevel=2,
        )


def _load_spec(spec: ModuleSpec) -> tuple[CodeType, Names]:
    loader: Any = spec.loader
    try:
        code = loader.get_code(spec.name)
    except ImportError as error:
        raise ScriptError(str(error)) from None
    if code is None:
        raise ScriptError(f"no code object available for {spec.name}")
    return code, _names(spec.origin, loader, spec)


def _names(file: str | None, loader: object, spec: ModuleSpec | None = None) -> Names:
    return {
        "__doc__": None,
        "__package__": None if spec is None else spec.parent,
        "__loader__": loader,
        "__spec__": spec,
        "__file__": file,
        "__cached__": None if spec is None else spec.cached,
        "__builtins__": builtins,
        **({"__annotations__": {}} if sys.version_info < (3, 14) else {}),
    }
