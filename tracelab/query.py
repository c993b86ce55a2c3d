"""Finding calls: by name, owner, path, kind, step and status.

A pattern is `Owner.function` with `*` globs; the owner matches the class of `self` or the class whose code
ran, so `GenerationMixin.generate` finds the call that `WhisperForConditionalGeneration.generate` made to
its parent class.  Names are compared once for each site, not for each call: a trace of a million calls
has a few hundred sites.
"""

from __future__ import annotations

import warnings
from fnmatch import fnmatchcase
from itertools import repeat

from .calls import STATUSES, Call, Trace, quiet
from .errors import PatternWarning
from .events import KINDS, Site
from .values import inert


class Found(list[Call]):
    """The calls that a `find` found; an empty one says what was looked for and what comes near."""

    def __init__(self, calls: list[Call], explanation: str) -> None:
        super().__init__(calls)
        self.explanation = explanation

    def __repr__(self) -> str:
        return super().__repr__() if self else f"<{self.explanation}>"


def find(
    trace: Trace,
    pattern: str = "*",
    *,
    path: str | None = None,
    owner: str | None = None,
    kind: str | None = None,
    step: int | None = None,
    status: str | None = None,
) -> list[Call]:
    """The calls that meet every condition, in start order.

    A pattern that matches no call of the whole trace gives an empty list and a `PatternWarning` that
    names the nearest names.  ValueError for a kind or status that does not exist.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind {kind!r} does not exist; possible are {', '.join(KINDS)}")
    if status is not None and status not in STATUSES:
        raise ValueError(f"status {status!r} does not exist; possible are {', '.join(STATUSES)}")
    columns = trace.columns
    named = [matches(site, pattern) for site in columns.sites]
    wanted = [
        name
        and (path is None or (site.path is not None and fnmatchcase(site.path, path)))
        and (owner is None or fnmatchcase(site.owner, owner))
        and (kind is None or site.kind == kind)
        for name, site in zip(named, columns.sites, strict=True)
    ]
    if step is None:
        rows = columns.rows_at(wanted)
    else:
        rows = [row for row in trace.rows_in_step(step) if wanted[columns.site[row]]]
    if status is not None:
        state = STATUSES.index(status)
        # Very many rows are looked up faster in a plain list.
        states = list(columns.status) if len(rows) > len(columns) // 16 else columns.status
        rows = [row for row in rows if states[row] == state]
    with quiet():
        calls = list(map(Call, repeat(trace), rows))
    known = bool(rows) or bool(columns.rows_at(named))
    if not known and pattern != "*":
        warnings.warn(unknown(trace, pattern), PatternWarning, stacklevel=4)
    return Found(calls, f"no call matches {pattern!r} and the rest" if known else unknown(trace, pattern))


def count(trace: Trace, pattern: str = "*") -> int:
    """How many calls match `pattern`; 0 is an answer, not an error."""
    columns = trace.columns
    wanted = [matches(site, pattern) for site in columns.sites]
    return len(columns.rows_at(wanted))


def matches(site: Site, pattern: str) -> bool:
    """Whether `Owner.function`, `DefinedIn.function` or the bare function name matches the pattern."""
    return any(fnmatchcase(name, pattern) for name in names_of(site))


def names_of(site: Site) -> tuple[str, str, str]:
    """The three ways to write a pattern for a site."""
    return site.name, f"{site.defined_in}.{site.function}", site.function


def unknown(trace: Trace, pattern: str) -> str:
    """One line for a pattern that matches nothing: what was asked and the nearest names."""
    columns = trace.columns
    sites = [columns.sites[number] for number in set(columns.site)]
    if not sites:
        return f"no call matches {pattern!r}: the trace holds no calls"
    used = {site.name for site in sites}
    possible = {name for site in sites for name in names_of(site)}
    from difflib import get_close_matches

    near = get_close_matches(pattern.replace("*", ""), sorted(possible), 3, 0.5)
    if near:
        return f"no call matches {pattern!r}; the nearest are {', '.join(map(inert, near))}"
    return f"no call matches {pattern!r}; the trace has {len(used)} names, see trace.find('*')"
