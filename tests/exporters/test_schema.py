"""The published schema accepts what is written and refuses what is not a trace."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from tests.exporters import samples
from tracelab.calls import Trace
from tracelab.errors import TraceFileError
from tracelab.exporters import load, schema
from tracelab.exporters.json import VERSION, encode
from tracelab.exporters.rows import NAMES

VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_the_schema_is_one_and_names_no_host() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$id"] == "tracelab/trace.schema.json"
    assert schema()["properties"]["version"]["const"] == VERSION
    assert set(schema()["properties"]["calls"]["required"]) == set(NAMES)


def test_saved_traces_are_valid(tmp_path: Path) -> None:
    VALIDATOR.validate(samples.document(tmp_path))
    VALIDATOR.validate(json.loads("".join(encode(Trace()))))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(samples.traces)
def test_generated_traces_are_valid(trace: Trace) -> None:
    VALIDATOR.validate(json.loads("".join(encode(trace))))


SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "another format": lambda d: d.update(format="chrome"),
    "another version": lambda d: d.update(version=2),
    "no calls": lambda d: d.pop("calls"),
    "a further key": lambda d: d.update(extra=1),
    "a site without a kind": lambda d: d["sites"][0].pop("kind"),
    "a site with a further field": lambda d: d["sites"][0].update(color="red"),
    "a place with three items": lambda d: d["places"][0].append(0),
    "a place without a line": lambda d: d["places"][0].pop(),
    "a thread that is a number": lambda d: d["threads"].append(1),
    "a signature with a name alone": lambda d: d["signatures"][0][1].append(["name"]),
    "a spec of an unknown kind": lambda d: d["specs"].append(["picture", "x"]),
    "a spec that is an object": lambda d: d["specs"].append({"tensor": []}),
    "a tensor without dtype": lambda d: d["specs"].append(["tensor", [1]]),
    "a tensor with a broken dimension": lambda d: d["specs"].append(["tensor", [1.5], "float32"]),
    "a cache with negative layers": lambda d: d["specs"].append(["cache", "DynamicCache", 1, -1]),
    "statistics that are too few": lambda d: d["specs"].append(["tensor", [], "f", "cpu", "Tensor", [1, 2]]),
    "a container without length": lambda d: d["specs"].append(["container", "tuple", []]),
    "an unknown tag": lambda d: d["meta"].update(x={"$set": [1]}),
    "a tag beside something": lambda d: d["meta"].update(x={"$tuple": [], "y": 0}),
    "a float that is none": lambda d: d["meta"].update(x={"$float": "1.5"}),
    "facts of no row": lambda d: d["facts"].update(first={}),
    "a column missing": lambda d: d["calls"].pop("parent"),
    "a column too many": lambda d: d["calls"].update(rank=[0]),
    "a negative site": lambda d: d["calls"]["site"].__setitem__(0, -1),
    "a parent below -1": lambda d: d["calls"]["parent"].__setitem__(0, -2),
    "a status of 3": lambda d: d["calls"]["status"].__setitem__(0, 3),
    "a time that is a fraction": lambda d: d["calls"]["start"].__setitem__(0, 0.5),
    "a time that is a text": lambda d: d["calls"]["duration"].__setitem__(0, "1"),
    "a negative count": lambda d: d.update(dropped=-1),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_broken_files_are_refused_by_schema_and_reader(tmp_path: Path, fault: str) -> None:
    document = samples.document(tmp_path)
    SPOILT[fault](document)
    assert not VALIDATOR.is_valid(document)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document))
    with pytest.raises(TraceFileError):
        load(path)
