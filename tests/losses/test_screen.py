"""The table of losses, in the terminal and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import tracelab
from tracelab.cli import main

from .batches import IDS, LABELS, bert, gpt2


@pytest.fixture
def saved(tmp_path: Path) -> str:
    wrong, model = IDS.clone(), gpt2()
    wrong[1, 3] = 99
    with tracelab.trace() as trace:
        for _ in range(3):
            model(IDS, labels=LABELS)
        with pytest.raises(IndexError):
            model(IDS, labels=wrong)
        bert("SequenceClassification", num_labels=2)(IDS, labels=torch.tensor([0, 1]))
        functional.cross_entropy(torch.ones(2, 3), torch.tensor([-100, -100]), label_smoothing=0.1)
    path = tmp_path / "run.json"
    trace.save(path)
    return str(path)


def test_the_table(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", saved]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    head = ["#", "loss", "model", "logits", "labels", "shift", "counted", "ignored", "divided", "by"]
    causal = ["ForCausalLMLoss", "GPT2LMHeadModel", "[2,6,32]", "[2,6]", "inside"]
    # 12 labels: 1 of each row is lost by the shift, 2 are padding; with the wrong labels nothing is padding.
    assert rows[:4] == [
        head,
        ["0", "×3", *causal, "8", "of", "12", "4", "8"],
        ["1", *causal, "10", "of", "12", "2", "10"],
        [
            *("2", "CrossEntropyLoss", "BertForSequenceClassification", "[2,2]", "[2]"),
            *("-", "2", "of", "2", "0", "2"),
        ],
    ]
    assert rows[4][:2] == ["3", "cross_entropy"]
    assert rows[4][-5:] == ["0", "of", "2", "2", "0"]


def test_what_is_wrong_is_said_below(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", saved]) == 0
    out = capsys.readouterr().out
    assert "1  1 label out of range: row 1, position 3 (32 classes: 0 to 31)" in out
    assert "3  every label is ignored: a mean over nothing is nan" in out
    assert "label smoothing 0.1" in out
    assert "99 at" not in out  # the label itself is a value


def test_from_the_trace_itself(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", saved]) == 0
    told = capsys.readouterr().out
    tracelab.load(saved).print_losses()
    assert capsys.readouterr().out == told
    tracelab.load(saved).print_losses(fold=False)
    # 3 of the model, one with the wrong labels, one of BERT and one of torch
    numbers = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:7]]
    assert numbers == ["0", "1", "2", "3", "4", "5"]


def test_as_json(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", "--json", saved]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["denominator"] for row in rows] == [8, 8, 8, 10, 2, 0]
    assert rows[3]["out_of_range"] == [{"row": 1, "position": 3, "label": None}]
    assert rows[0]["file"].endswith("loss_utils.py")


def test_a_trace_without_a_loss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tracelab.trace() as trace:
        torch.nn.Linear(2, 2)(torch.ones(1, 2))
    trace.save(tmp_path / "run.json")
    assert main(["loss", str(tmp_path / "run.json")]) == 0
    assert capsys.readouterr().out.startswith("No loss was recorded")


def test_no_such_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["loss", "absent.json"]) == 2
    assert capsys.readouterr().err.startswith("tracelab: ")


def test_the_tree_says_what_is_wrong_with_labels(saved: str) -> None:
    tree = str(tracelab.load(saved))
    assert "cross_entropy  label out of range  ✗ IndexError" in tree
    assert "cross_entropy  every label is ignored" in tree
