"""A block read back: its segments in order, and its rows with numbers replaced by meanings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..events import FACT
from ..forms import Meaning
from .block import LOOSE, Block, Variable
from .codes import depth_of, row_code
from .series import value_at
from .tables import Tables
from .template import Template

Event = tuple[int, Meaning, int]


class Segment(NamedTuple):
    """One segment of a block, or one stretch of loose events."""

    template: Template | None
    at: int
    """Which instance of its template in this block; of loose events, where in the loose ones it begins."""
    clock: int
    """Where its clocks begin."""
    events: int


def segments(block: Block, tables: Tables) -> Iterator[Segment]:
    """The segments of a block, in order."""
    instances = dict.fromkeys(block.kinds, 0)
    loose_sizes = iter(block.loose_sizes)
    loose = clock = 0
    for number in block.templates:
        if number == LOOSE:
            events = next(loose_sizes)
            yield Segment(None, loose, clock, events)
            loose += events
            clock += events
        else:
            template = tables.templates[number]
            nest = template.group.nest
            yield Segment(template, instances[number], clock, len(template.group.codes))
            instances[number] += 1
            clock += len(nest.kept) if block.summary else len(template.group.codes)


def meanings(block: Block, tables: Tables, segment: Segment) -> list[Meaning]:
    """What the variables of an instance mean; of a stretch, what each of its events does."""
    if segment.template is None:
        loose = block.loose_meanings[segment.at : segment.at + segment.events]
        return [tables.meanings[number] for number in loose]
    variables = block.variables[block.kinds.index(segment.template.number)]
    return [meaning_at(variable, tables, segment.at) for variable in variables]


def meaning_at(variable: Variable, tables: Tables, instance: int) -> Meaning:
    """What a variable means in one instance."""
    if isinstance(variable, int):
        return tables.meanings[variable]
    base, *moving = variable
    form, sizes = tables.meanings[base]
    moved = list(sizes)
    for at, series in zip(moving[::2], moving[1::2], strict=True):
        moved[at] = value_at(series, instance)
    return Meaning(form, tuple(moved))


def events(block: Block, tables: Tables, segment: Segment, clocks: list[int]) -> Iterator[Event]:
    """(code, meaning, clock) of each event of a segment, with codes as blocks have them."""
    told = meanings(block, tables, segment)
    template = segment.template
    if template is None:
        codes = block.loose_codes[segment.at : segment.at + segment.events]
        own = clocks[segment.clock : segment.clock + segment.events]
        return zip(codes, told, own, strict=True)
    nest = template.group.nest
    if block.summary and nest.clean:
        own = _guessed(template, clocks[segment.clock : segment.clock + len(nest.kept)])
    else:
        own = clocks[segment.clock : segment.clock + segment.events]
    return zip(template.group.codes, [told[place] for place in template.shape.places], own, strict=True)


def unpack(block: Block, tables: Tables) -> list[Event]:
    """The rows that were packed, with meanings for numbers; where times are summed up, with mean clocks."""
    clocks = block.clocks()
    rows: list[Event] = []
    for segment in segments(block, tables):
        for code, meaning, clock in events(block, tables, segment, clocks):
            plain = row_code(code)
            rows.append((plain, meaning, depth_of(code) if plain == FACT else clock))
    return rows


def _guessed(template: Template, kept: list[int]) -> list[int]:
    """Clocks for all events of an instance: own ones at the top, the means of all instances below."""
    nest, times = template.group.nest, template.times
    assert times is not None
    clocks = [kept[0]] * len(template.group.codes)
    for call, (entry, exit) in enumerate(zip(nest.entries, nest.exits, strict=True)):
        clocks[entry] = kept[0] + times.offsets[call] // times.instances
        clocks[exit] = clocks[entry] + times.totals[call] // times.instances
    for position, clock in zip(nest.kept, kept, strict=True):
        clocks[position] = clock
    return clocks
