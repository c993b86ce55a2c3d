"""One block while it is made: segments find their templates, then the variables of all instances are told.

A segment is tried against the shapes that its codes have shown, the latest first.  If what the shape picks,
spread again, is the segment, then the forms of the picked numbers say which template it is.  Numbers that
were picked before in this block were looked up before.

Not every repetition is worth it: a template with few instances, whose variables all move, takes more room
than its events do.  Those instances stay loose.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from .block import LOOSE, Block, Variable, gaps
from .codes import sort_of
from .known import Known
from .series import Series, series
from .summary import summed_up
from .tables import Tables
from .template import Group, Numbers, Shape, Template

TRIES = 8
"""So many shapes of a group are tried before its partition is made anew."""


class Assembly:
    """Segments of one block on their way."""

    def __init__(self, tables: Tables, known: tuple[Known, ...]) -> None:
        self._tables = tables
        self._known = known
        self._codes = b""
        self._values: Numbers = ()
        self._ends: list[int] = []
        self._templates: list[Template | None] = []
        self._instances: dict[Template, list[Numbers]] = {}
        self._shared: dict[tuple[int, ...], Series] = {}

    # --- segments to templates ------------------------------------------------------------------

    def sort(self, codes: bytes, values: Numbers, ends: list[int]) -> None:
        """Find the template of each segment; they end at `ends`."""
        self._codes, self._values, self._ends = codes, values, ends
        groups, instances, templates = self._tables.groups, self._instances, self._templates
        memo: dict[tuple[Shape, Numbers], Template | None] = {}
        start = 0
        for end in ends:
            packed = codes[4 * start : 4 * end]
            numbers = values[start:end]
            start = end
            group = groups.get(packed) or self._tables.group(packed)
            shape = None if group is None else _shape_of(group, numbers)
            if shape is None:
                templates.append(None)
                continue
            picked = shape.pick(numbers)
            key = (shape, picked)
            if key in memo:
                template = memo[key]
            else:
                template = memo[key] = self._tables.template(shape, self._forms(shape, picked))
            templates.append(template)
            if template is not None:
                if template in instances:
                    instances[template].append(picked)
                else:
                    instances[template] = [picked]

    def _forms(self, shape: Shape, picked: Numbers) -> tuple[int, ...]:
        forms: list[int] = []
        start = 0
        for known, end in zip(self._known, shape.bounds, strict=True):
            if end > start:
                forms += map(known.__getitem__, picked[start:end])
                start = end
        return tuple(forms)

    # --- the block ------------------------------------------------------------------------------

    def block(self, clocks: list[int], summary: bool) -> Block:
        """The block of these segments; `clocks` of at least all events."""
        variables: dict[Template | None, tuple[Variable, ...]] = {}
        for template, instances in self._instances.items():
            told = tuple(self._variables(template, instances))
            if _is_worth_it(template, len(instances), told):
                variables[template] = told
        chosen = [template if template in variables else None for template in self._templates]
        loose = self._stretches(chosen)
        events = self._ends[-1] if self._ends else 0
        kept = summed_up(chosen, self._ends, clocks) if summary else clocks[:events]
        return Block(
            events=events,
            templates=_merged(chosen),
            kinds=tuple([template.number for template in variables if template]),
            variables=tuple(variables.values()),
            loose_sizes=array("i", [end - start for start, end in loose]),
            loose_codes=self._loose_codes(loose),
            loose_meanings=array("i", [number for stretch in loose for number in self._meanings(*stretch)]),
            first=kept[0] if kept else 0,
            gaps=gaps(kept),
            summary=summary,
        )

    def _variables(self, template: Template, instances: list[Numbers]) -> Iterator[Variable]:
        bounds = template.shape.bounds
        for at, column in enumerate(zip(*instances, strict=True)):
            yield self._variable(self._known[bisect_right(bounds, at)], column)

    def _variable(self, known: Known, column: Numbers) -> Variable:
        first = column[0]
        if column.count(first) == len(column):
            return known.meaning(first)
        sizes = list(zip(*map(known.sizes.__getitem__, column), strict=True))
        base: list[int] = []
        moving: list[int | Series] = []
        for at, values in enumerate(sizes):
            if values.count(values[0]) == len(values):
                base.append(values[0])
            else:
                base.append(0)
                moving += (at, self._series(values))
        if not moving:
            return known.meaning(first)
        return (self._tables.meaning(known[first], tuple(base)), *moving)

    def _series(self, values: tuple[int, ...]) -> Series:
        found = self._shared.get(values)
        if found is None:
            found = self._shared[values] = series(values)
        return found

    # --- what is instance of nothing ------------------------------------------------------------

    def _stretches(self, chosen: list[Template | None]) -> list[tuple[int, int]]:
        """Start and end of each run of segments without a template."""
        found: list[tuple[int, int]] = []
        start = 0
        for template, end in zip(chosen, self._ends, strict=True):
            if template is None and end > start:
                if found and found[-1][1] == start:
                    found[-1] = (found[-1][0], end)
                else:
                    found.append((start, end))
            start = end
        return found

    def _loose_codes(self, loose: list[tuple[int, int]]) -> array[int]:
        return array("i", b"".join([self._codes[4 * start : 4 * end] for start, end in loose]))

    def _meanings(self, start: int, end: int) -> list[int]:
        known = self._known
        codes = array("i", self._codes[4 * start : 4 * end])
        return [
            known[sort_of(code)].meaning(number)
            for code, number in zip(codes, self._values[start:end], strict=True)
        ]


def _shape_of(group: Group, numbers: Numbers) -> Shape | None:
    shapes = group.shapes
    for shape in reversed(shapes[-TRIES:]):
        if shape.spread(shape.pick(numbers)) == numbers:
            if shape is not shapes[-1]:
                shapes.remove(shape)
                shapes.append(shape)
            return shape
    return group.shape_of(numbers)


def _is_worth_it(template: Template, count: int, variables: tuple[Variable, ...]) -> bool:
    """Whether the instances take less room than their events would: bytes, roughly."""
    moving = [len(variable) for variable in variables if isinstance(variable, tuple)]
    return 100 + 8 * len(variables) + 60 * sum(moving) < 8 * len(template.group.codes) * count


def _merged(chosen: list[Template | None]) -> array[int]:
    """The ids of the templates, with one LOOSE for each stretch."""
    ids = [LOOSE if template is None else template.number for template in chosen]
    return array(
        "i", [number for at, number in enumerate(ids) if number != LOOSE or ids[at - 1 : at] != [LOOSE]]
    )
