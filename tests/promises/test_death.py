"""Whatever ends the program, a `file=` trace is readable up to its last flush and never passes for complete.

Each victim is a process of its own (see `attacks.victims`) that runs a real model and dies in the middle of
it: by a signal, at once, by becoming another program or a daemon.  What it leaves is held against what the
same program does untroubled.  And since a machine may die too, the file is cut at every byte.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

import tracelab
from tracelab.errors import TraceFileError
from tracelab.exporters.stream import writer

from ..attacks.victims import Nursery, names
from ..models import ZOO
from .figures import Figures

PROGRAM = """
    class Outer(nn.Module):
        def forward(self, x):
            generate()
            model(x)
            generate()
            wait({calls})
            {end}
    with tracelab.trace(file="run.jsonl"):
        Outer()(X)
"""


# --- the program dies ----------------------------------------------------------------------------

ENDS = {
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "SIGSEGV": ("faulthandler._sigsegv()", -signal.SIGSEGV),
    "SIGABRT": ("os.abort()", -signal.SIGABRT),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "fatal error": ("faulthandler._fatal_error_c_thread(); time.sleep(9)", -signal.SIGABRT),
    "_exit": ("os._exit(7)", 7),
    "_exit of a thread": ("threading.Thread(target=os._exit, args=(7,)).start(); time.sleep(9)", 7),
    "execv": ("os.execv(sys.executable, [sys.executable, '-c', 'raise SystemExit(7)'])", 7),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_ends_at_once_leaves_all_that_was_flushed(
    end: str, tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures
) -> None:
    # Outer, a generate, model (3), a generate
    calls = 1 + len(expected) + 3 + len(expected)
    program, code = ENDS[end]
    ended = nursery.run(PROGRAM.format(calls=calls, end=program), tmp_path)
    assert ended.code == code, ended.said
    back = tracelab.load(tmp_path / "run.jsonl")
    model = ["Sequential.forward", "Identity.forward", "Identity.forward"]
    assert names(back) == ["Outer.forward", *expected, *model, *expected]
    assert [call.name for call in back.calls if call.status == "open"] == ["Outer.forward"]
    assert [call.name for call in back.calls[0].children].count("LlamaForCausalLM.generate") == 2
    assert not back.complete and "the file ends before the recording did" in str(back)
    figures("programs ended")


def kills(folder: Path, nursery: Nursery, expected: list[str], delays: list[float]) -> int:
    """Kills as many programs after as many seconds; returns how many calls their files hold in all."""
    found = 0
    for turn, delay in enumerate(delays):
        place = folder / str(turn)
        place.mkdir()
        ended = nursery.run(
            f"""
            writer.PAUSE = 0.001
            session = tracelab.trace(file="run.jsonl")
            session.__enter__()
            signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_VIRTUAL, {delay})
            while True:
                generate()
            """,
            place,
        )
        assert ended.code == -signal.SIGVTALRM, ended.said
        back = tracelab.load(place / "run.jsonl")
        assert not back.complete and back.meta["unfinished"] is True
        assert back.internal_errors == back.dropped == 0
        assert names(back) == (expected * (back.recorded // len(expected) + 1))[: back.recorded]
        opened = [call for call in back.calls if call.status == "open"]
        assert [call.parent and call.parent.id for call in opened] == [None, *[c.id for c in opened]][:-1]
        found += back.recorded
    return found


def test_a_program_killed_at_any_moment(
    tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures
) -> None:
    """What is there is the beginning of what it did, and what was open is one stack."""
    delays = [0.003, 0.02, 0.05, 0.1, 0.2]
    assert kills(tmp_path, nursery, expected, delays) > len(expected)
    figures("programs ended", len(delays))


@pytest.mark.slow
def test_many_programs_killed_at_any_moment(
    tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures
) -> None:
    delays = [0.001 + 0.0031 * turn for turn in range(100)]
    assert kills(tmp_path, nursery, expected, delays) > 100 * len(expected)
    figures("programs ended", len(delays))


def test_a_program_killed_after_many_calls_in_one_that_never_returned(
    tmp_path: Path, nursery: Nursery
) -> None:
    """Most of them are packed by then."""
    ended = nursery.run(
        """
        class Endless(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = model
            def forward(self, x):
                for _ in range(6667):
                    self.inner(x)
                wait(1 + 3 * 6667)
                os.kill(os.getpid(), 9)
        with tracelab.trace(file="run.jsonl"):
            Endless()(X)
        """,
        tmp_path,
    )
    assert ended.code == -signal.SIGKILL, ended.said
    back = tracelab.load(tmp_path / "run.jsonl")
    assert back.recorded == 20_002 and back.meta["unfinished"] is True
    assert [call.status for call in back.calls[:3]] == ["open", "ok", "ok"]
    assert back.columns.status.count(2) == 1
    assert "Endless" in str(back)


ORDERLY = {
    "sys.exit": "with tracelab.trace(file='run.jsonl'):\n    model(X)\n    sys.exit(3)",
    "never left": "it = tracelab.trace(file='run.jsonl')\nit.__enter__()\nmodel(X)\nsys.exit(3)",
    "thread": "it = tracelab.trace(file='run.jsonl')\nit.__enter__()\n"
    "threading.Thread(target=lambda: (time.sleep(0.1), model(X))).start()\nsys.exit(3)",
}


@pytest.mark.parametrize("end", ORDERLY)
def test_a_program_that_ends_in_good_order_leaves_a_complete_file(
    end: str, tmp_path: Path, nursery: Nursery
) -> None:
    ended = nursery.run(ORDERLY[end], tmp_path)
    assert ended.code == 3, ended.said
    back = tracelab.load(tmp_path / "run.jsonl")
    assert back.recorded == 3 and back.complete


def test_a_program_that_makes_itself_a_daemon(tmp_path: Path, nursery: Nursery) -> None:
    """Its parent ends at once and leaves what it had; the daemon writes nothing, and may trace anew."""
    ended = nursery.run(
        """
        with tracelab.trace(file="run.jsonl") as trace:
            model(X)
            wait(3)
            middle = os.fork()
            if middle:
                os.waitpid(middle, 0)
                os._exit(7)
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(0.2)  # until its parents have gone
            size = os.path.getsize("run.jsonl")
            model(X)
            time.sleep(0.05)
            assert os.path.getsize("run.jsonl") == size
            assert trace.recorded == 3 and not trace.complete and "ends at the fork" in str(trace)
            try:
                number()
            except StopIteration:
                pass
            else:
                raise AssertionError("the daemon holds the file of its parent")
            os.rename("run.jsonl", "parent.jsonl")
            with tracelab.trace(file="run.jsonl"):
                model(X)
        open("done.txt", "w").write("done")
        """,
        tmp_path,
    )
    assert ended.code == 7, ended.said
    done, ends = tmp_path / "done.txt", time.monotonic() + 20
    while not done.exists() and time.monotonic() < ends:
        time.sleep(0.01)
    assert done.exists(), (tmp_path / "out.txt").read_text()
    parent, daemon = tracelab.load(tmp_path / "parent.jsonl"), tracelab.load(tmp_path / "run.jsonl")
    assert (parent.recorded, parent.complete) == (3, False)
    assert (daemon.recorded, daemon.complete) == (3, True)


# --- a file that is not whole --------------------------------------------------------------------


def stream(folder: Path) -> bytes:
    """The file of a real model: many flushes, many packed portions."""
    path = folder / "whole.jsonl"
    net, inputs = ZOO["bert"].build(), ZOO["bert"].inputs()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "PAUSE", 0.0005)
        patch.setattr("tracelab.recorder.recorder.PORTION", 40)
        with tracelab.trace(file=path):
            for _ in range(3):
                net(**inputs)
                time.sleep(0.01)
    return path.read_bytes()


def cut(data: bytes, lengths: Iterable[int], path: Path, whole: list[str]) -> int:
    """Reads the file cut to each length; nothing that was there is ever lost again by more bytes."""
    first, most, done = data.index(b"\n") + 1, 0, 0
    for length in lengths:
        path.write_bytes(data[:length])
        try:
            back = tracelab.load(path)
        except TraceFileError as error:
            # No program leaves less than the first line: the file gets its name when that is written.
            assert length < first and str(error).isprintable(), error
            continue
        assert names(back) == whole[: back.recorded]
        assert length >= first and not back.complete and back.recorded >= most
        most, done = back.recorded, done + 1
    return done


def test_a_cut_anywhere_is_read_and_never_passes_for_complete(tmp_path: Path, figures: Figures) -> None:
    data = stream(tmp_path)
    whole = tracelab.load(tmp_path / "whole.jsonl")
    assert whole.complete and data.count(b"\n") > 10
    ends = [at + 1 for at, byte in enumerate(data) if byte == 10]
    lengths = {*range(0, len(data), 211), *(end + by for end in ends for by in (-1, 0, 1))}
    lengths -= {len(data), len(data) + 1}
    figures("cuts read", cut(data, sorted(lengths), tmp_path / "run.jsonl", names(whole)))


@pytest.mark.slow
def test_a_cut_at_every_byte(tmp_path: Path, figures: Figures) -> None:
    data = stream(tmp_path)
    whole = names(tracelab.load(tmp_path / "whole.jsonl"))
    figures("cuts read", cut(data, range(len(data)), tmp_path / "run.jsonl", whole))
