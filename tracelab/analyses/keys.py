"""Which calls are equal with everything below them, and how close to equal.

A tree may be folded only where the folded subtrees really are the same.  Comparing them pair by pair would
be quadratic, so each call gets a number, made bottom-up from what the call is and from the numbers of its
children: equal numbers, equal subtrees.  There are two of them:

    loose   the same calls at the same places, tensors of the same rank and dtype; sizes may differ.
            For repetition in time: decode step 7 has a longer mask than step 6.
    exact   the same and all sizes equal.  For stacks: `layers.0` and `layers.1` of equal width.

In both, a cache counts as its type only (layer 1 sees what layer 0 has added to it), and so does a number
or a text.  The place of a child is relative to the module around it, so `layers.0.fc1` equals
`layers.1.fc1` below their layers.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from ..calls import Columns
from ..events import UNKNOWN, Site
from ..values import CacheSpec, ContainerSpec, Spec, TensorSpec


@dataclass(slots=True)
class Table:
    """Gives equal things the same small number."""

    numbers: dict[Hashable, int] = field(default_factory=dict)

    def number(self, thing: Hashable) -> int:
        """The number of `thing`, a new one where it was never seen."""
        return self.numbers.setdefault(thing, len(self.numbers))


@dataclass(slots=True)
class Keys:
    """For each row: `loose` and `exact` number, own numbers without place, and the place itself.

    `spot[row]` indexes `spots`: the dotted path of the call relative to the module around it (None for a
    call that has no path).
    """

    loose: array[int]
    exact: array[int]
    own_exact: array[int]
    spot: array[int]
    spots: list[str | None]

    def place(self, row: int) -> str | None:
        """Relative path of a row."""
        return self.spots[self.spot[row]]


def keys(columns: Columns, children: Sequence[Sequence[int]]) -> Keys:
    """The keys of all rows, where `children[row]` are the children that count, in order."""
    spot, spots = _spots(columns)
    own_loose, own_exact = _own(columns)
    loose = _upwards(own_loose, spot, children)
    exact = _upwards(own_exact, spot, children)
    return Keys(loose, exact, own_exact, spot, spots)


def _upwards(own: array[int], spot: array[int], children: Sequence[Sequence[int]]) -> array[int]:
    """Combine each row with the finished keys of its children; children have larger row numbers."""
    keys = array("i", own)
    numbers: dict[Hashable, int] = {}
    for row in range(len(own) - 1, -1, -1):
        below = children[row]
        whole = (own[row], spot[row], tuple([keys[child] for child in below]) if below else ())
        keys[row] = numbers.setdefault(whole, len(numbers))
    return keys


def _spots(columns: Columns) -> tuple[array[int], list[str | None]]:
    """The relative path of each row, as a number and a table."""
    sites = columns.sites
    table, around = Table(), array("i")
    spot = array("i")
    known: dict[tuple[int, int], int] = {}
    for site, parent in zip(columns.site, columns.parent, strict=True):
        base = around[parent] if parent != UNKNOWN else UNKNOWN
        if (site, base) not in known:
            known[site, base] = table.number(relative(sites[site], sites[base] if base >= 0 else None))
        spot.append(known[site, base])
        around.append(site if sites[site].path is not None else base)
    return spot, [str(text) if text is not None else None for text in table.numbers]


def relative(site: Site, around: Site | None) -> str | None:
    """Path of `site` below the module `around` it; its whole path where it does not stand below that."""
    path = site.path
    if path is None or around is None or not around.path or around.root != site.root:
        return path
    return path[len(around.path) + 1 :] if path.startswith(around.path + ".") else path


def _own(columns: Columns) -> tuple[array[int], array[int]]:
    """What each call is by itself, without its place and children: loose and exact numbers."""
    sites = [(s.kind, s.owner, s.defined_in, s.function, s.root) for s in columns.sites]
    loose_specs = [_loose(spec) for spec in columns.specs]
    exact_specs = [_exact(spec) for spec in columns.specs]
    loose_table, exact_table = Table(), Table()
    seen: dict[tuple[int, int, int, int, int], tuple[int, int]] = {}
    loose, exact = array("i"), array("i")
    for row in zip(columns.site, columns.inputs, columns.output, columns.status, columns.error, strict=True):
        pair = seen.get(row)
        if pair is None:
            pair = seen[row] = (
                loose_table.number(_whole(columns, sites, loose_specs, row)),
                exact_table.number(_whole(columns, sites, exact_specs, row)),
            )
        loose.append(pair[0])
        exact.append(pair[1])
    return loose, exact


def _whole(
    columns: Columns,
    sites: Sequence[Hashable],
    specs: Sequence[Hashable],
    row: tuple[int, int, int, int, int],
) -> Hashable:
    site, inputs, output, status, error = row
    given: Hashable = None
    if inputs != UNKNOWN:
        signature = columns.signatures[inputs]
        named = tuple((name, specs[number]) for name, number in signature.keywords)
        given = (tuple(specs[number] for number in signature.positional), named)
    return sites[site], given, None if output == UNKNOWN else specs[output], status, error


def _loose(spec: Spec) -> Hashable:
    if isinstance(spec, TensorSpec):
        return spec.type, len(spec.shape), spec.dtype, spec.device
    if isinstance(spec, ContainerSpec):
        inner = tuple((name, _loose(field)) for name, field in spec.fields)
        kinds = {kind for _, kind in inner}
        if len(kinds) == 1 and not isinstance(inner[0][0], str):
            return spec.type, "of", inner[0][1]
        return spec.type, inner
    return spec.type


def _exact(spec: Spec) -> Hashable:
    if isinstance(spec, TensorSpec):
        return spec.type, spec.shape, spec.dtype, spec.device
    if isinstance(spec, ContainerSpec):
        return spec.type, spec.length, tuple((name, _exact(field)) for name, field in spec.fields)
    if isinstance(spec, CacheSpec):
        return "cache", spec.type
    return spec.type
