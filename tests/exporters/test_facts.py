"""Facts that analyses take apart are refused with their place where a file has something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tracelab
from tests.analyses.recorded import llama_generate
from tests.builders import build
from tracelab.errors import TraceFileError
from tracelab.exporters.facts import FORMS, decode

GOOD: dict[str, Any] = {
    "mode": "greedy",
    "finished": (0, 2),
    "chosen": ((5, 6), (7, 8)),
    "scores": (((5, 0.5), (6, float("-inf"))),),
    "cache_layers": ((2, "DynamicLayer", (1, 2, 5, 8), (1, 2, 5, 8), "float32", 4, 5, None),),
}
WRONG: list[tuple[str, Any]] = [
    ("mode", 3),
    ("finished", "rows"),
    ("finished", (1, "x")),
    ("chosen", (1, 2)),
    ("scores", (((5,),),)),
    ("scores", ((("a", 0.5),),)),
    ("cache_layers", ((2, "DynamicLayer"),)),
    ("cache_layers", None),
]


def test_good_facts_come_back(tmp_path: Path) -> None:
    assert set(GOOD) == set(FORMS)
    trace = build(llama_generate(facts=GOOD))
    trace.save(tmp_path / "run.json")
    (loop,) = tracelab.load(tmp_path / "run.json").find("*._sample")
    assert {name: loop.facts[name] for name in GOOD} == GOOD
    assert decode({}) == {}


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_other_facts_are_refused_with_their_place(tmp_path: Path, name: str, value: Any) -> None:
    trace = build(llama_generate(facts={name: value}))
    trace.save(tmp_path / "run.json")
    (row,) = json.loads((tmp_path / "run.json").read_text())["facts"]
    place = rf"facts\[{row}\]\.{name}"
    with pytest.raises(TraceFileError, match=rf"{place}.*: expected {name} as they are recorded"):
        tracelab.load(tmp_path / "run.json")
