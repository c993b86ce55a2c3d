"""Which callees somebody wants to see the lines of.

A choice is written as patterns: `WhisperAttention.forward` (owner, or the class that defines it, and
function, as in `find`), `model.decoder.layers.*.self_attn` (path), `modeling_whisper.py` (file); `*` stands
for anything.  `@first` behind one of them: only the first call of each callee.  In place of a pattern there
may be a hunter predicate, which is asked about each line of each recorded call, see `hunting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..errors import SetupError
from ..events import Site

_FIRST = "first"


@dataclass(frozen=True, slots=True)
class Choice:
    """One pattern; `most`: so many calls of each callee, None for all.  `predicate`: is asked instead."""

    pattern: str
    most: int | None = None
    predicate: Callable[[Any], Any] | None = None

    @classmethod
    def parse(cls, written: object) -> Choice:
        """Read `PATTERN` or `PATTERN@first`.  SetupError for anything else."""
        if callable(written):
            return cls(_named(written), predicate=written)
        if type(written) is not str or not written.strip():
            raise SetupError(
                f"source={written!r} is not possible; it is a pattern such as 'WhisperAttention.forward', "
                "'model.layers.0.self_attn' or 'modeling_whisper.py', a hunter predicate, or a list of these"
            )
        pattern, at, when = written.strip().partition("@")
        if at and when != _FIRST:
            raise SetupError(f"source={written!r} is not possible; behind @ stands {_FIRST!r} or nothing")
        return cls(pattern, 1 if at else None)

    def __str__(self) -> str:
        return self.pattern if self.most is None else f"{self.pattern}@{_FIRST}"

    def fits(self, site: Site) -> bool:
        """Whether calls of `site` are meant."""
        if self.predicate is not None:
            return True
        names = (site.name, f"{site.defined_in}.{site.function}", site.function)
        places = [site.path] if site.path and site.kind == "module" else []
        files = [site.file, site.file.rpartition("/")[2]] if site.file else []
        # A list: a Ctrl-C that comes while a generator is closed would be lost.
        return True in [fnmatchcase(name, self.pattern) for name in (*names, *places, *files)]


def _named(predicate: Callable[[Any], Any]) -> str:
    """A text for a predicate, without the address that a `repr` may have."""
    if type(predicate).__module__.startswith("hunter."):
        return str(predicate)
    return str(getattr(predicate, "__qualname__", type(predicate).__qualname__))


def choices(written: object) -> tuple[Choice, ...]:
    """All patterns of `source=`; none for None."""
    if written is None:
        return ()
    several = written if isinstance(written, Sequence) and not isinstance(written, str) else [written]
    return tuple([Choice.parse(one) for one in several])
