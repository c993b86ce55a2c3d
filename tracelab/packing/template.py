"""What equal segments have in common, from the general to the particular: group, shape, template.

    Group       the same codes: the same calls of the same sites from the same places, ending the same way
    Shape       and the same numbers at the same places: what was seen twice is seen twice in all
    Template    and the numbers mean the same forms

What is left of one instance is the tuple of its distinct numbers, its variables: ten instead of a hundred and
thirty.  `pick` takes them out of a segment, `spread` puts them back; a segment is an instance of a shape if
what was picked, spread again, is the segment.  Both are `operator.itemgetter`s: 6 ns an event.
"""

from __future__ import annotations

from array import array
from operator import itemgetter

from ..events import Visits
from .codes import sort_of
from .nest import Nest
from .picker import picker
from .times import Times

Numbers = tuple[int, ...]

MANY = 4
"""So many shapes of a group, and templates of a shape, are made at once, further ones when seen twice."""


class Group:
    """All segments with the same codes."""

    __slots__ = ("codes", "nest", "seen", "shapes", "sorts")

    def __init__(self, codes: bytes, visits: Visits) -> None:
        self.codes = array("i", codes)
        self.sorts = bytes(map(sort_of, self.codes))
        self.nest = Nest(self.codes, visits)
        self.shapes: list[Shape] = []
        self.seen = Seen()

    def shape_of(self, numbers: Numbers) -> Shape | None:
        """The shape of a segment, a new one if need be; None for one that is not worth it yet."""
        keys = list(zip(self.sorts, numbers, strict=True))
        order = sorted(dict.fromkeys(keys), key=itemgetter(0))  # sorts apart, inside by first occurrence
        index = {key: number for number, key in enumerate(order)}
        places = tuple([index[key] for key in keys])
        if len(self.shapes) >= MANY and not self.seen.again(hash(places)):
            return None
        made = Shape(self, places)
        self.shapes.append(made)
        return made


class Shape:
    """All segments with the same codes and the same numbers at the same places."""

    __slots__ = ("bounds", "group", "pick", "places", "seen", "spread", "templates")

    def __init__(self, group: Group, places: tuple[int, ...]) -> None:
        self.group = group
        self.places = places
        """The index of the variable of each event."""
        first = {variable: at for at, variable in reversed(list(enumerate(places)))}
        firsts = [first[variable] for variable in range(len(first))]
        self.pick = picker(firsts)
        self.spread = picker(places)
        sorts = [group.sorts[at] for at in firsts]
        self.bounds = tuple([sum(sort <= limit for sort in sorts) for limit in range(4)])
        """Where the variables of each sort end: they stand sort by sort."""
        self.templates: dict[tuple[int, ...], Template] = {}
        self.seen = Seen()


class Template:
    """All segments with the same codes, numbers at the same places, and forms."""

    __slots__ = ("forms", "group", "number", "shape", "times")

    def __init__(self, number: int, shape: Shape, forms: tuple[int, ...]) -> None:
        self.number = number
        self.shape = shape
        self.group = shape.group
        self.forms = forms
        self.times: Times | None = None


class Seen:
    """Remembers, for a while and in little room, what came once: what comes twice is worth a template."""

    __slots__ = ("_hashes", "_most")

    def __init__(self, most: int = 64) -> None:
        self._hashes: set[int] = set()
        self._most = most

    def again(self, key: int) -> bool:
        """Whether this came before."""
        if key in self._hashes:
            self._hashes.discard(key)
            return True
        if len(self._hashes) >= self._most:
            self._hashes.clear()
        self._hashes.add(key)
        return False
