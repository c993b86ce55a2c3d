"""What the calls around it say of a call; each source of such facts is one row here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..calls import Call, Trace
from . import added, dataside, loading, losses, stopping

SOURCES: tuple[Callable[[Trace, Call], Mapping[str, object]], ...] = (
    stopping.derived_facts,
    loading.derived_facts,
    dataside.derived_facts,
    losses.derived_facts,
    added.derived_facts,
)


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """The facts of all sources, joined."""
    found: dict[str, object] = {}
    for source in SOURCES:
        found.update(source(trace, call))
    return found
