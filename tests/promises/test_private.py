"""A default trace holds names, types, shapes and times; no text, token id, value, message, home or address.

A program full of canaries (see `attacks.canaries`) is traced in a process of its own, and every form of its
trace is searched for them.  An audit hook hears what Python does meanwhile.  Allowed is what a tracer needs:
the files that it was told to write, and the compilation of its own readers, whose source is made of our words
alone (`describe.writing`), and to read the source files that the trace names: it keeps a digest of each.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import tracelab
from tracelab import cli
from tracelab.describe import file_name

from ..attacks import canaries
from .figures import Figures

Heard = tuple[list[tuple[str, list[str]]], list[str], Path]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """What the hook heard, what must not be found, and where everything was written."""
    folder = tmp_path_factory.mktemp("secrets")
    return (*canaries.run(folder), folder / "out")


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file with its text; compressed ones and packed numbers are opened."""
    for path in folder.iterdir():
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        yield path.name, data.decode("utf-8")


def found(canary: str, text: str) -> bool:
    """Whether a canary stands in a text; a number only where it is not part of a longer one."""
    if not re.fullmatch(r"[0-9a-f.]+", canary):
        return canary in text
    return re.search(rf"(?<![0-9a-f.]){re.escape(canary)}(?![0-9a-f])", text) is not None


FORMS = "run.json run.json.gz run.jsonl flat.json text.txt page.html tree.svg calls.txt meta.txt steps.txt"


def test_no_canary_is_found_in_any_form_of_a_default_trace(told: Heard, figures: Figures) -> None:
    _, secrets, folder = told
    texts = dict(contents(folder))
    assert set(texts) == {*FORMS.split(), "log.txt", "stderr.txt"}
    assert "internal error in canary test: ValueError" in texts["log.txt"]
    leaks = [(name, one) for name, text in texts.items() for one in secrets if found(one, text)]
    assert leaks == []
    assert "Asks.forward" in texts["text.txt"] and "~/work/program.py" in texts["run.json"]
    figures("places searched for secrets", len(texts) * len(secrets))


def test_the_canaries_would_be_found(tmp_path: Path) -> None:
    """With values=True they are there: the search itself works."""

    class Takes(nn.Module):
        def forward(self, text: str, ids: torch.Tensor) -> None:
            raise ValueError(canaries.MESSAGE)

    with tracelab.trace(values=True) as trace, pytest.raises(ValueError, match="canary"):
        Takes()(canaries.PROMPT, torch.tensor(canaries.IDS))
    trace.save(tmp_path / "run.json")
    ((_, text),) = contents(tmp_path)
    for canary in (canaries.PROMPT, canaries.MESSAGE, *map(str, canaries.IDS)):
        assert found(canary, text)


def test_every_file_is_the_owner_s_alone_also_under_umask_0(told: Heard) -> None:
    written = [name for name in FORMS.split() if name.startswith(("run", "flat"))]
    modes = {name: stat.S_IMODE((told[2] / name).stat().st_mode) for name in written}
    assert set(modes.values()) == {0o600}, modes


def test_a_picture_is_the_owner_s_alone(told: Heard, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert cli.main(["show", str(told[2] / "run.json"), "--svg", str(tmp_path / "tree.svg")]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "tree.svg").stat().st_mode) == 0o600


# --- what Python does meanwhile ---------------------------------------------------------------------

HARMLESS = {
    "array.__new__",
    "builtins.id",
    "fcntl.fcntl",  # the stream's own descriptor: a high number for it, and a lock
    "fcntl.flock",
    "function.__new__",
    "object.__getattr__",  # the code of a function or frame
    "object.__setattr__",
    "os.rename",  # a draft takes the place of the file that was asked for
    "sys._getframe",
    "tempfile.mkstemp",
    "_thread.start_new_thread",  # the thread that writes the stream
}


def test_no_socket_no_process_no_pickle_no_foreign_file(told: Heard, figures: Figures) -> None:
    heard, _, folder = told
    sources = tuple(name.removeprefix("~") for name in tracelab.load(folder / "run.json").columns.sources)
    foreign = []
    for event, arguments in heard:
        if event == "open":  # a path, or the descriptor of a draft
            allowed = arguments[0].startswith(str(folder) + os.sep) or arguments[0].isdigit()
            reads = not int(arguments[2]) & os.O_ACCMODE
            allowed |= arguments[0].endswith(sources) and reads
        elif event in ("compile", "exec"):
            allowed = "<tracelab reader " in arguments[event == "compile"]
        else:
            allowed = event in HARMLESS
        if not allowed:
            foreign.append((event, arguments))
    assert foreign == []
    assert {"open", "compile", "exec", "os.rename"} <= {event for event, _ in heard}
    figures("audit events heard", len(heard))


def test_the_source_that_we_compile_is_made_of_our_words_alone(told: Heard) -> None:
    """No name, key or value of the host stands in it: those are constants that it is given."""
    sources = [arguments[0] for event, arguments in told[0] if event == "compile"]
    assert sources
    words = {word for source in sources for word in re.findall(r"[A-Za-z_]\w*", source)}
    ours = """
        True all_texts and args constants def device dtype except Exception if in is is_cpu is_initialized
        item keys kwargs last layers len list make modes n names not None number or order plain read return
        shape sizes str try tuple type value values
    """
    assert {word for word in words if not re.fullmatch(r"[cstv]\d+(_\d+)?", word)} <= set(ours.split())


# --- names that could tell --------------------------------------------------------------------------


def test_keys_that_are_no_names_are_replaced_by_their_places() -> None:
    class Takes(nn.Module):
        def forward(self, given: dict[object, int]) -> None:
            pass

    keys = [
        "input_ids",
        "layer.0.weight",
        3,
        canaries.PROMPT,
        48611,
        "a/b.wav",
        "\u6a21\u578b",
        "x" * 101,
        -1,
    ]
    with tracelab.trace() as trace:
        for _ in range(4):
            Takes()(dict.fromkeys(keys, 1))
    for call in trace.calls:
        assert [*call.inputs["given"]] == ["input_ids", "layer.0.weight", 3, 3, 4, 5, 6, 7, 8]  # type: ignore[union-attr]
    with tracelab.trace(values=True) as trace:
        Takes()({canaries.PROMPT: 1})
    assert canaries.PROMPT in str(trace.calls[0].inputs["given"])


def test_a_home_directory_is_private_under_each_of_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from tracelab.describe import reflection

    monkeypatch.setattr(reflection, "_HOMES", ("/users/me", "/disk/3/me"))
    assert file_name("/disk/3/me/run.py") == file_name("/users/me/run.py") == "~/run.py"
    assert file_name("/disk/3/mel/run.py") == "/disk/3/mel/run.py"
