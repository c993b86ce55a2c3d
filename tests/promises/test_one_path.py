"""Two traces never write into one file: the second is refused in one clear line, before anything is patched.

In this process, on another thread at the same moment, in a child (see `test_processes`), by a recursion;
under another name of the same file too.  The path is free when the first trace has ended, however that was.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import tracelab
from tracelab.errors import SetupError
from tracelab.recorder import active

from ..attacks.threads import Chain, X, at_once, switching
from ..attacks.victims import Nursery
from ..attacks.workers import BUSY


def test_a_second_trace_into_the_same_path_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    (tmp_path / "link").symlink_to(tmp_path)
    path.write_text("an older file")
    with tracelab.trace(file=path) as trace:
        Chain(2)(X)
        for same in (path, tmp_path / "link" / "run.jsonl", os.path.relpath(path)):
            with pytest.raises(SetupError) as caught, tracelab.trace(file=same):
                raise AssertionError("entered")
            assert str(caught.value) == f"cannot write to {str(same)!r}: {BUSY}"
        assert len(active.recorders) == 1
        Chain(2)(X)
    assert trace.recorded == 4 and tracelab.load(path).complete
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["link", "run.jsonl"]
    with tracelab.trace(file=path):  # it is free again
        Chain(1)(X)
    assert tracelab.load(path).recorded == 1


@pytest.mark.parametrize("older", [False, True])
def test_of_many_that_begin_at_once_one_is_let_in(older: bool, tmp_path: Path) -> None:
    for turn in range(10):
        path = tmp_path / f"{turn}.jsonl"
        if older:
            path.write_text("an older file")
        refusals: list[str] = []
        inside = threading.Barrier(4)

        def begin(
            path: Path = path, refusals: list[str] = refusals, all_in: threading.Barrier = inside
        ) -> None:
            try:
                with tracelab.trace(file=path):
                    all_in.wait(20)
                    Chain(2)(X)
            except SetupError as error:
                refusals.append(str(error))
                all_in.wait(20)

        with switching():
            at_once(begin, begin, begin, begin)
        assert refusals == [f"cannot write to {str(path)!r}: {BUSY}"] * 3
        assert tracelab.load(path).complete and tracelab.load(path).recorded == 2
    assert not list(tmp_path.glob(".*"))


def test_a_recursion_of_a_decorated_function_is_refused_and_the_outer_trace_goes_on(tmp_path: Path) -> None:
    @tracelab.trace(file=tmp_path / "run.jsonl")
    def run(again: bool) -> None:
        Chain(1)(X)
        if again:
            with pytest.raises(SetupError, match="another trace is writing to it"):
                run(False)

    run(True)
    assert tracelab.load(tmp_path / "run.jsonl").recorded == 1


def test_the_path_is_free_when_its_writer_was_killed(tmp_path: Path, nursery: Nursery) -> None:
    program = "held = tracelab.trace(file='run.jsonl').__enter__(); model(X); os.kill(os.getpid(), 9)"
    for _ in range(2):
        assert nursery.run(program, tmp_path).code == -9
        assert "unfinished" in tracelab.load(tmp_path / "run.jsonl").meta
    with tracelab.trace(file=tmp_path / "run.jsonl"):
        Chain(2)(X)
    assert tracelab.load(tmp_path / "run.jsonl").complete
