"""The clocks that are kept of a block where times are summed up; the others go into the sums."""

from __future__ import annotations

from collections.abc import Sequence

from .template import Template
from .times import times_of


def summed_up(templates: Sequence[Template | None], ends: Sequence[int], clocks: list[int]) -> list[int]:
    """Add the times of clean segments to their templates; the clocks to be kept, in order."""
    kept: list[int] = []
    instances: dict[Template, list[list[int]]] = {}
    start = 0
    for template, end in zip(templates, ends, strict=True):
        segment = clocks[start:end]
        start = end
        if template is None:
            kept += segment
            continue
        kept += template.group.nest.keep(segment)
        if template.group.nest.clean:
            instances.setdefault(template, []).append(segment)
    for template, segments in instances.items():
        times = times_of(template.group.nest, segments)
        template.times = times if template.times is None else template.times.and_also(times)
    return kept
