"""A chain comes back from every kind of file as it was, also where torch is not installed."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import tracelab
from tests.models import ZOO
from tests.programs import REPOSITORY
from tracelab.recorder import recorder as recording

from . import program
from .program import Host


def generated(**options: str) -> tracelab.Trace:
    model = ZOO["llama"].build()
    with torch.no_grad(), tracelab.trace(chain=True, **options) as trace:  # type: ignore[arg-type]
        model.generate(**ZOO["llama"].inputs(), max_new_tokens=6, do_sample=False)
    return trace


def chains(trace: tracelab.Trace) -> list[object]:
    return [(call.name, call.chain(), call.facts.get("registry")) for call in trace.calls]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["run.json", "run.json.gz"])
def test_saved_and_loaded(name: str, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if packed:
        monkeypatch.setattr(recording, "PORTION", 50)
        monkeypatch.setattr(recording, "FLAT", 4)
    trace = generated()
    trace.save(tmp_path / name)
    back = tracelab.load(tmp_path / name)
    assert chains(back) == chains(trace)
    assert all(call.chain().known for call in back.calls)


def test_streamed(tmp_path: Path) -> None:
    trace = generated(file=str(tmp_path / "run.jsonl"))
    assert chains(tracelab.load(tmp_path / "run.jsonl")) == chains(trace)


def test_packing_keeps_every_chain_at_its_call(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = generated()
    monkeypatch.setattr(recording, "PORTION", 50)
    monkeypatch.setattr(recording, "FLAT", 4)
    assert [str(call.chain()).rpartition(" → ")[2] for call in generated().calls][1:] == [
        str(call.chain()).rpartition(" → ")[2] for call in flat.calls
    ][1:]


def test_packed_calls_from_one_line_by_several_ways_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", 20)
    monkeypatch.setattr(recording, "FLAT", 4)

    def many(host: Host, x: torch.Tensor) -> None:
        for more in range(60):
            program.recursive(host, x, more % 3)

    with tracelab.trace(chain=True) as trace:
        Host(many)(torch.ones(2))
    # recursive(more=n) has n + 1 frames behind the one of `many`.
    assert [len(call.chain().links) for call in trace.find("Identity.forward")] == [
        1 + n % 3 + 1 for n in range(60)
    ]
    drawn = [line for line in trace_lines(trace) if "via" in line]
    assert len(set(drawn)) >= 3


def trace_lines(trace: tracelab.Trace) -> list[str]:
    from tracelab.renderers import tree
    from tracelab.renderers.layout import Page
    from tracelab.renderers.screen import plain

    return [plain(row) for row in tree.tree(trace, Page(120), 9, chain=True)]


def test_read_without_torch(tmp_path: Path) -> None:
    generated().save(tmp_path / "run.json")
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import tracelab; trace = tracelab.load('run.json')\n"
        "print(trace.find('*._sample')[0].chain()); trace.print(chain=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("GenerationMixin.generate ")
    assert "(+1 hidden)" in done.stdout.splitlines()[0]  # no_grad


def test_names_of_a_hostile_file_are_inert(tmp_path: Path) -> None:
    with tracelab.trace(chain=True) as trace:
        Host(program.method)(torch.ones(2))
    trace.save(tmp_path / "run.json")
    text = (tmp_path / "run.json").read_text()
    assert "Host.helper" in text
    (tmp_path / "bad.json").write_text(text.replace("Host.helper", r"\u001b]0;x\u0007[red]\n\u202e"))
    back = tracelab.load(tmp_path / "bad.json")
    drawn = "\n".join(trace_lines(back)) + str(back.find("Identity.forward")[0].chain())
    assert "[red]" in drawn
    assert not {"\x1b", "\x07", "\u202e"} & set(drawn)
    (tmp_path / "worse.json").write_text(text.replace('"own"', '"king"'))
    with pytest.raises(tracelab.TraceFileError, match="chain as they are recorded"):
        tracelab.load(tmp_path / "worse.json")


def test_threads_that_run_at_once_do_not_mix_their_chains() -> None:

    ways = [program.plain, program.method, program.generator, program.decorated]
    ready = threading.Barrier(len(ways))

    def run(host: Host) -> None:
        ready.wait()
        for _ in range(100):
            host(torch.ones(2))

    with tracelab.trace(chain=True) as trace:
        threads = [threading.Thread(target=run, args=(Host(way),), name=way.__name__) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for way in ways:
        calls = [call for call in trace.find("Identity.forward") if call.thread == way.__name__]
        assert len(calls) == 100
        assert len({str(call.chain()) for call in calls}) == 1
        first = calls[0].chain().links[0].function
        assert first == way.__dict__.get("__wrapped__", way).__qualname__
