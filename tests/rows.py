"""Hand-written rows of a lane, what a recorder writes, without a recorder; and a small forest made of them.

Times are given from the beginning of the recording, which is not 0 on the clock.  A row without an input,
output or place of its own says `UNKNOWN`.
"""

from __future__ import annotations

from typing import Any

from tests.builders import build, call
from tracelab.calls import Columns, Trace
from tracelab.events import UNKNOWN, Lane, Place, Recording, Signature, Site, Visit, raised, returned
from tracelab.fold import fold
from tracelab.values import ScalarSpec

STARTED = 7_000
"""The clock reading at which the recordings below begin: times of calls are counted from it."""

NAMES = ("A", "B", "C", "D")
SPECS = [ScalarSpec("int", number, True) for number in range(4)]
SIGNATURES = [Signature((), (("x", number),)) for number in range(4)]
ERRORS = ["ValueError", "KeyboardInterrupt"]
FACTS: list[dict[str, Any]] = [{"a": 1}, {"a": 2, "b": 1}, {}]


def recording(*lanes: Lane, **options: Any) -> Recording:
    """A recording whose visits are: A to D at depth 0 (ids 0 to 3), then at depth 1 (4 to 7), and so on."""
    visits = [Visit(site, site % 2, depth) for depth in range(12) for site in range(len(NAMES))]
    return Recording(
        sites=[Site("method", name, name, "run") for name in NAMES],
        places=[Place("a.py", 1), Place("b.py", 2)],
        visits=visits,
        specs=list(SPECS),
        signatures=list(SIGNATURES),
        errors=list(ERRORS),
        facts=[dict(facts) for facts in FACTS],
        lanes=list(lanes),
        started=STARTED,
        **options,
    )


def enter(name: str, depth: int, clock: int, signature: int = UNKNOWN) -> list[int]:
    return [depth * len(NAMES) + NAMES.index(name), signature, STARTED + clock]


def leave(depth: int, clock: int, spec: int = UNKNOWN) -> list[int]:
    return [returned(depth), spec, STARTED + clock]


def fail(depth: int, clock: int, error: int = 0) -> list[int]:
    return [raised(depth), error, STARTED + clock]


def folded(*rows: list[int], now: int = 1000) -> Columns:
    """One thread that wrote these rows, seen at `now`."""
    return fold(recording(Lane("main", [number for row in rows for number in row])), STARTED + now)


def names(columns: Columns) -> str:
    return "".join(NAMES[number] for number in columns.site)


def forest() -> Trace:
    """Rows 0 to 6:  A(B(C, D), E)  F(G)."""
    return build(
        call("A.run", children=[call("B.run", children=[call("C.run"), call("D.run")]), call("E.run")]),
        call("F.run", children=[call("G.run")]),
    )


def ids(calls: Any) -> list[int]:
    return [one.id for one in calls]
