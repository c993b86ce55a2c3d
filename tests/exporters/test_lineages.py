"""Lineages and digests come back from every kind of file, and a broken one is refused in one line."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from torch import nn

import tracelab
from tests.models import ZOO
from tracelab.calls import Trace
from tracelab.calls.folded import Folded
from tracelab.errors import TraceFileError
from tracelab.exporters import load, schema

Document = dict[str, Any]
VALIDATOR = jsonschema.Draft202012Validator(schema())


@pytest.fixture(scope="module")
def trace() -> Trace:
    model = ZOO["llama"].build()
    with torch.no_grad(), tracelab.trace() as trace:
        model(**ZOO["llama"].inputs())
    return trace


def told(trace: Trace) -> list[Any]:
    """What is said of each call's lineage."""
    columns = trace.columns
    return [columns.lineages[call.site.lineage] for call in trace.calls] + [columns.sources]  # type: ignore[index]


@pytest.mark.parametrize("name", ["run.json", "run.json.gz"])
def test_they_come_back(trace: Trace, tmp_path: Path, name: str) -> None:
    trace.save(tmp_path / name)
    assert told(load(tmp_path / name)) == told(trace)
    assert all(len(digest) == 16 for digest in trace.columns.sources.values())
    assert any(file.endswith("modeling_llama.py") for file in trace.columns.sources)


def test_they_come_back_from_a_stream_and_a_packed_file(tmp_path: Path) -> None:
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(20)])
    with torch.no_grad(), tracelab.trace(file=tmp_path / "run.jsonl") as trace:
        for _ in range(200):
            model(torch.ones(1, 2))
    assert isinstance(trace.columns, Folded)
    assert told(load(tmp_path / "run.jsonl"))[-22:] == told(trace)[-22:]
    for fold in (True, False):
        trace.save(tmp_path / "run.json", fold=fold)
        document = json.loads((tmp_path / "run.json").read_text())
        assert ("packed" in document) is fold
        VALIDATOR.validate(document)
        assert told(load(tmp_path / "run.json"))[-22:] == told(trace)[-22:]
        drop(document)
        (tmp_path / "old.json").write_text(json.dumps(document))
        assert "earlier" in load(tmp_path / "old.json").calls[1].why().notes[0]


def drop(document: Document) -> None:
    """Make it a file of before there were lineages."""
    del document["lineages"], document["sources"]
    if "packed" in document:
        del document["sites"]["lineage"]
        return
    for site in document["sites"]:
        del site["lineage"]


@pytest.fixture(scope="module")
def document(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Document:
    path = tmp_path_factory.mktemp("saved") / "run.json"
    trace.save(path)
    found: Document = json.loads(path.read_text())
    VALIDATOR.validate(found)
    return found


def row(document: Document) -> Document:
    found: Document = document["lineages"]["rows"][0]
    return found


BROKEN: dict[str, Callable[[Document], Any]] = {
    "lineages as a list": lambda d: d.update(lineages=[]),
    "no texts": lambda d: d["lineages"].pop("texts"),
    "no rows": lambda d: d["lineages"].pop("rows"),
    "a further key": lambda d: row(d).update(color=1),
    "a class of one item": lambda d: row(d)["classes"].append([0]),
    "a class of three items": lambda d: row(d)["classes"].append([0, 0, 0]),
    "a class of five items": lambda d: row(d)["classes"].append([0, 0, 0, 0, 0]),
    "a class with a name": lambda d: row(d)["classes"].append(["A", "b"]),
    "a class that is none": lambda d: row(d)["classes"].append(None),
    "a negative text": lambda d: row(d).update(kwargs=-1),
    "a layer without lines": lambda d: row(d)["layers"].append([0, 0, 0]),
    "a layer whose lines are a number": lambda d: row(d)["layers"].append([0, 0, 0, 1]),
    "a layer whose lines are texts": lambda d: row(d)["layers"].append([0, 0, 0, ["1"]]),
    "own that is a number": lambda d: row(d).update(own=1),
    "ran that is true": lambda d: row(d).update(ran=True),
    "ran below 0": lambda d: row(d).update(ran=-1),
    "keywords that are a text": lambda d: row(d).update(keywords="ab"),
    "a text that is a number": lambda d: d["lineages"]["texts"].append(1),
    "a lineage below 0": lambda d: d["sites"][0].update(lineage=-1),
    "a lineage that is a text": lambda d: d["sites"][0].update(lineage="0"),
    "sources as a list": lambda d: d.update(sources=[]),
    "a digest that is a number": lambda d: d["sources"].update(a=1),
    "a digest that is too short": lambda d: d["sources"].update(a="0"),
}

BEYOND: dict[str, Callable[[Document], Any]] = {
    "a lineage that is not there": lambda d: d["sites"][0].update(lineage=10**6),
    "lineages of none": lambda d: d.pop("lineages"),
    "ran beyond the classes": lambda d: row(d).update(ran=99),
    "a text that is not there": lambda d: row(d).update(kwargs=10**6),
}


@pytest.mark.parametrize("fault", [*BROKEN, *BEYOND])
def test_broken_ones_are_refused(document: Document, tmp_path: Path, fault: str) -> None:
    broken = copy.deepcopy(document)
    (BROKEN.get(fault) or BEYOND[fault])(broken)
    assert VALIDATOR.is_valid(broken) is (fault in BEYOND)
    (tmp_path / "bad.json").write_text(json.dumps(broken))
    with pytest.raises(TraceFileError) as refused:
        load(tmp_path / "bad.json")
    assert "\n" not in str(refused.value)


def test_why_asks_of_any_file_that_is_read_and_does_not_raise(document: Document, tmp_path: Path) -> None:
    changed = copy.deepcopy(document)
    texts = changed["lineages"]["texts"]
    changed["lineages"]["texts"] = [f"../../{text}\x1b[31m\u202e" for text in texts]
    for number, one in enumerate(changed["lineages"]["rows"]):
        for layer in one.get("layers", []):
            layer[2], layer[3] = -number, [0, -5, 10**9, 10**15, 2]
        for cls in one.get("classes", []):
            cls[2:] = [None, -1] if len(cls) == 4 else []
    changed["places"] = [["/etc/passwd", -3] for _ in changed["places"]]
    changed["sources"] = {}
    (tmp_path / "odd.json").write_text(json.dumps(changed))
    for call in load(tmp_path / "odd.json").calls:
        assert str(call.why()).replace("\n", "").isprintable()
        assert all(line.text is None for hop in call.why().hops[:-1] for line in hop.lines)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("texts", [[0, 1]]),
        ("texts", [[5, "a"]]),
        ("lineages", [[0, {"kwargs": 0}]]),
        ("lineages", [[0, {"classes": [["A", "b"]]}]]),
        ("sites", [[0, {"kind": "", "owner": "", "defined_in": "", "function": "", "lineage": 0}]]),
        ("sources", {"a": "x"}),
        ("sources", []),
    ],
)
def test_a_broken_stream_is_refused(tmp_path: Path, name: str, value: object) -> None:
    head = {"format": "tracelab-stream", "version": 1}
    lines = [head, {name: value}, {"now": 0, "dropped": 0, "faults": {}}, {"end": 0}]
    (tmp_path / "bad.jsonl").write_text(
        "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    )
    with pytest.raises(TraceFileError, match=name) as refused:
        load(tmp_path / "bad.jsonl")
    assert "\n" not in str(refused.value)
