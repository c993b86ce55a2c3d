"""Files appear whole, private and in place; standard streams work; the suffix names the format."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.exporters import samples
from tracelab.calls import Columns, Trace
from tracelab.errors import TracelabError
from tracelab.exporters import SUFFIXES, files, load, save

GOOD = samples.look(samples.small())


class Path_(os.PathLike[str]):
    """A path of a kind of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


def test_a_file_is_private_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    save(samples.small(), tmp_path / "run.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
    assert stat.S_IMODE((tmp_path / "run.json").stat().st_mode) == 0o600


def test_an_older_file_is_replaced_and_becomes_private(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")
    path.chmod(0o644)
    save(samples.small(), path)
    assert samples.look(load(path)) == GOOD
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", [str, Path, Path_, os.fsencode])
def test_any_kind_of_path_is_taken(tmp_path: Path, kind: type) -> None:
    save(samples.small(), kind(tmp_path / "run.json"))
    assert samples.look(load(kind(tmp_path / "run.json"))) == GOOD


def test_a_bare_name_means_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(samples.small(), "RUN.JSON")
    assert [entry.name for entry in tmp_path.iterdir()] == ["RUN.JSON"]


def test_gz_is_gzip_without_name_and_time(tmp_path: Path) -> None:
    save(samples.small(), tmp_path / "a.json.gz")
    save(samples.small(), tmp_path / "b.json")
    data = (tmp_path / "a.json.gz").read_bytes()
    assert gzip.decompress(data) == (tmp_path / "b.json").read_bytes()
    # RFC 1952: magic, method 8, flags 0 (no name), modification time 0
    assert data[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("written", "renamed"), [("a.json.gz", "b.json"), ("a.json", "b.gz"), ("a.json", "b")]
)
def test_reading_goes_by_content(tmp_path: Path, written: str, renamed: str) -> None:
    save(samples.small(), tmp_path / written)
    (tmp_path / written).rename(tmp_path / renamed)
    assert samples.look(load(tmp_path / renamed)) == GOOD


@pytest.mark.parametrize("name", ["run", "run.txt", "run.gz", "json", "run.json.bz2"])
def test_an_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(TracelabError) as caught:
        save(samples.small(), tmp_path / name)
    message = str(caught.value)
    assert repr(str(tmp_path / name)) in message and all(suffix in message for suffix in SUFFIXES)
    assert "\n" not in message and list(tmp_path.iterdir()) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "run.json").symlink_to(tmp_path / "victim")
    save(samples.small(), tmp_path / "run.json")
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "run.json").is_symlink()


def test_a_target_that_is_no_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name in ("folder.json", "pipe.json"):
        with pytest.raises(TracelabError, match="no regular file"):
            save(samples.small(), tmp_path / name)
    assert {entry.name for entry in tmp_path.iterdir()} == {"folder.json", "pipe.json"}


def test_a_folder_that_is_not_there_names_the_target(tmp_path: Path) -> None:
    target = tmp_path / "none" / "run.json"
    with pytest.raises(FileNotFoundError) as caught:
        save(samples.small(), target)
    assert caught.value.filename == str(target)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_a_failure_leaves_the_older_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "draft")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        save(samples.small(), path)
    assert caught.value.filename == str(path)
    assert path.read_text() == "old" and [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_an_interrupt_while_writing_leaves_no_draft(tmp_path: Path) -> None:
    def broken(self: Trace) -> Columns:
        raise KeyboardInterrupt

    trace = type("Interrupted", (Trace,), {"columns": property(broken)})()
    with pytest.raises(KeyboardInterrupt):
        save(trace, tmp_path / "run.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_names_the_target(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError) as caught:
        save(samples.small(), tmp_path / "run.json")
    assert caught.value.filename == str(tmp_path / "run.json")


# --- standard streams ------------------------------------------------------------------------------


def test_minus_writes_json_to_standard_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-16"))
    save(samples.small(), "-")
    save(samples.small(), tmp_path / "run.json")
    assert raw.getvalue() == (tmp_path / "run.json").read_bytes()


def test_minus_comes_after_text_that_is_still_in_the_buffer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print("before")
    save(samples.small(), "-")
    assert raw.getvalue().startswith(b'before\n{"format":"tracelab"')


def test_minus_writes_to_a_stream_of_text_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    save(samples.small(), "-")
    assert json.loads(stream.getvalue())["version"] == 1


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_minus_reads_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    save(samples.small(), tmp_path / f"run{suffix}")
    data = (tmp_path / f"run{suffix}").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert samples.look(load("-")) == GOOD


def test_minus_reads_a_stream_of_text_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(samples.small(), tmp_path / "run.json")
    monkeypatch.setattr(sys, "stdin", io.StringIO((tmp_path / "run.json").read_text()))
    assert samples.look(load("-")) == GOOD


def test_closed_standard_streams_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TracelabError, match="standard output: it is closed"):
        save(samples.small(), "-")
    with pytest.raises(TracelabError, match="standard input: it is closed"):
        load("-")


def test_a_name_with_a_minus_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(samples.small(), "-.json")
    assert samples.look(load("./-.json")) == GOOD
    assert files.read("-.json").startswith(b'{"format"')
