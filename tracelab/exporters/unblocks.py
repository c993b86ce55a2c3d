"""Blocks read back: see `blocks`."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import accumulate
from typing import Any, NamedTuple

from ..packing import LOOSE, Block, Tables, Template, segments, sort_of
from ..packing.block import Variable
from ..packing.series import Series
from . import ints, limits
from .climb import Climb
from .expect import HIGHEST, LOWEST, Refused, at, each, items, members, unexpected, whole
from .shelf import Shelf

_KEYS = ("events", "templates", "kinds", "variables", "series", "loose", "first", "gaps")


class Range(NamedTuple):
    """A series of a file: how many values, the smallest and the largest."""

    series: Series
    size: int
    low: int
    high: int


def decode(value: Any, shelf: Shelf) -> Block:
    """The block that `blocks.encode` has written."""
    found = members(value, _KEYS, ["summary"])
    summary = found.get("summary", False)
    if type(summary) is not bool:
        raise unexpected("true or false", summary)
    tables = shelf.tables
    with at("templates"):
        templates = array(
            "i", ints.decode(found["templates"], shelf.budget, LOOSE, len(tables.templates) - 1)
        )
    counts = Counter(templates)
    stretches = counts.pop(LOOSE, 0)
    with at("kinds"):
        kinds = tuple(each(items(found["kinds"]), whole))
        if len(set(kinds)) != len(kinds) or set(kinds) != set(counts):
            raise Refused("these are not the templates of the block")
    with at("series"):
        series = each(items(found["series"]), lambda row: _series(row, shelf))
    with at("variables"):
        told = iter(zip(kinds, items(found["variables"], len(kinds), len(kinds)), strict=True))
        variables = each(told, lambda pair: _variables(shelf, pair[0], counts[pair[0]], pair[1], series))
    with at("loose"):
        sizes, codes, meanings = _loose(found["loose"], stretches, shelf)
    known = [tables.templates[kind] for kind in kinds]
    if summary and any(one.group.nest.clean and one.times is None for one in known):
        raise Refused("times are summed up, but there are no sums")
    events = len(codes) + sum([counts[one.number] * len(one.group.codes) for one in known])
    shelf.events.take(events - len(codes))
    with at("events"):
        whole(found["events"], events, events)
    clocks = len(codes) + sum([counts[one.number] * _clocks(one, summary) for one in known])
    with at("gaps"):
        gaps = ints.decode(found["gaps"], shelf.budget, LOWEST, HIGHEST, max(0, clocks - 1))
    with at("first"):
        first = whole(found["first"], -limits.CLOCK, limits.CLOCK)
    _check_clocks(first, gaps)
    return Block(events, templates, kinds, tuple(variables), sizes, codes, meanings, first, gaps, summary)


def follow(block: Block, tables: Tables, climb: Climb) -> None:
    """Follow the depths of a block."""
    for segment in segments(block, tables):
        if segment.template is None:
            climb.follow(block.loose_codes[segment.at : segment.at + segment.events])
        elif segment.template.group.nest.clean:
            climb.instance(segment.template.group.nest.depth)
        else:
            climb.follow(segment.template.group.codes)


def _series(value: Any, shelf: Shelf) -> Range:
    if type(value) is str:
        numbers = ints.decode(value, shelf.budget)
        if not numbers:
            raise Refused("a series without values")
        return Range(numbers, len(numbers), min(numbers), max(numbers))
    runs = tuple(each(items(value, 3), whole))
    if len(runs) % 3:
        raise Refused("runs are three numbers each")
    counts = [whole(count, 1) for count in runs[2::3]]
    ends = [*runs[::3], *[runs[3 * at] + (count - 1) * runs[3 * at + 1] for at, count in enumerate(counts)]]
    return Range(runs, sum(counts), whole(min(ends)), whole(max(ends)))


def _variables(shelf: Shelf, kind: int, count: int, value: Any, series: list[Range]) -> tuple[Variable, ...]:
    """The variables of the `count` instances of a template."""
    template = shelf.tables.templates[kind]
    bounds = template.shape.bounds
    told = items(value, bounds[-1], bounds[-1])
    sorts = [sort for sort, end in enumerate(bounds) for _ in range(end - (bounds[sort - 1] if sort else 0))]
    made: list[Variable] = []
    forms: list[int] = []
    for number, (variable, sort) in enumerate(zip(told, sorts, strict=True)):
        with at(f"[{number}]"):
            base, *moving = variable if type(variable) is list and variable else [variable]
            known = shelf.check_meaning(base, sort)
            forms.append(id(known.form))
            if not moving:
                made.append(base)
                continue
            if len(moving) % 2:
                raise Refused("expected pairs of a position and a series")
            pairs: list[Any] = []
            for position, row in zip(moving[::2], moving[1::2], strict=True):
                values = series[whole(row, 0, len(series) - 1)]
                if values.size != count:
                    raise Refused(f"a series of {values.size} values for {count} instances")
                shelf.check_moving(known, position, values.low, values.high, count)
                pairs += (position, values.series)
            made.append((base, *pairs))
    _check_forms(template, tuple(forms))
    return tuple(made)


def _check_forms(template: Template, forms: tuple[int, ...]) -> None:
    """All instances of a template, in all blocks, have the same forms; which, its first block says."""
    if not template.forms:
        template.forms = forms
    elif template.forms != forms:
        raise Refused("other forms than in an earlier block")


def _loose(value: Any, stretches: int, shelf: Shelf) -> tuple[array[int], array[int], array[int]]:
    lengths, told, numbers = items(value, 3, 3)
    sizes = array("q", ints.decode(lengths, shelf.budget, 1, limits.EVENTS, stretches))
    codes = array("i", ints.decode(told, shelf.budget, -(2**31), 2**31 - 1, sum(sizes)))
    shelf.events.take(len(codes))
    shelf.check_codes(codes)
    most = len(shelf.tables.meanings) - 1
    meanings = array("i", ints.decode(numbers, shelf.budget, 0, most, len(codes)))
    sorts = {code: sort_of(code) for code in set(codes)}
    for sort, number in set(zip(map(sorts.__getitem__, codes), meanings, strict=True)):
        shelf.check_meaning(number, sort)
    return sizes, codes, meanings


def _clocks(template: Template, summary: bool) -> int:
    """How many clock readings an instance keeps."""
    return len(template.group.nest.kept if summary else template.group.codes)


def _check_clocks(first: int, gaps: array[int]) -> None:
    clocks = list(accumulate(gaps, initial=first))
    if not -limits.CLOCK <= min(clocks) <= max(clocks) <= limits.CLOCK:
        raise Refused("a clock that runs for more than a lifetime", "gaps")
