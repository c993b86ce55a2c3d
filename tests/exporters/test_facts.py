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
