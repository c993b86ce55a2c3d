"""Facts of a call that nobody could know at its moment: they are found out from the calls below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..calls import Call, Trace
from . import added, stopping

_ROOMS: tuple[Callable[[Trace, Call], Mapping[str, object]], ...] = (
    stopping.derived_facts,
    added.derived_facts,
)


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """All that is known of a call besides what was recorded of it."""
    found: dict[str, object] = {}
    for facts_of in _ROOMS:
        found.update(facts_of(trace, call))
    return found
