"""Whatever is opened ends, soon and in little memory, in a trace or in one line that says what is wrong.

Each file here is given to `tracelab.load`, to `tracelab show` and, when it can be read, to everything that
looks at a trace.  What each limit and each check of the reader says is tested where the reader is
(`tests/exporters`); here its faults go through the whole house.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import resource
import socket
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import tracelab
from tracelab import cli
from tracelab.errors import TraceFileError
from tracelab.exporters import limits
from tracelab.renderers import picture, tree

from ..attacks import mutations
from ..exporters import packing, samples, test_bad_files, test_bad_packed
from .figures import Figures

SECONDS = 10
BYTES = 100_000_000


def show(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(list(arguments))
    return code, out.getvalue(), err.getvalue()


def opened(path: str | os.PathLike[str]) -> str:
    """What is wrong with a file, "" where nothing is: all ways to open it agree."""
    name = os.fspath(path)
    try:
        trace = tracelab.load(path)
    except TraceFileError as error:
        problem = str(error)
    else:
        assert show("show", name)[0] == show("steps", name)[0] == 0
        samples.look(trace)
        picture.svg(trace)
        tree.html(trace)
        return ""
    code, out, err = show("show", name)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert err.startswith("tracelab: ") and err.rstrip("\n").isprintable()
    assert problem.isprintable() and problem.startswith(f"{name!r}: ")
    said = problem.removeprefix(f"{name!r}: ")
    assert 5 < len(said) < 400
    return said


@contextmanager
def bounded() -> Iterator[None]:
    """The block takes neither long nor much memory."""
    tracemalloc.start()
    began = time.process_time()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < SECONDS


# --- not a trace ------------------------------------------------------------------------------------


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def a_loop(path: Path) -> None:
    path.symlink_to(path)


def of(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


NOT_A_TRACE: dict[str, Callable[[Path], object]] = {
    "nothing there": lambda path: None,
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a socket": a_socket,
    "a link to itself": a_loop,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a link to /dev/stdin": lambda path: path.symlink_to("/dev/null"),
    "no bytes": of(b""),
    "white space": of(b" \n\t" * 1000),
    "a program": of(b"\x7fELF\x02\x01\x01" + bytes(1000)),
    "a pickle": of(b"\x80\x04\x95\x1f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93\x94."),
    "a picture": of(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "a zip": of(b"PK\x03\x04" + bytes(100)),
    "a script": of(b"import os\nos.abort()\n"),
    "text in UTF-16": of('{"format": "tracelab"}'.encode("utf-16")),
    "JSON of others": of(b'{"traceEvents": []}'),
    "a number": of(b"7"),
    "lines of others": of(b'{"a": 1}\n{"a": 2}\n'),
    "a stream without lines": of(b'{"format":"tracelab stream","version":1}'),
    "gzip of nothing": of(gzip.compress(b"")),
    "gzip in gzip": of(gzip.compress(gzip.compress(b"{}"))),
    "gzip that is cut": of(gzip.compress(b"{}")[:-9]),
    "a newer version": of(b'{"format":"tracelab","version":99}'),
}


@pytest.mark.parametrize("kind", NOT_A_TRACE)
def test_what_is_no_trace_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    monkeypatch.setattr(limits, "BYTES", 10_000_000)
    NOT_A_TRACE[kind](tmp_path / "x.json")
    with bounded():
        assert opened(tmp_path / "x.json")
    figures("kinds of files refused")


@pytest.mark.parametrize("name", ["\x1b]0;pwned\x07.json", "a\nb.json", "\u202egnp.json", "x" * 5000, "a\0b"])
def test_the_name_of_a_file_does_not_act_when_it_is_refused(name: str) -> None:
    assert opened(name)


def test_standard_input_that_is_no_trace() -> None:
    command = [sys.executable, "-m", "tracelab", "show", "-"]
    done = subprocess.run(command, input=b"\x80\x04", capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"tracelab: standard input: not JSON") and done.stderr.count(b"\n") == 1


# --- well-formed but wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["flat", "packed"])
def test_a_trace_with_one_thing_wrong_is_refused_at_its_place(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 10_000)
    faults: dict[str, Callable[[dict[str, Any]], Any]]
    faults = test_bad_files.FAULTS if form == "flat" else test_bad_packed.FAULTS
    good = samples.document(tmp_path) if form == "flat" else packing.document(tmp_path)
    for problem, spoil in faults.items():
        document = json.loads(json.dumps(good))
        spoil(document)
        path = tmp_path / "wrong.json"
        path.write_text(json.dumps(document))
        assert opened(path).startswith(problem)
        figures("kinds of wrong traces refused")


# --- bombs ------------------------------------------------------------------------------------------


def numbers(letter: str, size: int) -> str:
    """Very many zeros as packed numbers."""
    import base64

    return f"{letter}:{base64.b64encode(zlib.compress(bytes(size), 9)).decode()}"


def unfolding(path: Path) -> None:
    """A block of a few bytes that stands for a hundred million events."""
    document = packing.document(path.parent)
    block = document["packed"]["lanes"][0][0]
    block["gaps"] = numbers("b", 400_000_000)
    path.write_text(json.dumps(document))


BOMBS: dict[str, Callable[[Path], object]] = {
    "gzip": of(gzip.compress(b" " * 60_000_000)),
    "nesting": of(b"[" * 1_000_000),
    "nesting of objects": of(b'{"a":' * 300_000),
    "unclosed text": of(b'"' + b'\\"' * 2_000_000),
    "digits": of(b'{"format":' + b"9" * 5_000_000 + b"}"),
    "exponent": of(b'{"format": 1e' + b"9" * 5_000_000 + b"}"),
    "values": of(b"[" + b"0," * 5_000_000 + b"0]"),
    "lines": of(b'{"format":"tracelab stream","version":1}\n' + b"\n" * 5_000_000),
    "unfolding": unfolding,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_does_not_go_off(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)
    for name, limit in (("BYTES", 20_000_000), ("VALUES", 10**6), ("NUMBERS", 10**6), ("LINES", 10**6)):
        monkeypatch.setattr(limits, name, limit)
    path = tmp_path / "bomb.json"
    BOMBS[kind](path)
    with bounded():
        assert opened(path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gzip", "values", "texts", "objects"])
def test_a_bomb_of_full_size_stays_below_the_bound_that_the_limits_promise(kind: str, tmp_path: Path) -> None:
    """Limits as they are: a child that may have four gigabytes reads half a gigabyte of rubbish."""
    inside = {"gzip": b" ", "values": b"0,", "texts": b'"aa",', "objects": b"{},"}[kind]
    path = tmp_path / "bomb.json.gz"
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = inside * (2**20 // len(inside))
    data = [squeeze.compress(b"["), *(squeeze.compress(piece) for _ in range(600)), squeeze.flush()]
    path.write_bytes(b"".join(data))
    command = [sys.executable, "-m", "tracelab", "show", str(path)]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        capture_output=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)),
    )
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert time.perf_counter() - began < 60


# --- mutations --------------------------------------------------------------------------------------


def storm(kind: str, folder: Path, files: int) -> tuple[int, int]:
    """Open so many mutated files of a kind: how many were traces, and how many were refused."""
    read, worst = 0, 0.0
    path = folder / "spoilt"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in mutations.spoilt(kind, folder, files):
        path.write_bytes(data)
        began = time.process_time()
        read += not opened(path)
        worst = max(worst, time.process_time() - began)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # in kilobytes
    assert worst < SECONDS and grown < 700_000
    return read, files - read


@pytest.fixture
def spelt_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short traces are packed, and numbers written as lists, so that each can be spoilt."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 1000)


LEAST = {"flat": (5, 50), "packed": (3, 50), "compressed": (0, 90), "stream": (10, 20)}
"""Of a hundred files, how many at least must be traces and how many refused: or mutations are too tame."""


@pytest.mark.parametrize("kind", mutations.GOOD)
def test_mutated_files(kind: str, tmp_path: Path, spelt_out: None, figures: Figures) -> None:
    read, refused = storm(kind, tmp_path, 100)
    assert (read >= LEAST[kind][0]) and (refused >= LEAST[kind][1]), (read, refused)
    figures("files fuzzed", 100)


@pytest.mark.slow
@pytest.mark.parametrize("kind", mutations.GOOD)
def test_ten_thousand_mutated_files(kind: str, tmp_path: Path, spelt_out: None, figures: Figures) -> None:
    read, refused = storm(kind, tmp_path, 2500)
    assert read + refused == 2500 and refused > 500
    figures("files fuzzed", 2500)
