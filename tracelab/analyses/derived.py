"""What the calls around it say of a call: facts that nobody recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..calls import Call, Trace
from . import losses, stopping

ROOMS = (stopping.derived_facts, losses.derived_facts)


def derived_facts(trace: Trace, call: Call) -> Mapping[str, Any]:
    """The facts that all analyses derive for one call."""
    found: dict[str, Any] = {}
    for of_room in ROOMS:
        found.update(of_room(trace, call))
    return found
