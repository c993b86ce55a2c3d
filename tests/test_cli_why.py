"""`tracelab why FILE CALL`: by number, by name, by path; as JSON; and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import tracelab
from tracelab import cli


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Inner(), Inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(x=self.first(x))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    with tracelab.trace() as trace:
        Net()(torch.ones(2))
    path = tmp_path_factory.mktemp("saved") / "run.json"
    trace.save(path)
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(["why", *arguments]) == 0
    return capsys.readouterr().out


def test_by_number_name_and_path(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    by_number = said(capsys, saved, "2")
    assert "Why Inner.forward · call 2\nat second of Net\n" in by_number
    assert "return self.second(x=self.first(x))" in by_number and "  x  f32[2]  keyword\n" in by_number
    assert said(capsys, saved, "second") == by_number
    by_name = said(capsys, saved, "Inner.forward")
    assert "call 1\nat first of Net" in by_name and "  x  f32[2]  positional\n" in by_name
    assert by_name.endswith("the first of 2 calls that match; name another one by its number\n")


def test_as_json(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(said(capsys, saved, "Inner.*", "--json"))
    assert (found["call"], found["name"], found["matching"], found["own"]) == (1, "Inner.forward", 2, False)
    assert [hop["kind"] for hop in found["hops"]] == ["caller", "way", "way", "ran"]
    assert found["hops"][0]["function"] == "Net.forward"
    assert found["hops"][-1]["lines"] == [
        {
            "number": Inner.forward.__code__.co_firstlineno,
            "text": "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
            "binds": False,
        }
    ]
    assert [(level["name"], level["has_it"], level["ran"]) for level in found["mro"]] == [
        ("Inner", True, True),
        ("Module", True, False),
    ]
    assert found["arguments"] == [{"name": "x", "spec": "f32[2]", "how": "positional"}]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("3", "there is no call 3 in this trace: its calls are 0 to 2"),
        ("9" * 50, "its calls are 0 to 2"),
        ("Iner.forward", "no call matches 'Iner.forward'; the nearest are Inner.forward"),
        ("\x1b[31m", "no call matches"),
    ],
)
def test_what_is_not_there_is_one_line(
    saved: str, capsys: pytest.CaptureFixture[str], call: str, words: str
) -> None:
    assert cli.main(["why", saved, call]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in err and err.count("\n") == 1 and err[:-1].isprintable()


def test_a_trace_without_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracelab.Trace().save(tmp_path / "empty.json")
    assert cli.main(["why", str(tmp_path / "empty.json"), "0"]) == 2
    assert "it holds no calls" in capsys.readouterr().err


def test_a_changed_script_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "changes.py"
    script.write_text("import torch\nlayer = torch.nn.Linear(1, 1)\nlayer(torch.ones(1))\n")
    assert cli.main(["run", "-o", str(tmp_path / "run.json"), str(script)]) == 0
    capsys.readouterr()
    assert "layer(torch.ones(1))" in said(capsys, str(tmp_path / "run.json"), "0")
    script.write_text("# another first line\n" + script.read_text())
    drawn = said(capsys, str(tmp_path / "run.json"), "0")
    assert "layer(torch.ones(1))" not in drawn and "differs from the version that was traced" in drawn
