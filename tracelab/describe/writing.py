"""The source of a reader, written for one layout.  This is one, for `layer(x, past_key_values=..., use=...)`:

    def make(plain, modes, constants, sizes, number):
        c0, c1, c2, c3, c4, c5, = constants
        s0, s1, s2, s3, = sizes
        t0 = sizes[0:3]
        def read(args, kwargs):
            try:
                if modes(): return None
                if len(args) != 1: return None
                v0, = args
                if type(v0) is not plain or v0.dtype is not c0 or not v0.is_cpu or v0.shape != t0: return None
                if tuple(kwargs) != c1: return None
                v1, v2, = kwargs.values()
                if type(v1) is not c2: return None
                layers = v1.layers
                ...
                n = keys.shape[-2]
                if type(v2) is not c5: return None
                return number + n
            except Exception:
                return None
        return read

`n` is the number of the hole (see `holes`).  The lines stand in `linecache`, so a debugger shows them.
"""

from __future__ import annotations

import functools
import linecache
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..forms import LOWER
from .parts import CACHE, CLASS, MAPPING, NONE, SEQUENCE, TENSOR, Layout
from .reflection import all_texts

CALL, VALUE = "args, kwargs", "value"


@functools.lru_cache(maxsize=1024)
def factory(parameters: str, layout: Layout, holes: tuple[int, ...]) -> Callable[..., Any]:
    """What makes readers: called with the class of plain tensors, the modes, constants, sizes and number.

    A size that is in a hole comes as its distance from the first of these.
    """
    source = _Source(holes)
    if parameters == CALL:
        source.items("args", layout[1])
        source.items("kwargs", layout[2])
    else:
        source.compare("value", layout)
    text = source.text(parameters)
    name = f"<tracelab reader {hash(text) & 0xFFFFFFFF:08x}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    space: dict[str, Any] = {
        "order": OrderedDict.__iter__,
        "item": dict.__getitem__,
        "names": dict.keys,
        "all_texts": all_texts,
    }
    exec(compile(text, name, "exec"), space)
    make: Callable[..., Any] = space["make"]
    return make


class _Source:
    """The lines of one reader; constants and sizes are taken in the order in which `parts` gathers them."""

    def __init__(self, holes: tuple[int, ...]) -> None:
        self._holes = holes
        self._lines = ["if modes(): return None"]
        self._before: list[str] = []
        self._constants = 0
        self._sizes = 0
        self._variables = 0
        self._open = bool(holes)

    def text(self, parameters: str) -> str:
        """The whole factory."""
        names = "".join(f"c{at}, " for at in range(self._constants))
        sizes = "".join(f"s{at}, " for at in range(self._sizes))
        before = [f"{names}= constants" if names else "", f"{sizes}= sizes" if sizes else "", *self._before]
        body = [*self._lines, "return number + n" if self._holes else "return number"]
        lines = [
            "def make(plain, modes, constants, sizes, number):",
            *(f"    {line}" for line in before if line),
            f"    def read({parameters}):",
            "        try:",
            *(f"            {line}" for line in body),
            "        except Exception:",
            "            return None",
            "    return read",
        ]
        return "\n".join(lines)

    def compare(self, name: str, layout: Layout) -> None:
        """Lines that return where the variable `name` is other than it was."""
        kind, *rest = layout
        if kind == NONE:
            self._unless(f"{name} is not None")
        elif kind == TENSOR:
            self._tensor(name, *rest)
        else:
            self._unless(f"type({name}) is not {self._constant()}")
            if kind == CACHE:
                self._cache(name)
            elif kind != CLASS:
                self.items(name, layout)

    def items(self, name: str, layout: Layout) -> None:
        """The same for what is in a container whose class is settled."""
        _, kind, *parts = layout
        if kind == SEQUENCE:
            self._unless(f"len({name}) != {len(parts)}")
            self._unpack(name, parts)
        elif kind == MAPPING:
            self._names(name, len(parts))
            self._unpack(f"{name}.values()", parts)
        else:  # a mapping with an order of its own, which hashes the keys when it is followed
            self._unless(f"not all_texts(names({name}))")
            names = self._names(f"order({name})", len(parts))
            for at, part in enumerate(parts):
                variable = self._variable()
                self._lines.append(f"{variable} = item({name}, {names}_{at})")
                self.compare(variable, part)

    def _names(self, found: str, count: int) -> str:
        """Names one by one and with their class: comparing whole tuples would ask a key of the host's."""
        names = self._constant()
        if not count:
            self._unless(f"tuple({found})")
            return names
        keys = [self._variable() for _ in range(count)]
        wanted = [f"{names}_{at}" for at in range(count)]
        self._before.append(f"{', '.join(wanted)}, = {names}")
        self._lines.append(f"{', '.join(keys)}, = {found}")
        pairs = zip(keys, wanted, strict=True)
        others = [
            f"{key} is not {name} and (type({key}) is not str or {key} != {name})" for key, name in pairs
        ]
        self._unless(" or ".join(others))
        return names

    def _unpack(self, source: str, parts: list[Layout]) -> None:
        if parts:
            variables = [self._variable() for _ in parts]
            self._lines.append(f"{', '.join(variables)}, = {source}")
            for variable, part in zip(variables, parts, strict=True):
                self.compare(variable, part)

    def _tensor(self, name: str, on_cpu: bool, rank: int) -> None:
        other = f"type({name}) is not plain or {name}.dtype is not {self._constant()} or "
        other += f"not {name}.is_cpu" if on_cpu else f"{name}.device != {self._constant()}"
        at = range(self._sizes, self._sizes + rank)
        self._sizes += rank
        if not any(size in self._holes for size in at):
            self._before.append(f"t{at.start} = sizes[{at.start}:{at.stop}]")
            self._unless(f"{other} or {name}.shape != t{at.start}")
            return
        self._unless(other)
        self._lines.append(f"shape = {name}.shape")
        self._unless(f"len(shape) != {rank}")
        if self._open:
            self._hole(f"shape[{next(size for size in at if size in self._holes) - at.start}]")
        self._unless(f"shape != ({''.join(f'{self._size(size)}, ' for size in at)})")

    def _cache(self, name: str) -> None:
        layer, count = self._constant(), self._constant()
        size, self._sizes = self._sizes, self._sizes + 1
        self._lines.append(f"layers = {name}.layers")
        self._unless(f"type(layers) is not list or len(layers) != {count}")
        self._lines.append("last = layers[-1]")
        self._unless(f"type(last) is not {layer} or last.is_initialized is not True")
        self._lines.append("keys = last.keys")
        self._unless("type(keys) is not plain")
        if size in self._holes and self._open:
            self._hole("keys.shape[-2]")
        else:
            self._unless(f"keys.shape[-2] != {self._size(size)}")

    def _hole(self, first: str) -> None:
        self._open = False
        self._lines.append(f"n = {first}")
        self._unless(f"n > {LOWER}")

    def _size(self, at: int) -> str:
        return f"n + s{at}" if at in self._holes else f"s{at}"

    def _unless(self, other: str) -> None:
        self._lines.append(f"if {other}: return None")

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables - 1}"

    def _constant(self) -> str:
        self._constants += 1
        return f"c{self._constants - 1}"
