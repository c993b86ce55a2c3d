"""What the blocks of a file refer to, read and checked: visits, forms, meanings, templates.

Everything that a reader of columns will later do without asking is made sure of here: a code names a visit or
an end, what comes in with a call are arguments, what a fact says is in the table of facts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

from ..events import UNKNOWN, Site, Visit
from ..forms import Meaning
from ..packing import Packer, Template, Times, depth_of
from ..packing.codes import FACTS, GIVEN, RAISED, RETURNED
from ..packing.template import Group, Shape
from . import forms, ints, limits
from .climb import Climb
from .expect import HIGHEST, Refused, at, each, items, members, unexpected, whole
from .forms import Known
from .ints import Budget

FITTING = {
    GIVEN: ("given", "nothing"),
    RETURNED: ("value", "nothing"),
    RAISED: ("error", "nothing"),
    FACTS: ("fact",),
}
"""For each sort of number what it may mean."""

WORDS = {GIVEN: "arguments", RETURNED: "a value", RAISED: "an error", FACTS: "a fact"}


class Shelf:
    """The tables of a packed trace, and how much the rest of the file may still hold."""

    def __init__(self, sites: Sequence[Site], places: int, visits: Any, facts: int) -> None:
        """`places`, `facts`: how many there are."""
        self.budget = Budget()
        self.cells = Budget(limits.CELLS)
        self.events = Budget(limits.EVENTS)
        self.facts = facts
        self.visits = self._visits(visits, len(sites), places)
        self.packer = Packer(_no_number, _no_number_of_row, self.visits)
        self.tables = self.packer.tables
        self.known: list[Known] = []
        self._meant: list[Known] = []

    # --- tables ---------------------------------------------------------------------------------

    def fill(self, told: Any, meanings: Any, templates: Any) -> None:
        """Read the three tables."""
        with at("forms"):
            for number, value in enumerate(items(told)):
                with at(f"[{number}]"):
                    self.known.append(forms.decode(value, self.known))
        self.tables.forms = [known.form for known in self.known]
        with at("meanings"):
            self.tables.meanings = each(items(meanings), self._meaning)
        with at("templates"):
            for number, value in enumerate(items(templates)):
                with at(f"[{number}]"):
                    self.tables.templates.append(self._template(value))

    def _visits(self, value: Any, sites: int, places: int) -> list[Visit]:
        with at("visits"):
            site, place, depth = items(value, 3, 3)
            found = ints.decode(site, self.budget, 0, sites - 1)
            lines = ints.decode(place, self.budget, UNKNOWN, places - 1, len(found))
            depths = ints.decode(depth, self.budget, 0, limits.DEPTH, len(found))
            return list(map(Visit, found, lines, depths))

    def _meaning(self, value: Any) -> Meaning:
        number, *sizes = items(value, 1)
        known = self.known[whole(number, 0, len(self.known) - 1)]
        form = known.form
        items(sizes, form.width, form.width)
        for size in sizes:
            whole(size)
        if known.kind == "fact":
            whole(sizes[0], 0, self.facts - 1)
        self.cells.take(known.size)
        self._meant.append(known)
        return Meaning(form, tuple(sizes))

    def _template(self, value: Any) -> Template:
        found = members(value, ["codes", "places"], ["times"])
        with at("codes"):
            codes = array("i", ints.decode(found["codes"], self.budget, -(2**31), 2**31 - 1))
            if not codes:
                raise Refused("a template without events")
            self.check_codes(codes)
            self._check_climb(codes)
        packed = codes.tobytes()
        group = self.tables.groups.get(packed)
        if group is None:
            group = self.tables.groups[packed] = Group(packed, self.visits)
        with at("places"):
            places = ints.decode(found["places"], self.budget, 0, len(codes) - 1, len(codes))
            shape = Shape(group, _checked(tuple(places), group.sorts))
        template = Template(len(self.tables.templates), shape, ())
        if "times" in found:
            with at("times"):
                template.times = self.times(found["times"], len(group.nest.entries))
        return template

    def times(self, value: Any, calls: int) -> Times:
        """Sums of times of a template of so many calls."""
        count, *sums = items(value, 5, 5)
        columns = [
            tuple(ints.decode(column, self.budget, -limits.CLOCK, limits.CLOCK, calls)) for column in sums
        ]
        return Times(whole(count, 1), *columns)

    def _check_climb(self, codes: Sequence[int]) -> None:
        depths = [self.visits[code].depth for code in codes if code >= 0]
        lowest = min(depths, default=0)
        self.cells.take(lowest * depths.count(lowest))
        Climb(self.visits).follow(codes, lowest)

    # --- checks ---------------------------------------------------------------------------------

    def check_codes(self, codes: Iterable[int]) -> None:
        """Refuse codes that are none."""
        for code in set(codes):
            if code >= 0:
                whole(code, 0, len(self.visits) - 1)
            elif code == -1 or depth_of(code) > limits.DEPTH:
                raise unexpected("the code of an event", code)

    def check_meaning(self, number: Any, sort: int) -> Known:
        """The form of a meaning; refuse one that does not fit this sort."""
        known = self._meant[whole(number, 0, len(self._meant) - 1)]
        if known.kind not in FITTING[sort]:
            raise unexpected(f"the number of {WORDS[sort]}", number)
        return known

    def check_moving(self, known: Known, position: Any, low: int, high: int, count: int) -> None:
        """Refuse a size that a form does not have, and too many specs."""
        whole(position, 0, known.form.width - 1)
        if known.kind == "fact":
            whole(low, 0, self.facts - 1)
            whole(high, 0, self.facts - 1)
        self.cells.take(known.size * count)


def _checked(places: tuple[int, ...], sorts: bytes) -> tuple[int, ...]:
    """The variables of a template: all there, each of one sort, sort by sort."""
    sort_at = dict(zip(places, sorts, strict=True))
    order = [sort_at.get(variable, HIGHEST) for variable in range(max(places) + 1)]
    if HIGHEST in order or order != sorted(order):
        raise Refused("variables that are missing or in the wrong order")
    if [sort_at[place] for place in places] != list(sorts):
        raise Refused("a variable of two sorts")
    return places


def _no_number(number: int) -> Meaning:
    raise Refused(f"the number {number} means nothing in a file")


def _no_number_of_row(code: int, number: int) -> Meaning:
    return _no_number(number)
