"""Children of a traced program run untraced, whoever makes them, and find no lock held and no file open.

A forked child has a copy of the recording that nobody will read: it passes through, writes nothing, holds no
file and no lock, and says of the copy that it ends at the fork.  A spawned one never had it.  Workers that
get a class by value (`datasets.map(num_proc=2)`) get the class as it was.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import tracelab
from tracelab.recorder import active

from ..attacks.threads import Chain, X
from ..attacks.victims import Nursery
from ..attacks.workers import BUSY, Lines, collate, own_trace, refused
from .figures import Figures

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


def test_a_forked_child_passes_through() -> None:
    model = Chain(2)
    with tracelab.trace() as trace:
        model(X)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            answer = b"?"
            try:
                result = model(X)
                quiet = active.recorders == () and trace.recorded == 2 and torch.equal(result, X)
                with tracelab.trace() as own:
                    model(X)
                clean = "tracelab" not in nn.Module.__call__.__globals__["__name__"]
                ours = [f for f in sys.meta_path if type(f).__module__.startswith("tracelab")]
                answer = bytes([quiet, own.recorded, clean, len(ours)])
            finally:
                os.write(write, answer)
                os._exit(0)
        os.waitpid(child, 0)
        model(X)
    answer = os.read(read, 16)
    os.close(read)
    os.close(write)
    # It passed through, a trace of its own saw two calls, and that left neither patch nor finder.
    assert list(answer) == [1, 2, 1, 0]
    assert trace.recorded == 4


def test_a_child_that_leaves_the_parent_s_block_ends_quietly() -> None:
    read, write = os.pipe()
    child = -1
    with tracelab.trace() as trace:
        Chain(1)(X)
        child = os.fork()
    if child == 0:
        answer = b"?"
        try:
            clean = "tracelab" not in nn.Module.__call__.__globals__["__name__"]
            answer = bytes([clean, trace.recorded, trace.complete])
        finally:
            os.write(write, answer)
            os._exit(0)
    os.waitpid(child, 0)
    answer = os.read(read, 16)
    os.close(read)
    os.close(write)
    assert list(answer) == [1, 1, 0]
    assert trace.recorded == 1 and trace.complete


# --- forks in the middle of anything --------------------------------------------------------------

STORM = """
    class Chain(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.inner = Chain(depth - 1) if depth > 1 else None
        def forward(self, x):
            return x if self.inner is None else self.inner(x)

    chain, inputs, over = Chain(5), [torch.ones(1, size) for size in range(1, 20)], []
    def work():
        while not over:
            for x in inputs:
                chain(x)
            time.sleep(0.05)
    def read():
        while not over:
            str(trace), trace.calls[-1].inputs, trace.dropped
    sys.setswitchinterval(1e-6)
    with tracelab.trace(file="run.jsonl", limit=4000) as trace:
        for x in inputs:
            chain(x)
        str(trace)  # what it imports is there: a fork in the middle of an import is Python's own trap
        threads = [threading.Thread(target=act) for act in (work, work, read)]
        for thread in threads:
            thread.start()
        for turn in range({forks}):
            time.sleep(0.003)
            pid = os.fork()
            if not pid:
                signal.alarm(20)
                before = trace.recorded
                chain(X)
                assert trace.recorded == before and not trace.complete
                assert "ends at the fork" in str(trace), str(trace)
                trace.calls[-1].inputs
                with tracelab.trace(file=f"{{turn}}.jsonl") as own:
                    chain(X)
                assert own.complete and tracelab.load(f"{{turn}}.jsonl").recorded == 5
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0, turn
        over.append(1)
        for thread in threads:
            thread.join()
    assert not trace.internal_errors
    back = tracelab.load("run.jsonl")
    assert (back.recorded, back.dropped) == (trace.recorded, trace.dropped)
    assert "unfinished" not in back.meta and "forked" not in back.meta and "forked" not in trace.meta
"""


def test_forks_while_threads_record_read_and_write(
    tmp_path: Path, nursery: Nursery, figures: Figures
) -> None:
    ended = nursery.run(STORM.format(forks=15), tmp_path)
    assert ended.code == 0, ended.said
    figures("forks", 15)


@pytest.mark.slow
def test_many_forks_while_threads_record_read_and_write(
    tmp_path: Path, nursery: Nursery, figures: Figures
) -> None:
    ended = nursery.run(STORM.format(forks=150), tmp_path)
    assert ended.code == 0, ended.said
    figures("forks", 150)


def test_a_fork_in_the_middle_of_a_forward(tmp_path: Path, nursery: Nursery) -> None:
    """The child leaves calls that its parent began, by a return and by an exception."""
    ended = nursery.run(
        """
        class Forking(nn.Module):
            def forward(self, x):
                self.pid = os.fork()
                if not self.pid and x is None:
                    raise KeyError
                return model(X)
        forking = Forking()
        with tracelab.trace(file="run.jsonl") as trace:
            for x in (X, None):
                try:
                    forking(x)
                except KeyError:
                    assert not forking.pid
                if not forking.pid:
                    assert trace.recorded == {X: 1, None: 5}[x] and not trace.internal_errors
                    assert not trace.complete and trace.calls[-1].status == {X: "ok", None: "error"}[x]
                    os._exit(0)
                assert os.waitpid(forking.pid, 0)[1] == 0
        assert trace.recorded == 8 and trace.complete
        assert tracelab.load("run.jsonl").complete
        """,
        tmp_path,
    )
    assert ended.code == 0, ended.said


# --- workers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_workers_of_a_data_loader_run_untraced(context: str, tmp_path: Path, figures: Figures) -> None:
    net = nn.Linear(2, 1)
    lines = Lines()
    plain = [batch for batch, _ in DataLoader(lines, 2, collate_fn=collate)]
    path = tmp_path / "run.jsonl"
    with tracelab.trace(file=path) as trace:
        loader = DataLoader(lines, 2, num_workers=2, collate_fn=collate, multiprocessing_context=context)
        batches = list(loader)
        for batch, _ in batches:
            net(batch)
    assert all(torch.equal(batch, alone) for (batch, _), alone in zip(batches, plain, strict=True))
    assert [recorders for _, recorders in batches] == [0] * 4
    # the loader begins and hands over four batches; of the workers nothing is seen
    names = ["DataLoader.__iter__", *["_MultiProcessingDataLoaderIter._process_data"] * 4]
    assert [call.name for call in trace.calls] == names + ["Linear.forward"] * 4 and trace.complete
    assert tracelab.load(path).recorded == 9 and tracelab.load(path).complete
    figures("worker processes", 2)


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_a_worker_may_trace_into_a_file_of_its_own(context: str, tmp_path: Path, figures: Figures) -> None:
    mine, theirs = tmp_path / "run.jsonl", tmp_path / "worker.jsonl"
    with (
        tracelab.trace(file=mine) as trace,
        ProcessPoolExecutor(1, multiprocessing.get_context(context)) as pool,
    ):
        Chain(2)(X)
        assert pool.submit(own_trace, str(theirs)).result(60) == (0, 2, True, True)
        assert pool.submit(refused, str(mine)).result(60) == f"cannot write to {str(mine)!r}: {BUSY}"
        Chain(2)(X)
    assert trace.recorded == 4 and trace.complete and tracelab.load(mine).complete
    figures("worker processes")


MAPPED = """
    datasets = __import__("datasets")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    datasets.disable_progress_bars()

    class Words(PreTrainedTokenizerFast):  # sent to the workers by value, for they cannot import it
        def __call__(self, *args, **kwargs):
            return super().__call__(*args, **kwargs)

    core = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words = Words(tokenizer_object=core, unk_token="?")
    def encode(row):
        return {"ids": words(row["text"])["input_ids"]}
    rows = datasets.Dataset.from_dict({"text": ["a b", "b", "c a b"] * 4})
    genuine = Words.__dict__["__call__"]
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    with tracelab.trace(file="run.jsonl") as trace:
        mapped = rows.map(encode, num_proc=2)
        assert type(Words.__call__) is type(encode)
        encode(rows[0])
    assert mapped["ids"][:3] == [[0, 1], [1], [2, 0, 1]]
    assert trace.count("Words.__call__") == 2, str(trace)  # its own, and that of the library
    assert Words.__dict__["__call__"] is genuine
    assert trace.complete and tracelab.load("run.jsonl").complete
"""


def test_datasets_map_with_two_processes(tmp_path: Path, nursery: Nursery, figures: Figures) -> None:
    pytest.importorskip("datasets")
    ended = nursery.run(MAPPED, tmp_path)
    assert ended.code == 0, ended.said
    assert "couldn't be hashed" not in ended.said
    figures("worker processes", 2)
