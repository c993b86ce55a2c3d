"""Real models, packed while they generate: the file and the stream say what the trace says."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

import tracelab
from tests.models import GENERATORS, ZOO, Architecture
from tests.packed import one_by_one, seen
from tracelab.calls import Trace
from tracelab.calls.folded import Folded
from tracelab.exporters import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed every 50 calls, in segments from 8 events on."""
    monkeypatch.setattr("tracelab.recorder.recorder.PORTION", 50)
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)


def recorded(entry: Architecture, folder: Path, **options: Any) -> Trace:
    """A model that generates twice."""
    model, arguments = entry.build(), entry.generate_arguments()
    with torch.no_grad(), tracelab.trace(file=folder / "run.jsonl", **options) as trace:
        for _ in range(2):
            model.generate(**arguments)  # type: ignore[operator]
    return trace


def same(trace: Trace, other: Trace, rows: list[Any]) -> None:
    """The same calls, however they are read, and the same answers."""
    assert isinstance(other.columns, Folded)
    assert seen(other.columns) == rows
    assert str(other) == str(trace)
    assert [str(step) for step in other.steps()] == [str(step) for step in trace.steps()]


@pytest.mark.parametrize("name", GENERATORS)
def test_a_model_that_generates(name: str, tmp_path: Path) -> None:
    trace = recorded(ZOO[name], tmp_path, values=len(name) % 2 == 0, stats=len(name) % 3 == 0)
    assert isinstance(trace.columns, Folded)
    rows = seen(trace.columns)
    same(trace, tracelab.load(tmp_path / "run.jsonl"), rows)
    trace.save(tmp_path / "run.json")
    VALIDATOR.validate(json.loads((tmp_path / "run.json").read_text()))
    back = tracelab.load(tmp_path / "run.json")
    same(trace, back, rows)
    assert one_by_one(back.columns) == rows
    trace.save(tmp_path / "flat.json", fold=False)
    assert seen(tracelab.load(tmp_path / "flat.json").columns) == rows


@pytest.mark.parametrize("options", [{"times": "summary"}, {"shapes": False}, {"depth": 4}, {"limit": 200}])
def test_options(options: dict[str, Any], tmp_path: Path) -> None:
    trace = recorded(ZOO["llama"], tmp_path, **options)
    rows = seen(trace.columns)
    trace.save(tmp_path / "run.json")
    for name in ("run.json", "run.jsonl"):
        back = tracelab.load(tmp_path / name)
        same(trace, back, rows)
        assert back.dropped == trace.dropped
        assert [call.times for call in back.calls] == [call.times for call in trace.calls]
    assert ("limit" in options or "depth" in options) == (trace.dropped > 0)


def test_copies_of_a_recorded_and_of_a_loaded_trace(tmp_path: Path) -> None:
    trace = recorded(ZOO["llama"], tmp_path)
    rows = seen(trace.columns)
    for one in (trace, tracelab.load(tmp_path / "run.jsonl")):
        for again in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
            same(trace, again, rows)
            again.save(tmp_path / "again.json")
            same(trace, tracelab.load(tmp_path / "again.json"), rows)
