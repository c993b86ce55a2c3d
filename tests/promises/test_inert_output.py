"""No name acts where it is shown: not on a terminal, in markup, HTML, SVG, JSON, a log or the name of a file.

Names of classes, modules, arguments, fields, threads, exceptions and files, and sizes and facts of a loaded
trace, are made of everything that a terminal, rich or a browser would obey (`attacks.names`).
"""

from __future__ import annotations

import io
import json
import logging
import re
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import tracelab
from tracelab import cli
from tracelab.calls import Trace
from tracelab.errors import PatternWarning, SetupError, TracelabError
from tracelab.recorder import active
from tracelab.renderers import picture, tree
from tracelab.renderers.steps import show_steps

from ..analyses.recorded import llama_generate
from ..attacks.names import EVIL, acts
from ..builders import build, call, t
from .figures import Figures


def recorded(name: str) -> Trace:
    """A real run in which everything has this name that a program can give one."""
    plain = name.replace("\0", "").replace("\ud800", "").replace("\udfff", "") or "x"
    kind = type(plain, (), {})
    error = type(plain, (ValueError,), {})

    def forward(self: Any, x: Any, /, **named: Any) -> Any:
        for child in self.children():
            child(x)
        if "fail" in named:
            raise error(name)
        return {name: x, "kind": kind()}

    module_class = type(plain, (nn.Module,), {"forward": forward})
    outer, inner = module_class(), module_class()
    outer._modules[plain] = inner  # past the checks of `add_module`

    def work() -> None:
        outer(torch.ones(2), **{plain: kind()})
        with pytest.raises(error):
            outer([kind()], fail={name: 1})

    thread = threading.Thread(target=work, name=name)
    with tracelab.trace(values=True) as trace:
        work()
        thread.start()
        thread.join()
    assert trace.internal_errors == 0
    return trace


def loaded(name: str, folder: Path) -> Trace:
    """A trace from a file in which every text is this name."""
    facts = {"mode": name, "beams": 2, name: [name, {name: name}]}
    site: dict[str, Any] = {
        "path": name,
        "root": name,
        "container": name,
        "defined_in": name,
        "file": f"/{name}",
    }
    fields = tracelab.values.ContainerSpec(name, ((name, tracelab.values.ObjectSpec(name)),), 1)
    trace = build(
        call(f"{name}.forward", inputs={name: t(1, name), "y": fields}, output=t(1, 2, dtype=name), **site),
        call(f"{name}._sample", kind="method", facts=facts, error=name),
        llama_generate(decode=2, layers=1),
        meta={name: name},
    )
    trace.columns.faults = {name: 1}
    trace.columns.threads[0] = name
    trace.save(folder / "evil.json")
    return tracelab.load(folder / "evil.json")


@pytest.fixture(params=EVIL)
def traces(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Trace]]:
    name = EVIL[request.param]
    yield [recorded(name), loaded(name, tmp_path)]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_in_every_text_of_a_trace(traces: list[Trace], figures: Figures) -> None:
    for trace in traces:
        out = io.StringIO()
        for options in ({}, {"fold": False}, {"width": 40}, {"ascii": True}, {"depth": 3}):
            trace.print() if not options else tree.show(trace, file=out, **options)  # type: ignore[arg-type]
        show_steps(trace, file=out)
        calls = list(trace.calls)
        specs = [*(spec for one in calls for spec in one.inputs.values()), *(one.output for one in calls)]
        texts = [
            str(trace),
            repr(trace),
            out.getvalue(),
            repr(calls),
            repr(trace.roots),
            repr(trace.find("*")),
        ]
        texts += [*map(str, specs), *map(repr, specs), repr(trace.steps())]
        assert [acts(text) for text in texts] == [set()] * len(texts)
        assert not any("\n" in text for text in map(str, specs))
        figures("texts searched for names that act", len(texts))


def test_on_a_terminal(traces: list[Trace], monkeypatch: pytest.MonkeyPatch) -> None:
    """There our own colours and links act; nothing else does."""
    monkeypatch.setenv("TERM", "xterm-256color")
    ours = re.compile(r"\x1b\[[\d;]*m|\x1b\]8;[^;\x1b]*;[!-~]*\x1b\\")
    for trace in traces:
        out = Terminal()
        tree.show(trace, file=out, fold=False)
        show_steps(trace, file=out)
        assert "\x1b[" in out.getvalue()
        assert acts(ours.sub("", out.getvalue())) == set()
        for link in re.findall(r"\x1b\]8;[^;\x1b]*;([!-~]+)\x1b", out.getvalue()):
            assert re.fullmatch(r"file:///[\w%./~-]*#\d+", link), link


def test_in_rich(traces: list[Trace]) -> None:
    for trace in traces:
        console = Console(file=io.StringIO(), width=100)
        console.print(trace)
        console.print([trace, trace.calls[0], trace.calls[0].inputs], markup=False, highlight=False)
        assert acts(console.file.getvalue()) == set()  # type: ignore[attr-defined]


def test_in_a_page_and_in_a_picture(traces: list[Trace]) -> None:
    for trace in traces:
        page, drawn = trace._repr_mimebundle_()["text/html"], picture.svg(trace, title=EVIL["XML"])
        assert acts(page) == acts(drawn) == set()
        assert re.findall(r"<(?!/?pre)", page) == []
        root = ElementTree.fromstring(drawn)
        kinds = {str(element.tag).rpartition("}")[2] for element in root.iter()}
        assert kinds <= {"svg", "style", "defs", "clipPath", "rect", "g", "text", "circle"}
        assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)
        links = [value for element in root.iter() for name, value in element.attrib.items() if "href" in name]
        assert links == [] and "@import" not in drawn and "url(http" not in drawn


def test_in_files(traces: list[Trace], tmp_path: Path) -> None:
    for trace in traces:
        for fold in (True, False):
            trace.save(tmp_path / "saved.json", fold=fold)
            data = (tmp_path / "saved.json").read_bytes()
            assert data.isascii() and acts(data.decode()) == set()
            json.loads(data)
            assert str(tracelab.load(tmp_path / "saved.json")) == str(trace)
        assert {path.name for path in tmp_path.iterdir()} <= {"saved.json", "evil.json"}


def test_in_the_commands(traces: list[Trace], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "saved.json")
    for trace in traces:
        trace.save(path)
        for command in (["show"], ["show", "--no-fold"], ["steps"], ["steps", "--json"], ["steps", "--csv"]):
            assert cli.main([*command, path]) == 0
        assert cli.main(["show", path, "--filter", "zzz" + trace.calls[0].name[:50]]) in (0, 2)
        said = capsys.readouterr()
        assert acts(said.out) == acts(said.err) == set()
        assert said.err.count("\n") <= 1


@pytest.mark.parametrize("kind", EVIL)
def test_in_errors_and_warnings(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = EVIL[kind]
    said: list[str] = []
    for given in (
        name,
        f"torch.nn.{name}",
        type(name.replace("\0", "").encode("ascii", "ignore").decode(), (), {})(),
    ):
        with pytest.raises(SetupError) as refused, tracelab.trace(given):
            pass
        said.append(str(refused.value))
    for options in ({"times": name}, {"depth": name}, {"limit": name}, {"file": name}):
        with pytest.raises(SetupError) as refused:
            tracelab.trace(**options)  # type: ignore[arg-type]
        said.append(str(refused.value))
    with pytest.raises(TracelabError) as wrong:
        build().save(name + "?")
    with pytest.raises(KeyError) as unknown:
        tracelab.values.ContainerSpec(name, ((name, t(1)),), 1)["z" + name]
    trace = build(call("Net.forward"))
    with pytest.warns(PatternWarning) as warned:
        trace.find("z" + name)
    for arguments in (
        ["show", name + "!"],
        ["steps", name + "!"],
        [name or "?"],
        ["run", name + "!"],
        ["show", "--" + name],
    ):
        cli.main(arguments)
    err = capsys.readouterr().err
    said += [str(wrong.value), str(unknown.value), str(warned[0].message), repr(trace.find("*"))]
    assert [acts(text) | ({"\n"} & set(text)) for text in said] == [set()] * len(said)
    assert acts(err) == set() and all(line.startswith("tracelab: ") for line in err.splitlines())


@pytest.mark.internal_errors
def test_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "tracelab"), tracelab.trace() as trace:
        for name in ("colour", "newline", "bidi", "C1", "zero width"):
            active.recorders[0].fault(f"enter {EVIL[name]}", type(EVIL[name], (Exception,), {})())
    assert trace.internal_errors == len(caplog.records) == 5
    assert [acts(one.getMessage()) | ({"\n"} & set(one.getMessage())) for one in caplog.records] == [
        set()
    ] * 5
