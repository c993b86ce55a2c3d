"""What a loss counts in its labels: how many there are, how many it ignores, which are no class at all.

The labels are read where they lie, by numpy and DLPack: no operation of torch runs (`.numpy()` and
`.tolist()` are some), so no mode, profiler or graph of the host's sees it. Where there is no numpy, nothing
is counted.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from .contents import looked_at

MAX_PLACES = 8
"""So many labels that are no class are named by their place."""


class Count(NamedTuple):
    """Of integer labels: how many are ignored; how many are no class, and where the first of them stand.

    `weight`: what the weights of the classes of all others add up to.
    """

    ignored: int
    wrong: int
    places: tuple[int, ...]
    values: tuple[int, ...]
    weight: float | None


def count_labels(
    labels: Any, ignore: Any, classes: Any, weights: Any, *, waits: bool, first: int = 0
) -> Count | None:
    """What is to be said of integer `labels`; None where one must not look at them.

    `ignore`: the label that does not count.  `classes`: so many there are, None where that is not known.
    `first`: so many labels at the beginning of each row are left out.
    """

    def look(tensor: Any) -> Count:
        found = _array(tensor)[..., first:].reshape(-1)
        ignored = found == ignore
        number = int(ignored.sum())
        if classes is None:
            return Count(number, 0, (), (), None)
        wrong = ((found < 0) | (found >= classes)) & ~ignored
        places = wrong.nonzero()[0]
        named = places[:MAX_PLACES]
        each = None if weights is None else looked_at(weights, _array, waits=waits)
        weight = None if each is None or len(places) else float(each[found[~ignored]].sum())
        return Count(number, len(places), tuple(named.tolist()), tuple(found[named].tolist()), weight)

    return looked_at(labels, look, waits=waits)


def number_in(value: Any, *, waits: bool) -> int | float | None:
    """A number, or that in a tensor of one element."""
    if type(value) is int or type(value) is float:
        return value
    return looked_at(value, _item, waits=waits)


def _item(tensor: Any) -> int | float:
    found: int | float = _array(tensor).item()
    return found


def _array(tensor: Any) -> Any:
    """The elements of a tensor as an array on the same memory; raises where there is no numpy."""
    return sys.modules["numpy"].from_dlpack(tensor if tensor.is_cpu else tensor.cpu())
