"""Calls of one function side by side: which went alike, and so share a column or a whole listing.

    model.decoder.layers.0.self_attn   prefill | decode 1–5
    model.decoder.layers.1.self_attn   the same: one listing, model.decoder.layers.(0-1).self_attn

Two calls went alike when the same statements ran, with tests that went the same way and names bound to the
same kinds of values.  Sizes may grow from call to call, by the rule that folds the lines of a tree.  Where
there would be more than `MOST` columns the last one holds all the rest.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..calls import Call
from ..passes import Pass
from ..values import Spec
from .executions import Told
from .merging import kind, merged, sizes
from .moments import When
from .repeats import stretches, summary

MOST = 4
"""So many columns are side by side at most."""
VARIED = "varied"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of one unit: in one call, or in the calls of a column."""

    hits: int | str
    condition: bool | str | None
    bound: dict[str, Spec]


@dataclass(slots=True)
class Seen:
    """One call, what was seen of its lines, and what that says of each unit."""

    call: Call
    lines: Pass
    when: When | None
    facts: dict[int, Fact]

    @property
    def shape(self) -> Hashable:
        """What must be the same for two calls to share a column."""
        units = [
            (
                unit,
                fact.hits == 0,
                fact.condition,
                tuple([(name, kind(spec)) for name, spec in fact.bound.items()]),
            )
            for unit, fact in sorted(self.facts.items())
        ]
        return tuple(units), self.lines.ended, is_whole(self.lines), self.when and self.when.phase

    def sizes(self, caches: bool = True) -> tuple[object, ...]:
        """What may be in progression from call to call; `caches`: with the lengths of caches."""
        found: list[object] = []
        for _, fact in sorted(self.facts.items()):
            found.append(fact.hits)
            found += [size for spec in fact.bound.values() for size in sizes(spec, caches)]
        return tuple(found)


@dataclass(slots=True)
class Group:
    """The calls of one column: those of the first object, and those of all objects that went alike.

    Of all objects they are in the order of the steps, and for each step in that of the objects.
    """

    first: list[Seen]
    every: list[Seen]
    label: str = ""


def is_whole(lines: Pass) -> bool:
    """Whether all lines of a call were kept; of one whose end was not seen others may have run."""
    return not lines.cut and lines.ended != "open"


def fact_of(told: Told, whole: bool) -> Fact:
    """What one call says of a unit.  `whole`: all lines were kept; else there may have been more."""
    bound = {name: merged(specs) for name, specs in told.bound.items()}
    if not whole:
        return Fact(f"≥{told.hits}", None, bound)
    ways = set(told.led)
    return Fact(told.hits, VARIED if len(ways) > 1 else next(iter(ways), None), bound)


def joined(group: Group) -> dict[int, Fact]:
    """What all calls of a column say of each unit."""
    seen = group.every
    if len(seen) == 1:
        return seen[0].facts
    found = {}
    for unit in sorted({unit for one in seen for unit in one.facts}):
        known = [one.facts[unit] for one in seen if unit in one.facts]
        times = summary([one.facts[unit].hits if unit in one.facts else 0 for one in seen])
        conditions = {fact.condition for fact in known if fact.condition is not None}
        names = dict.fromkeys(name for fact in known for name in fact.bound)
        bound = {name: merged([fact.bound[name] for fact in known if name in fact.bound]) for name in names}
        found[unit] = Fact(
            hits=known[0].hits if times.first == times.last and not times.varied else str(times),
            condition=VARIED if len(conditions) > 1 else next(iter(conditions), None),
            bound=bound,
        )
    return found


def alike(objects: dict[str, list[Seen]]) -> list[list[str]]:
    """The paths whose calls went the same way one by one, together.

    A layer sees the same cache longer once another has added to it: lengths of caches may differ.
    """
    found: dict[Hashable, list[str]] = {}
    for path, seen in objects.items():
        key = tuple([(one.shape, one.sizes(caches=False), one.when) for one in seen])
        found.setdefault(key, []).append(path)
    return list(found.values())


def groups(objects: Sequence[list[Seen]]) -> list[Group]:
    """The columns of some objects whose calls went the same way: which of their calls share one."""
    first = objects[0]
    made: list[Group] = []
    for start, stop in _cuts(first):
        every = [seen[at] for at in range(start, stop) for seen in objects]
        group = Group(first[start:stop], every, _label(first, start, stop))
        twin = next((one for one in made if _is_twin(one, group)), None)
        if twin is None:
            made.append(group)
        else:
            twin.first += group.first
            twin.every += group.every
    if len(made) > MOST:
        rest = made[MOST - 1 :]
        several = Group([one for group in rest for one in group.first], [], "")
        several.every = [one for group in rest for one in group.every]
        several.label = f"{len(several.first)} more"
        made[MOST - 1 :] = [several]
    if len(made) == 1 and first[0].when is None:
        made[0].label = ""
    return made


def _cuts(seen: Sequence[Seen]) -> Iterator[tuple[int, int]]:
    """Where the calls of one object are cut into columns."""
    start = 0
    for _, run in groupby(seen, key=lambda one: one.shape):
        some = list(run)
        for begin, end in stretches([one.sizes() for one in some]):
            yield start + begin, start + end
        start += len(some)


def _is_twin(one: Group, other: Group) -> bool:
    """Whether a later loop went as an earlier one did."""
    if one.label != other.label or one.first[0].when is None or one.first[0].shape != other.first[0].shape:
        return False
    count = len(other.first)
    return [seen.sizes() for seen in one.first[:count]] == [seen.sizes() for seen in other.first]


def _label(seen: Sequence[Seen], start: int, stop: int) -> str:
    """`prefill`, `decode 1–5`; outside of steps `call 1`, `calls 2–4`."""
    when = [one.when for one in seen[start:stop] if one.when is not None]
    if not when:
        return f"call {start + 1}" if stop - start == 1 else f"calls {start + 1}–{stop}"
    phase = when[0].phase
    last = max(one.index for one in when)
    first = min(one.index for one in when)
    alone = len({one.when for one in seen if one.when is not None and one.when.phase == phase}) == 1
    if alone and phase not in ("decode", "train"):
        return phase
    return f"{phase} {first}" if first == last else f"{phase} {first}–{last}"
