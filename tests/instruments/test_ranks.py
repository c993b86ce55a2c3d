"""The rank of a process, and a file for each; real processes are in `promises/test_wrapped_models.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from torch import nn

import tracelab
from tracelab.instruments.ranks import path_of_rank

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def group(monkeypatch: pytest.MonkeyPatch, rank: Any, size: Any = 4) -> None:
    """A process group that says it is `rank`."""
    import torch.distributed as distributed

    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_rank", lambda: rank)
    monkeypatch.setattr(distributed, "get_world_size", lambda: size)


def ranked() -> Any:
    with tracelab.trace() as trace:
        nn.Identity()(1)
    return trace.meta.get("rank")


def test_a_process_alone_has_no_rank() -> None:
    assert ranked() is None


def test_the_group_is_asked_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "5")
    assert ranked() == 5
    group(monkeypatch, 3)
    assert ranked() == 3


@pytest.mark.parametrize("odd", [-1, "1", None, MagicMock(), True], ids=str)
def test_an_odd_answer_is_no_rank(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    group(monkeypatch, odd)
    assert ranked() is None


@pytest.mark.parametrize("stand_in", [None, MagicMock(), SimpleNamespace()], ids=["none", "mock", "empty"])
def test_a_torch_without_distributed(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.distributed", stand_in)
    assert ranked() is None


@pytest.mark.parametrize(
    ("path", "rank", "expected"),
    [
        ("run.jsonl", None, "run.jsonl"),
        ("run-{rank}.jsonl", None, "run-0.jsonl"),
        ("run-{rank}.jsonl", 3, "run-3.jsonl"),
        ("{rank}/{rank}.jsonl", 12, "12/12.jsonl"),
        ("{step}-{0}-{rank!r}.jsonl", 1, "{step}-{0}-{rank!r}.jsonl"),
    ],
)
def test_the_path_of_a_rank(path: str, rank: int | None, expected: str) -> None:
    assert path_of_rank(path, rank) == expected


@pytest.mark.parametrize("environment", [True, False])
def test_one_path_for_several_ranks_is_refused_before_anything_is_patched(
    environment: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    call = nn.Module.__call__
    if environment:
        monkeypatch.setenv("WORLD_SIZE", "4")
    else:
        group(monkeypatch, 1)
    with pytest.raises(tracelab.SetupError, match=r"would be written by each of 4 ranks; put \{rank\} into"):
        tracelab.trace(file=tmp_path / "run.jsonl").__enter__()
    assert nn.Module.__call__ is call
    assert list(tmp_path.iterdir()) == []


def test_each_rank_writes_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for rank in (0, 1):
        group(monkeypatch, rank, 2)
        with tracelab.trace(file=tmp_path / "run-{rank}.jsonl"):
            nn.Identity()(1)
    loaded = {path.name: tracelab.load(path).calls[0].rank for path in tmp_path.iterdir()}
    assert loaded == {"run-0.jsonl": 0, "run-1.jsonl": 1}


@pytest.mark.parametrize(("name", "code"), [("run-{rank}.json", 0), ("run.json", 2), ("-", 0)])
def test_a_script_of_torchrun(name: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    (tmp_path / "script.py").write_text("print('ran')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    command = [sys.executable, "-m", "tracelab", "run", "-o", name, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert ("ran" in done.stdout) is (code == 0)
    written = {path.name for path in tmp_path.iterdir()} - {"script.py"}
    assert written == ({"run-2.json"} if name == "run-{rank}.json" else set())
    if code:
        assert done.stderr.startswith("tracelab: 'run.json' would be written by each of 3 ranks; put {rank}")
