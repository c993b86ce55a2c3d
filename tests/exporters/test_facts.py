"""Facts that analyses take apart are refused with their place where a file has something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import tracelab
from tests.analyses.recorded import llama_generate
from tests.builders import build, call, t
from tracelab.errors import TraceFileError
from tracelab.exporters import passes, schema
from tracelab.exporters.expect import Refused
from tracelab.exporters.facts import FORMS, decode
from tracelab.passes import Line, Pass
from tracelab.values import ContainerSpec, ObjectSpec, ScalarSpec, Spec

GOOD: dict[str, Any] = {
    "mode": "greedy",
    "finished": (0, 2),
    "chosen": ((5, 6), (7, 8)),
    "scores": (((5, 0.5), (6, float("-inf"))),),
    "identities": {"inputs": (("x", 1), ("pair[0]", 2)), "output": (("", 3),)},
    "cache_layers": ((2, "DynamicLayer", (1, 2, 5, 8), (1, 2, 5, 8), "float32", 4, 5, None),),
}
OF_OTHERS: dict[str, Any] = {
    "function": "cross_entropy",
    "reduction": "mean",
    "problem_type": "regression",
    "labels": 4,
    "ignored": 1,
    "wrong": 0,
    "classes": 2,
    "ignore_index": -100,
    "num_items_in_batch": 3,
    "smoothing": 0.1,
    "value": float("nan"),
    "shifted": True,
    "weighted": False,
    "out_of_range": (0,),
    "wrong_labels": (99,),
    "denominator": 2.5,
    "loss": 0.5,
    "norm": float("inf"),
    "grad_norm": 1.0,
    "learning_rate": (0.1, 0.2),
    "padding_share": 0.0,
    "accumulates": 2,
    "models": ("Bert",),
    "without_gradient": ("a.weight",),
    "gradients": (("a.weight", (2, "s0")),),
    "module_norms": (("a", 1.0),),
    "group_norms": ((0, 1.0),),
    "problem": "ragged",
    "column": "labels",
    "signature": "Bert.forward",
    "type_ids": "0 and 1",
    "lengths": (4, 8),
    "label_lengths": (),
    "rows_at_fault": (1,),
    "dataset_rows": (7,),
    "added": ("input_ids",),
    "removed": (),
    "dropped": ("idx",),
    "kept": ("label",),
    "texts": 1,
    "ids": 9,
    "padded": 0,
    "column_rows": (("text", 2), ("labels", 3)),
    "overridden": ("num_labels",),
    "missing": ("a.bias",),
    "unexpected": (),
    "weights": "loaded",
    "newly_initialised": ("a.bias",),
    "mismatched": (("a.bias", (2,), (4,)),),
    "tied": (("a", "b"),),
}
OF_CHAINS: dict[str, Any] = {
    "chain": (("", 0, "", "cut"), ("~/run.py", 3, "<module>", ""), ("m.py", 7, "A.f", "own")),
    "registry": "attention: sdpa",
    "functional": (("scaled_dot_product_attention", 92),),
}
"""Those of losses, training, batches and loads; of the functions between calls."""
WRONG: list[tuple[str, Any]] = [
    ("mode", 3),
    ("finished", "rows"),
    ("finished", (1, "x")),
    ("chosen", (1, 2)),
    ("scores", (((5,),),)),
    ("scores", ((("a", 0.5),),)),
    ("cache_layers", ((2, "DynamicLayer"),)),
    ("cache_layers", None),
    ("labels", "4"),
    ("denominator", (1, 2)),
    ("loss", 1),
    ("learning_rate", (0.1, "fast")),
    ("padding_share", 1.5),
    ("padding_share", float("nan")),
    ("lengths", [1, 2]),
    ("dropped", (1,)),
    ("mismatched", ((),)),
    ("newly_initialised", "a.bias"),
    ("gradients", (("a.weight", 2),)),
    ("identities", ()),
    ("identities", {}),
    ("identities", {"inputs": (("x", 0),)}),
    ("identities", {"inputs": (("x", True),)}),
    ("identities", {"inputs": ((1, 1),)}),
    ("identities", {"inputs": [("x", 1)]}),
    ("identities", {"inputs": (), "output": "x"}),
    ("identities", {"inputs": (), "more": ()}),
    ("identities", {"inputs": (("x", 1),) * 1_001}),
    ("chain", (("run.py", 3, "main"),)),
    ("chain", (("run.py", "3", "main", ""),)),
    ("chain", (("run.py", 3, "main", "unheard of"),)),
    ("registry", ("attention", "sdpa")),
    ("functional", (("softmax", "92"),)),
]


def test_good_facts_come_back(tmp_path: Path) -> None:
    every = {**GOOD, **OF_OTHERS, **OF_CHAINS}
    assert set(every) == set(FORMS)
    trace = build(llama_generate(facts=every))
    trace.save(tmp_path / "run.json")
    (loop,) = tracelab.load(tmp_path / "run.json").find("*._sample")
    assert {name: repr(loop.facts[name]) for name in every} == {
        name: repr(fact) for name, fact in every.items()
    }
    assert decode({}) == {}


@pytest.mark.parametrize(("name", "value"), WRONG, ids=str)
def test_other_facts_are_refused_with_their_place(tmp_path: Path, name: str, value: Any) -> None:
    trace = build(llama_generate(facts={name: value}))
    trace.save(tmp_path / "run.json")
    (row,) = json.loads((tmp_path / "run.json").read_text())["facts"]
    place = rf"facts\[{row}\]\.{name}"
    with pytest.raises(TraceFileError, match=rf"{place}.*: expected {name} as they are recorded"):
        tracelab.load(tmp_path / "run.json")


# --- the lines of a call ------------------------------------------------------------------------------

SEEN = Pass(
    "model.py",
    12,
    "Net.forward",
    (
        Line(12, (("self", ObjectSpec("Net")), ("x", t(1, 4)))),
        Line(13),
        Line(14, (("y", ContainerSpec("tuple", ((0, ScalarSpec("float", float("inf"), True)),), 1)),)),
    ),
    "exception",
    3,
)


@pytest.mark.parametrize("name", ["run.json", "run.json.gz"])
def test_the_lines_of_a_call_come_back(tmp_path: Path, name: str) -> None:
    trace = build(call("Net.forward", facts={"lines": SEEN, "mode": "greedy"}))
    trace.save(tmp_path / name)
    (one,) = tracelab.load(tmp_path / name).calls
    assert one.facts == {"lines": SEEN, "mode": "greedy"}


def test_the_lines_of_a_call_are_plain_json_and_fit_the_schema(tmp_path: Path) -> None:
    build(call("Net.forward", facts={"lines": SEEN})).save(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text())
    tensor, inf = ["tensor", [1, 4], "float32"], ["scalar", "float", {"$float": "inf"}]
    assert document["facts"]["0"]["lines"] == {
        "file": "model.py",
        "first": 12,
        "name": "Net.forward",
        "ended": "exception",
        "cut": 3,
        "lines": [
            [12, [["self", ["object", "Net"]], ["x", tensor]]],
            [13],
            [14, [["y", ["container", "tuple", [[0, inf]], 1]]]],
        ],
    }
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(document)
    document["facts"]["0"]["lines"]["lines"][0].append(1)
    assert not validator.is_valid(document)


@pytest.mark.parametrize(
    "value",
    [
        None,
        3,
        [],
        {},
        {"$dict": []},
        {**passes.encode(SEEN), "ended": "never"},
        {**passes.encode(SEEN), "ended": ["return"]},
        {**passes.encode(SEEN), "cut": -1},
        {**passes.encode(SEEN), "lines": [[]]},
        {**passes.encode(SEEN), "lines": [[1, [["x"]]]]},
        {**passes.encode(SEEN), "lines": [[1, [["x", ["tensor"]]]]]},
        {**passes.encode(SEEN), "more": 1},
    ],
    ids=repr,
)
def test_other_lines_are_refused(value: Any) -> None:
    for told in ({"lines": value}, {"$dict": [["lines", value]]}):
        with pytest.raises(Refused):
            decode(told)


def test_lines_of_a_very_deep_value_can_be_read_back(tmp_path: Path) -> None:
    spec: Spec = t(2)
    for _ in range(40):
        spec = ContainerSpec("list", ((0, spec),), 1)
    seen = Pass("model.py", 1, "f", (Line(1, (("x", spec),)),))
    build(call("Net.forward", facts={"lines": seen})).save(tmp_path / "run.json")
    (one,) = tracelab.load(tmp_path / "run.json").calls
    assert str(one.facts["lines"].lines[0].bound[0][1]).startswith("list(list(")
