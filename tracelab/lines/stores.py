"""Which names each line of a function binds, read once from its code.

Reading the locals after every line and comparing would hold on to values; the code says beforehand which
names can have changed.  A line that deletes a name counts too: up to Python 3.12 the locals that were read
last hold what they held then, and reading them again lets go of it.
"""

from __future__ import annotations

import dis
from collections import defaultdict
from collections.abc import Iterator
from types import CodeType

from ..bycode import by_code

Stores = dict[int, tuple[str, ...]]
"""By line number, the names in the order in which they are bound."""

_VARARGS, _VARKEYWORDS = 0x04, 0x08
_STORES = ("STORE_FAST", "STORE_DEREF", "STORE_NAME")
_DELETES = ("DELETE_FAST", "DELETE_DEREF", "DELETE_NAME")
_LATER = 0x20 | 0x80 | 0x200  # generator, coroutine, asynchronous generator


@by_code(1024)
def stores(code: CodeType) -> Stores:
    """The names that the lines of `code` bind."""
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    line = code.co_firstlineno
    starts = {start: number for start, _, number in code.co_lines() if number is not None}
    for instruction in dis.get_instructions(code):
        line = starts.get(instruction.offset, line)
        for name in _stored(instruction):
            found[line][name] = None
    return {number: tuple(names) for number, names in found.items()}


def _stored(instruction: dis.Instruction) -> Iterator[str]:
    """From 3.13 on one instruction may do two things: STORE_FAST_LOAD_FAST has two names."""
    operation, names = instruction.opname, instruction.argval
    if operation in _DELETES:
        yield names
    if operation.startswith(_STORES):
        several = names if type(names) is tuple else (names,)
        kinds = operation.replace("_FAST", "_FAST ").split() if len(several) > 1 else [operation]
        for kind, name in zip(kinds, several, strict=False):
            if "STORE" in kind and not name.startswith("."):  # `.0` is the iterator of a comprehension
                yield name


def parameters(code: CodeType) -> tuple[str, ...]:
    """The names of the parameters, in the order of the `def`."""
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    positional, only_by_name, rest = names[: code.co_argcount], names[code.co_argcount : count], names[count:]
    stars = bool(code.co_flags & _VARARGS)
    keywords = rest[stars : stars + 1] if code.co_flags & _VARKEYWORDS else ()
    return (*positional, *(rest[:1] if stars else ()), *only_by_name, *keywords)


def runs_later(code: CodeType) -> bool:
    """Whether calling the function only makes a generator or a coroutine, whose lines run afterwards."""
    return bool(code.co_flags & _LATER)
