"""The stored form of a trace: columns over tables of what many calls share."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Any

from ..events import Place, Signature, Site
from ..values import Spec

STATUSES = ("ok", "error", "open")
OK, ERROR, OPEN = range(3)


@dataclass(slots=True)
class Columns:
    """The stored form of a trace: tables of shared things, and one array for each attribute of a call.

    `start` is in nanoseconds since the trace began, `duration` in nanoseconds (of an open call: until
    the trace ended).  `parent`, `inputs`, `output` and `error` hold `UNKNOWN` (-1) where there is none.
    Rows are in start order, so a parent's row comes before its children's.
    """

    sites: list[Site] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    specs: list[Spec] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    site: array[int] = field(default_factory=lambda: array("i"))
    place: array[int] = field(default_factory=lambda: array("i"))
    inputs: array[int] = field(default_factory=lambda: array("i"))
    output: array[int] = field(default_factory=lambda: array("i"))
    parent: array[int] = field(default_factory=lambda: array("i"))
    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("q"))
    status: array[int] = field(default_factory=lambda: array("b"))
    error: array[int] = field(default_factory=lambda: array("i"))
    thread: array[int] = field(default_factory=lambda: array("i"))
    facts: dict[int, dict[str, Any]] = field(default_factory=dict)
    dropped: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.site)
