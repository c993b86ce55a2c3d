"""Which calls are equal with everything below them, and how close to equal.

A tree may be folded only where the folded subtrees really are the same.  Comparing them pair by pair would
be quadratic, so each call gets a number, made from what the call is by itself (see `likeness`), from its
place and from the numbers of its children: equal numbers, equal subtrees.  There are two of them:

    loose   for repetition in time: decode step 7 has a longer mask than step 6
    exact   with all sizes, for stacks: `layers.0` and `layers.1` of equal width

The place of a child is relative to the module around it, so `layers.0.fc1` equals `layers.1.fc1` below
their layers.

Numbers are made when they are asked for.  Sizes do not count in a loose number, so it is made once for all
twins (see `Columns.twin`); but the place of a call depends on the module around it, which twins need not
share: their number is kept together with that module.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence

from ..calls import Columns
from ..events import UNKNOWN, Site
from . import likeness
from .likeness import Likeness
from .upwards import upwards
from .visible import Visible

_AROUND = 32
"""Bits for a site.  A row and the site of the module around it make one int: there may be a million."""


class Keys:
    """Numbers and places of the calls that may be shown."""

    def __init__(self, visible: Visible) -> None:
        columns = visible.columns
        self._columns = columns
        self._places = Places(columns)
        self._own_exact = Likeness(columns, likeness.exact, visible.reached)
        own_loose = Likeness(columns, likeness.loose, visible.reached)
        self._loose = _Numbers(visible, self._places, own_loose, visible.twin)
        self._exact = _Numbers(visible, self._places, self._own_exact, lambda row: row)

    def loose(self, row: int) -> int:
        """The number of a call with everything below it, without sizes."""
        return self._loose.number(row)

    def exact(self, row: int) -> int:
        """The number of a call with everything below it and all sizes."""
        return self._exact.number(row)

    def own_exact(self, row: int) -> int:
        """The number of a call alone, with all sizes."""
        return self._own_exact.number(row)

    def loose_of(self, siblings: Sequence[int]) -> list[int]:
        """The loose numbers of calls that one call made."""
        return self._loose.numbers(siblings)

    def kinds_of(self, rows: Sequence[int]) -> list[Hashable]:
        """For each call what it has in common with every call that is equal to it."""
        columns = self._columns
        return [likeness.kind_of(columns.sites[columns.site[row]]) for row in rows]

    def places_of(self, siblings: Sequence[int]) -> list[str | None]:
        """The places of calls that one call made."""
        around = self._places.around(siblings[0]) if siblings else UNKNOWN
        return [self._places.place(self._columns.site[row], around) for row in siblings]

    def place(self, row: int) -> str | None:
        """Path of a call relative to the module around it, None for a call that has no path."""
        return self._places.place(self._columns.site[row], self._places.around(row))


class _Numbers:
    """One number for each subtree; rows with the same `twin` inside the same module share theirs."""

    def __init__(self, visible: Visible, places: Places, own: Likeness, twin: Callable[[int], int]) -> None:
        self._visible = visible
        self._places = places
        self._own = own
        self._twin = twin
        self._known: dict[int, int] = {}
        self._numbers: dict[Hashable, int] = {}

    def number(self, row: int) -> int:
        """The number of the subtree of `row`."""
        return self._number(self._twin(row) << _AROUND | self._places.around(row) + 1)

    def numbers(self, siblings: Sequence[int]) -> list[int]:
        """The same for calls that one call made, and that therefore stand inside the same module."""
        around = self._places.around(siblings[0]) + 1 if siblings else 0
        return [self._number(self._twin(row) << _AROUND | around) for row in siblings]

    def _number(self, standing: int) -> int:
        found = self._known.get(standing)
        return upwards(standing, self._known, self._below, self._make) if found is None else found

    def _below(self, standing: int) -> Sequence[int]:
        row = standing >> _AROUND
        children = self._visible.children_of(row)
        if not children:
            return ()
        inside = self._places.inside(row, _around(standing)) + 1
        twin = self._twin
        return [twin(child) << _AROUND | inside for child in children]

    def _make(self, standing: int, below: Iterable[int]) -> int:
        row = standing >> _AROUND
        place = self._places.place(self._visible.columns.site[row], _around(standing))
        return self._numbers.setdefault((self._own.number(row), place, tuple(below)), len(self._numbers))


def _around(standing: int) -> int:
    """The site of the module around the row of `standing`; `UNKNOWN` (-1) for none."""
    return (standing & ((1 << _AROUND) - 1)) - 1


class Places:
    """Where calls stand in the module around them."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._inside: dict[int, int] = {UNKNOWN: UNKNOWN}
        self._known: dict[tuple[int, int], str | None] = {}

    def around(self, row: int) -> int:
        """The site of the nearest module above `row`."""
        columns, known = self._columns, self._inside
        climbed: list[int] = []
        above = columns.parent[row]
        while above not in known:
            climbed.append(above)
            site = columns.site[above]
            if columns.sites[site].path is not None:
                known[above] = site
            else:
                above = columns.parent[above]
        for passed in climbed:
            known[passed] = known[above]
        return known[above]

    def inside(self, row: int, around: int) -> int:
        """The site of the module around the children of `row`, if `around` is the one around itself."""
        site = self._columns.site[row]
        return around if self._columns.sites[site].path is None else site

    def place(self, site: int, around: int) -> str | None:
        """Relative path of a call of `site`, made inside a call of `around`."""
        if (site, around) not in self._known:
            sites = self._columns.sites
            outer = None if around == UNKNOWN else sites[around]
            self._known[site, around] = relative(sites[site], outer)
        return self._known[site, around]


def relative(site: Site, around: Site | None) -> str | None:
    """Path of `site` below the module `around` it; its whole path where it does not stand below that."""
    path = site.path
    if path is None or around is None or not around.path or around.root != site.root:
        return path
    return path[len(around.path) + 1 :] if path.startswith(around.path + ".") else path
