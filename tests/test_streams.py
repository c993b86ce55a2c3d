"""`trace(file=)`: on disk while it runs, whatever happens to the program, the disk or the descriptor."""

from __future__ import annotations

import gc
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tests.packed import seen
from tracelab import session as room
from tracelab.cli import main
from tracelab.errors import SetupError
from tracelab.exporters.stream import file as descriptors
from tracelab.exporters.stream import writer
from tracelab.recorder import active

REPOSITORY = Path(__file__).resolve().parent.parent
X = torch.ones(1, 2)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushes each hundredth of a second."""
    monkeypatch.setattr(writer, "PAUSE", 0.01)


def model(size: int = 2) -> nn.Module:
    return nn.Sequential(*[nn.Identity() for _ in range(size)])


def soon(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something becomes true before long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.005)
    return False


def writers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "tracelab file"]


# --- while it runs -------------------------------------------------------------------------------


def test_a_stream_is_read_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with tracelab.trace(file=path) as trace:
        model()(X)
        assert soon(lambda: tracelab.load(path).recorded == 3)
        early = tracelab.load(path)
        assert early.meta["unfinished"] is True and not early.complete
        model(4)(X)
        assert soon(lambda: tracelab.load(path).recorded == 8)
        assert writers()
    assert not writers()
    back = tracelab.load(path)
    assert back.complete and seen(back.columns) == seen(trace.columns)
    assert (back.columns.sites, back.meta) == (trace.columns.sites, trace.meta)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.jsonl"]
    assert path.read_bytes().isascii() and str(tmp_path) not in path.read_text()


def test_a_program_of_many_calls(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    net = model(63)
    with torch.no_grad(), tracelab.trace(file=path) as trace:
        for size in range(150):  # of 64 calls
            net(torch.ones(1, size + 1))
    back = tracelab.load(path)
    assert back.recorded == 9600 and back.complete
    assert seen(back.columns) == seen(trace.columns)
    assert path.stat().st_size < 30 * 9600


def test_no_calls_at_all(tmp_path: Path) -> None:
    with tracelab.trace(file=tmp_path / "run.jsonl"):
        pass
    back = tracelab.load(tmp_path / "run.jsonl")
    assert back.recorded == 0 and back.complete and "torch" in back.meta


def test_nothing_is_written_while_nothing_happens(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with tracelab.trace(file=path):
        model()(X)
        assert soon(lambda: tracelab.load(path).recorded == 3)
        time.sleep(0.05)
        before = path.stat().st_size
        time.sleep(0.1)
        assert path.stat().st_size == before


def test_exceptions_values_and_facts(tmp_path: Path) -> None:
    class Bad(nn.Module):
        def forward(self, x: torch.Tensor, word: str) -> torch.Tensor:
            raise ValueError("secret words")

    for values in (False, True):
        path = tmp_path / f"{values}.jsonl"
        with pytest.raises(ValueError), tracelab.trace(file=path, values=values) as trace:
            Bad()(X, "hidden words")
        assert seen(tracelab.load(path).columns) == seen(trace.columns)
        assert ("secret words" in path.read_text()) == ("hidden words" in path.read_text()) == values


def test_two_threads(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    nets = [model(20), model(30)]

    def work(net: nn.Module) -> None:
        for _ in range(20):
            net(X)

    with tracelab.trace(file=path) as trace:
        threads = [threading.Thread(target=work, args=(net,), name=f"t{at}") for at, net in enumerate(nets)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    back = tracelab.load(path)
    assert back.recorded == 20 * (21 + 31)
    assert seen(back.columns) == seen(trace.columns)
    assert sorted(back.columns.threads) == ["t0", "t1"]


def test_decorated_functions_write_a_file_for_the_last_call(tmp_path: Path) -> None:
    @tracelab.trace(file=tmp_path / "run.jsonl")
    def run(size: int) -> None:
        model(size)(X)

    for size in (1, 5):
        run(size)
        assert tracelab.load(tmp_path / "run.jsonl").recorded == size + 1


def test_two_recordings_at_once(tmp_path: Path) -> None:
    with tracelab.trace(file=tmp_path / "a.jsonl"):
        model()(X)
        with tracelab.trace(file=tmp_path / "b.jsonl"):
            model()(X)
    assert tracelab.load(tmp_path / "a.jsonl").recorded == 6
    assert tracelab.load(tmp_path / "b.jsonl").recorded == 3


def test_show_and_steps_of_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.jsonl"
    with tracelab.trace(file=path):
        model()(X)
        assert soon(lambda: tracelab.load(path).recorded == 3)
        assert main(["show", str(path)]) == 0
        shown = capsys.readouterr().out
        assert "3 calls" in shown and "the file ends before the recording did" in " ".join(shown.split())
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "incomplete" not in shown and "Sequential" in shown
    assert main(["steps", str(path)]) == 0


# --- refused before anything is patched ----------------------------------------------------------


def refused(path: Any) -> str:
    genuine = nn.Module.__call__
    with pytest.raises(SetupError) as caught, tracelab.trace(file=path):
        raise AssertionError("entered")
    assert nn.Module.__call__ is genuine and active.recorders == () and not writers()
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    assert "No such file or directory" in refused(tmp_path / "none" / "run.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    assert "is no regular file" in refused(tmp_path / "folder.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "is no regular file" in refused(tmp_path / "pipe.jsonl")
    assert "null" in refused("a\0b.jsonl")
    assert "too long" in refused("a" * 3000 + ".jsonl")
    assert [entry.name for entry in tmp_path.iterdir() if "part" in entry.name] == []


@pytest.mark.parametrize("name", ["run.json", "run", "-", ""])
def test_other_suffixes(name: str) -> None:
    with pytest.raises(SetupError, match=r"ends in \.jsonl"):
        tracelab.trace(file=name)


def test_an_older_file_is_replaced_and_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    (tmp_path / "run.jsonl").symlink_to(tmp_path / "other.txt")
    with tracelab.trace(file=tmp_path / "run.jsonl"):
        model()(X)
    assert (tmp_path / "other.txt").read_text() == "mine"
    assert not (tmp_path / "run.jsonl").is_symlink()
    assert tracelab.load(tmp_path / "run.jsonl").recorded == 3


def test_a_refused_root_leaves_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise SetupError("no")

    monkeypatch.setattr(room._attachment, "begin", fails)
    with pytest.raises(SetupError, match="no"), tracelab.trace(file=tmp_path / "run.jsonl"):
        pass
    assert not writers()


# --- disks and descriptors -----------------------------------------------------------------------


def faults(trace: tracelab.Trace) -> dict[str, int]:
    return {where.partition(":")[0]: count for where, count in trace.columns.faults.items()}


@pytest.mark.internal_errors
@pytest.mark.parametrize("problem", [28, 5])  # ENOSPC, EIO
def test_a_full_or_broken_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: int) -> None:
    path = tmp_path / "run.jsonl"
    genuine = descriptors.write
    left = [10]

    def write(number: int, data: bytes) -> int:
        if not left:
            raise OSError(problem, os.strerror(problem))
        return genuine(number, data[: left.pop()])  # a torn line

    with tracelab.trace(file=path) as trace:
        model()(X)
        assert soon(lambda: tracelab.load(path).recorded == 3)
        monkeypatch.setattr(descriptors, "write", write)
        model()(X)
        assert soon(lambda: trace.internal_errors == 1)
        monkeypatch.setattr(descriptors, "write", genuine)
        model()(X)
    assert trace.recorded == 9 and faults(trace) == {"file": 1}
    assert not writers()
    back = tracelab.load(path)  # what was there before, and nothing after the torn line
    assert back.recorded == 3 and back.meta["unfinished"] is True


# --- ends ----------------------------------------------------------------------------------------


def test_a_session_that_nobody_holds(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    session = tracelab.trace(file=path)
    session.__enter__()
    model()(X)
    del session
    gc.collect()
    assert soon(lambda: not writers()) and active.recorders == ()
    assert tracelab.load(path).complete and tracelab.load(path).recorded == 3
