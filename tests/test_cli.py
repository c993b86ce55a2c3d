"""The command line: what each command prints, where, and with which exit code.

Everything but `run`, which has a file of its own.  The commands are called in this process, on a trace
made by hand.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.builders import Node, build, call, t
from tracelab.cli import COMMANDS, main
from tracelab.exporters import save
from tracelab.running import version
from tracelab.values import CacheSpec, ContainerSpec, Spec

REPOSITORY = Path(__file__).resolve().parent.parent
MODEL = "LlamaForCausalLM"


def forward(tokens: int, held: int) -> Node:
    """A step that reads `tokens` tokens while the cache holds `held`."""
    inputs: dict[str, Spec] = {
        "input_ids": t(1, tokens, dtype="int64"),
        "past_key_values": CacheSpec("DynamicCache", held, 2),
    }
    output = ContainerSpec("CausalLMOutputWithPast", (("logits", t(1, 1, 99)),), 1)
    return call(f"{MODEL}.forward", path="", root=MODEL, inputs=inputs, output=output)


def method(name: str, *children: Node) -> Node:
    return call(f"{MODEL}.{name}", kind="method", path="", root=MODEL, children=list(children))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A prompt of 5 tokens and 2 decode steps; calls 0 generate, 1 _sample, 2 _prefill, 3-5 forward."""
    loop = method("_sample", method("_prefill", forward(5, 0)), forward(1, 5), forward(1, 6))
    trace = build(method("generate", loop))
    path = tmp_path / "run.json"
    save(trace, path)
    return path


Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Call the command line in this process: exit code, stdout, stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def one_line(said: tuple[int, str, str], *parts: str) -> None:
    """It was refused: exit code 2, nothing on stdout, and one line on stderr that has all `parts`."""
    code, out, err = said
    assert (code, out) == (2, "")
    assert err.startswith("tracelab: ") and err.endswith("\n") and err.count("\n") == 1
    for part in parts:
        assert part in err


# --- show ---------------------------------------------------------------------------------------------


def test_show_draws_the_saved_tree(saved: Path, said: Said) -> None:
    code, out, err = said("show", saved)
    assert (code, err) == (0, "")
    assert "LlamaForCausalLM.generate" in out and "prefill" in out


def test_show_ascii(saved: Path, said: Said) -> None:
    code, out, _ = said("show", "--ascii", saved)
    assert code == 0 and out.isascii() and "generate" in out


def test_show_width(saved: Path, said: Said) -> None:
    _, out, _ = said("show", "--width", 40, saved)
    assert max(map(len, out.splitlines())) <= 40


def test_show_depth_hides_what_is_deeper(saved: Path, said: Said) -> None:
    _, whole, _ = said("show", "--depth", 9, saved)
    _, flat, _ = said("show", "--depth", 1, saved)
    assert "_sample" in whole and "_sample" not in flat
    assert "generate" in flat


def test_show_no_fold_draws_every_call(saved: Path, said: Said) -> None:
    _, folded, _ = said("show", saved)
    _, single, _ = said("show", "--no-fold", saved)
    # The two decode steps are one line when folded, a line each when not.
    assert len(single.splitlines()) > len(folded.splitlines())


def test_show_filter_keeps_what_matches_and_what_is_above(saved: Path, said: Said) -> None:
    code, out, _ = said("show", "--filter", "*._prefill", saved)
    assert code == 0 and "_prefill" in out and "generate" in out
    assert "decode" not in out


def test_show_reads_standard_input(saved: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    _, direct, _ = said("show", saved)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(saved.read_bytes())))
    assert said("show", "-") == (0, direct, "")


# --- steps --------------------------------------------------------------------------------------------


def test_steps_table(saved: Path, said: Said) -> None:
    code, out, err = said("steps", saved)
    assert (code, err) == (0, "")
    assert "prefill" in out and "decode" in out


def test_steps_as_json(saved: Path, said: Said) -> None:
    code, out, _ = said("steps", "--json", saved)
    rows = json.loads(out)
    assert code == 0
    assert [row["index"] for row in rows] == [0, 1, 2]
    assert [row["phase"] for row in rows] == ["prefill", "decode", "decode"]
    assert [row["input"] for row in rows] == [[1, 5], [1, 1], [1, 1]]
    # The prompt of 5 is in the cache when the first decode step begins, its token when the second does.
    assert [row["cache_before"] for row in rows] == [0, 5, 6]
    assert [(row["loop"], row["call"]) for row in rows] == [(1, 3), (1, 4), (1, 5)]
    assert rows[0]["logits"] == [1, 1, 99] and rows[0]["tokens"] is None


def test_steps_as_csv_say_the_same(saved: Path, said: Said) -> None:
    _, as_json, _ = said("steps", "--json", saved)
    code, out, _ = said("steps", "--csv", saved)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and len(rows) == 3
    for row, same in zip(rows, json.loads(as_json), strict=True):
        assert list(row) == list(same)
        for name, value in same.items():
            text = row[name]
            assert (text == value) if isinstance(value, str) else (json.loads(text or "null") == value)


def test_steps_of_a_trace_without_any(tmp_path: Path, said: Said) -> None:
    save(build(call("Linear.forward", path="", root="Linear")), tmp_path / "no.json")
    assert said("steps", "--json", tmp_path / "no.json") == (0, "[]\n", "")
    assert said("steps", tmp_path / "no.json")[0] == 0


# --- what is refused ----------------------------------------------------------------------------------


def test_unknown_filter_names_the_nearest(saved: Path, said: Said) -> None:
    one_line(said("show", "--filter", "LlamaForCausalLM.forwrd", saved), "forwrd", "LlamaForCausalLM.forward")


@pytest.mark.parametrize("command", ["show", "steps"])
@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"\x1f\x8bnonsense", b'{"format": "else"}', b"\xff\xfe"]
)
def test_broken_files(command: str, content: bytes | None, tmp_path: Path, said: Said) -> None:
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_bytes(content)
    one_line(said(command, path), "broken.json")


def test_a_folder_is_no_trace(tmp_path: Path, said: Said) -> None:
    one_line(said("show", tmp_path), tmp_path.name)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["show"], "FILE"),
        (["shwo", "x"], "shwo"),
        (["show", "--dpeth", "3", "x"], "--dpeth"),
        (["show", "--depth", "0", "x"], "--depth"),
        (["show", "--depth", "deep", "x"], "--depth"),
        (["show", "--width", "3", "x"], "--width"),
        (["show", "x", "y"], "y"),
        (["steps"], "FILE"),
        (["run"], "SCRIPT"),
        (["run", "--valeus", "x.py"], "--valeus"),
        (["run", "--limit", "0", "x.py"], "--limit"),
        (["run", "-m"], "SCRIPT"),
        (["demo", "gpt5"], "gpt5"),
        (["demo", "-o", "run.txt"], "run.txt"),
        (["show", "\x1b[31mred\u202e"], "red"),
    ],
)
def test_usage_errors(words: list[str], part: str, said: Said) -> None:
    result = said(*words)
    one_line(result, part)
    assert result[2].rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("output", "part"),
    [("x.txt", ".json.gz"), ("gone/x.json", "'gone'"), ("folder.json", "folder"), ("noway/x.json", "noway")],
)
def test_an_output_that_cannot_be_written_is_told_first(
    output: str, part: str, tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "noway").mkdir()
    # Permission bits do not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda path, mode: "noway" not in str(path))
    (tmp_path / "s.py").write_text("open('ran', 'w')")
    one_line(said("run", "-o", output, "s.py"), output, part)
    assert not (tmp_path / "ran").exists()


def test_help_names_every_command(said: Said) -> None:
    for words in ([], ["--help"], ["-h"]):
        code, out, err = said(*words)
        assert (code, err) == (0, "")
        for command in COMMANDS:
            assert f"\n  {command.name} " in out


@pytest.fixture
def forgotten_version() -> Iterator[None]:
    """The version is looked up once for each process."""
    version.cache_clear()
    yield
    version.cache_clear()


@pytest.mark.usefixtures("forgotten_version")
def test_version(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"tracelab": "1.2.3"}.__getitem__)
    assert said("--version") == (0, "tracelab 1.2.3\n", "")


@pytest.mark.usefixtures("forgotten_version")
def test_version_of_a_copy_that_is_not_installed(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert said("--version") == (0, "tracelab (not installed: run from its folder)\n", "")


# --- pipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["show", "steps --json"])
def test_a_reader_that_goes_away_is_no_error(command: str, saved: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "tracelab", *command.split(), str(saved)]
    try:
        done = subprocess.run(words, cwd=REPOSITORY, stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_show_draws_a_picture(saved: Path, tmp_path: Path, said: Said) -> None:
    picture = tmp_path / "tree.svg"
    code, out, err = said("show", str(saved), "--svg", str(picture))
    assert (code, out, err) == (0, "", "")
    text = picture.read_text(encoding="utf-8")
    assert text.startswith("<svg")
    assert "LlamaForCausalLM" in text


def test_a_picture_that_cannot_be_written_is_one_line(saved: Path, tmp_path: Path, said: Said) -> None:
    code, out, err = said("show", str(saved), "--svg", str(tmp_path / "nowhere" / "tree.svg"))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "nowhere" in err


def test_a_picture_of_a_part(saved: Path, tmp_path: Path, said: Said) -> None:
    picture = tmp_path / "tree.svg"
    assert said("show", str(saved), "--svg", str(picture), "--depth", "1")[0] == 0
    text = picture.read_text(encoding="utf-8")
    assert "generate" in text
    assert "prefill" not in text
    one_line(said("show", str(saved), "--svg", str(picture), "--filter", "Nobody.forward"), "Nobody.forward")
