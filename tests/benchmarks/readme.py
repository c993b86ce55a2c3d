"""The section of the README between two comments, made from measurements and never by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .costs import Cost
from .table import NO_FIGURE, in_bytes, in_hooks, machine, markdown, plain, times
from .tracers import TRACERS
from .workloads import BY_NAME

WORKLOADS = ("llama", "whisper", "bert", "training")
"""Those that get a column; the first of them also shows what stands behind its ratio."""

HEAD = (
    "× the untraced run",
    *(BY_NAME[name].title for name in WORKLOADS),
    "added, empty hooks = 1",
    "added µs a call",
    "memory kept",
)

NOTE = (
    "The last three columns belong to the first workload; memory is that of Python objects. A word in place "
    "of a figure is what went wrong."
)

MISSING = "[A-Z][A-Za-z]+"  # what was raised
CELL = re.compile(rf"–|noise|-?[\d.]+×|-?\d+\.\d\d|-?[\d.]+ [kMG]?B|not installed|{MISSING}")
"""All that may stand in a cell of figures."""


def section(costs: Mapping[str, Sequence[Cost]], sizes: str) -> str:
    """The whole section without its two comments; `costs` by the name of the workload."""
    everything = (cost for found in costs.values() for cost in found)
    parts = (tracers_table(costs), NOTE, sizes, machine(everything))
    return "\n" + "\n\n".join(parts) + "\n"


def tracers_table(costs: Mapping[str, Sequence[Cost]]) -> str:
    """A row for each tracer, a column for each workload."""
    rows = []
    for tracer in TRACERS:
        found = [next(cost for cost in costs[name] if cost.tracer is tracer) for name in WORKLOADS]
        rows.append([tracer.title, *(ratio(cost) for cost in found), *details(found[0])])
    return markdown(HEAD, rows)


def ratio(cost: Cost) -> str:
    """The figure, or the one word that says why there is none."""
    if cost.measured:
        return times(cost.ratio.middle)
    return plain(cost.trouble.partition(" (")[0].partition(":")[0])


def details(cost: Cost) -> list[str]:
    if not cost.measured:
        return [NO_FIGURE] * 3
    return [in_hooks(cost), f"{cost.each:.2f}", in_bytes(cost.memory)]
