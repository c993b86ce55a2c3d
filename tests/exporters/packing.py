"""Packed traces for the tests of files: by hand with something of everything, and generated ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.builders import t
from tests.packed import packed
from tests.rows import STARTED, enter, fail, leave, recording
from tracelab.calls import Trace
from tracelab.calls.folded import Folded
from tracelab.events import FACT, Lane, Recording, Signature
from tracelab.fold import fold


def steps(times: int) -> list[int]:
    """A root that calls B so many times, which calls C four times and fails once; 5 + 1 calls a step."""
    rows = enter("A", 0, 0, 0) + [FACT, 0, 0]
    for number in range(times):
        clock = 100 * number + 10
        rows += enter("B", 1, clock, number)
        for inner in range(4):
            rows += enter("C", 2, clock + 2 * inner + 1, 1) + leave(2, clock + 2 * inner + 2, number)
        rows += enter("D", 2, clock + 20) + fail(2, clock + 21) + [FACT, 1, 1] + leave(1, clock + 30, 2)
    return rows


def program(times: int = 40) -> Recording:
    """One thread that never returned from its root."""
    made = recording(
        Lane("main", steps(times)), dropped=3, faults={"describe: KeyError": 2}, meta={"torch": "2.13.0"}
    )
    made.specs = [t(1, 4 + number) for number in range(times)]
    made.signatures = [Signature((number,), (("mask", 0),)) for number in range(times)]
    return made


def trace(times: int = 40, left: int = 60, summary: bool = False) -> Trace:
    """A folded trace of two blocks, the last events not packed; segments from 8 events on are needed."""
    columns = fold(packed(program(times), [3 * times * 5], left, summary), STARTED + 100 * times + 50)
    assert isinstance(columns, Folded)
    return Trace(columns)


def document(folder: Path, **options: Any) -> dict[str, Any]:
    """The saved form, to be spoilt."""
    path = folder / "packed.json"
    trace(**options).save(path)
    found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    assert "packed" in found
    return found
