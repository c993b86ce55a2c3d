"""Extremes and moments of a tensor, in little memory however large it says that it is.

An expanded tensor holds one row and claims a billion; a full-size copy of it, or of logits that fill half
the memory, would take the program down.  So repeated dimensions are looked at once, a tensor whose elements
overlap in another way is not looked at, and a large one is taken in pieces.  Neither gradients nor random
state are touched.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from functools import reduce
from typing import Any, NamedTuple

from ..values import TensorStats

PIECE = 1 << 22
"""Elements that are looked at together; a tensor of up to so many is one piece."""


def stats_of(tensor: Any) -> TensorStats | None:
    """The statistics of a floating strided tensor; None for any other."""
    torch: Any = sys.modules["torch"]
    if not tensor.is_floating_point() or tensor.layout is not torch.strided:
        return None
    with torch.no_grad():
        once, times = _once(tensor.detach())
        if once.numel() > PIECE and once.numel() * once.element_size() > once.untyped_storage().nbytes():
            return None
        sums = reduce(_joined, [_look(torch, piece.reshape(-1)) for piece in _pieces(once)])
    nan, inf = sums.nan * times, sums.inf * times
    if not sums.finite:
        return TensorStats(None, None, None, None, nan, inf)
    return TensorStats(sums.least, sums.most, sums.mean, math.sqrt(sums.variance), nan, inf)


class _Sums(NamedTuple):
    """What is known of a piece; moments are those of its `finite` elements."""

    finite: int
    least: float
    most: float
    mean: float
    variance: float
    nan: int
    inf: int


def _once(tensor: Any) -> tuple[Any, int]:
    """The tensor without the repeats of expanded dimensions, and how often each element stands in it."""
    times = 1
    for at, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if stride == 0 and size > 1:
            tensor, times = tensor.narrow(at, 0, 1), times * size
    return tensor, times


def _pieces(tensor: Any) -> Iterator[Any]:
    """Parts of at most PIECE elements."""
    waiting = [tensor]
    while waiting:
        part = waiting.pop()
        if part.numel() <= PIECE:
            yield part
            continue
        longest = max(range(part.dim()), key=part.size)
        waiting += part.split(max(1, part.size(longest) * PIECE // part.numel()), longest)


def _look(torch: Any, flat: Any) -> _Sums:
    flat = flat.to(torch.float64 if flat.dtype == torch.float64 else torch.float32)
    nan = int(torch.isnan(flat).sum())
    inf = int(torch.isinf(flat).sum())
    finite = flat if not nan and not inf else flat[torch.isfinite(flat)]
    count = finite.numel()
    if not count:
        return _Sums(0, math.inf, -math.inf, 0.0, 0.0, nan, inf)
    spread = float(finite.std(correction=0))
    return _Sums(
        count, float(finite.min()), float(finite.max()), float(finite.mean()), spread * spread, nan, inf
    )


def _joined(one: _Sums, two: _Sums) -> _Sums:
    """The sums of two pieces together (Chan, Golub and LeVeque 1979)."""
    count = one.finite + two.finite
    share = two.finite / count if count else 0.0
    apart = two.mean - one.mean
    within = one.variance * (1 - share) + two.variance * share
    return _Sums(
        count,
        min(one.least, two.least),
        max(one.most, two.most),
        one.mean + apart * share,
        within + apart * apart * share * (1 - share),
        one.nan + two.nan,
        one.inf + two.inf,
    )
