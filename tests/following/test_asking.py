"""What can be asked for, what is answered where there is nothing, the screen, the command, spoilt files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path as File
from typing import Any

import pytest
import torch

import tracelab
from tests.builders import build, call
from tests.following import programs
from tracelab.calls import Trace
from tracelab.cli import main
from tracelab.errors import TracelabError
from tracelab.events import Place
from tracelab.passes import Line, Pass


@pytest.fixture(scope="module")
def trace() -> Trace:
    with torch.no_grad(), tracelab.trace(source=["Outer.forward", "Inner.forward"], follow=True) as recorded:
        programs.Outer()(torch.ones(2, 4))
        programs.Same()(torch.ones(2))
    return recorded


@pytest.fixture(scope="module")
def file(trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("follow") / "run.json"
    trace.save(path)
    return str(path)


def test_a_name_by_itself_is_followed_where_it_is_met_first(trace: Trace) -> None:
    """`y` is a name of Inner.forward alone, which is call 2."""
    assert str(trace.follow("y")) == str(trace.follow(2, "y"))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda trace: trace.follow("Nothing.forward"), "no call matches 'Nothing.forward'"),
        (lambda trace: trace.follow(99), "there is no call 99: this trace has 6, counted from 0"),
        (lambda trace: trace.follow(True), "there is no call True: this trace has 6"),
        (lambda trace: trace.follow(-1), "there is no call -1"),
        (lambda trace: trace.follow("Same.forward"), "no tensors of call 5 (Same.forward"),
        (lambda trace: trace.follow("Same.forward"), "were followed; those in Outer.forward were"),
        (lambda trace: trace.follow("inner", "nobody"), "no tensor called 'nobody' was met in call 2"),
        (lambda trace: trace.follow("inner", "nobody"), "(Inner.forward at inner); there are x, y"),
    ],
)
def test_bad_questions_are_answered_in_one_line(
    trace: Trace, ask: Callable[[Trace], Any], words: str
) -> None:
    with pytest.raises(TracelabError) as error:
        ask(trace)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_trace_that_followed_nothing_says_how() -> None:
    with pytest.raises(TracelabError, match="follow=True"):
        build(call("Net.forward")).follow("Net.forward")


def test_calls_by_view_number_pattern_and_path(trace: Trace) -> None:
    (norm,) = trace.find("LayerNorm.forward")
    for asked in (norm, norm.id, "LayerNorm.forward", "norm"):
        assert trace.follow(asked).call == norm
    assert trace.follow("Linear.forward", "input").short.startswith("input → layer")


def test_the_screen(trace: Trace) -> None:
    lines = str(trace.follow("norm")).splitlines()
    first = programs.Outer.forward.__code__.co_firstlineno
    inner = programs.Inner.forward.__code__.co_firstlineno
    assert [" ".join(line.split()) for line in lines] == [
        "norm → inner → layer → relu → + → flatten → head",
        "norm of call 1: LayerNorm.forward at norm f32[2,4]",
        f"1 into inner as x programs.py:{first + 2} f32[2,4]",
        f"2 layer(input) y programs.py:{inner + 1} f32[2,4]",
        f"3 relu, returned by Inner.forward x programs.py:{inner + 2} f32[2,4]",
        f"4 + x programs.py:{first + 3} f32[2,4]",
        f"5 flatten input same object programs.py:{first + 4} f32[2,4]",
        f"6 head(input) programs.py:{first + 4} f32[2,2]",
        f"7 returned by Outer.forward programs.py:{first + 4} f32[2,2]",
        "returned by Outer.forward; its caller is not watched",
    ]
    assert all(len(line) <= 80 for line in lines)


def test_the_command(file: str, trace: Trace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["follow", file, "norm", "--width", "80"]) == 0
    assert capsys.readouterr().out.rstrip() == str(trace.follow("norm"))
    assert main(["follow", file, "#2", "--name", "y", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["short"] == "y → relu → + → flatten → head"
    assert [hop["what"] for hop in told["hops"]] == ["return", "line", "line", "call", "return"]
    assert (told["hops"][0]["how"], told["hops"][0]["text"]) == ("made from", "return y.relu()")
    assert main(["follow", file, "norm", "--ascii", "--all"]) == 0
    assert capsys.readouterr().out.isascii()
    assert main(["follow", file, "nobody"]) == 2
    assert capsys.readouterr().err.startswith("tracelab: no call matches 'nobody'")


def test_a_script_is_followed(tmp_path: File, capfd: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(2, 2)\n"
        "    def forward(self, x):\n"
        "        return self.layer(x).exp()\n"
        "Net()(torch.ones(1, 2))\n"
    )
    output = str(tmp_path / "run.json")
    options = ["--quiet", "-o", output, "--source", "Net.forward", "--follow"]
    command = [sys.executable, "-m", "tracelab", "run", *options, str(script)]
    assert subprocess.run(command, check=False).returncode == 0
    assert main(["follow", output, "layer"]) == 0
    assert capfd.readouterr().out.splitlines()[0] == "layer → exp"


def test_a_script_without_source_is_refused_in_one_line(
    tmp_path: File, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script.py").write_text("print(1)")
    for options in (["--follow"], ["--source", ""]):
        assert main(["run", *options, str(tmp_path / "script.py")]) == 2
        told = capsys.readouterr()
        assert (told.out, told.err.count("\n")) == ("", 1)
        assert told.err.startswith("tracelab: ")


def test_a_file_is_read_where_torch_is_not(file: str) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; import tracelab\n"
        f"print(tracelab.load({file!r}).follow('norm').short)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "norm → inner → layer → relu → + → flatten → head\n"


def test_without_the_text_identity_still_tells(trace: Trace, tmp_path: File) -> None:
    trace.save(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text())
    document["sources"] = dict.fromkeys(document["sources"], "0" * 16)
    (tmp_path / "run.json").write_text(json.dumps(document))
    found = tracelab.load(tmp_path / "run.json").follow("norm")
    # It went into `inner` and there into `layer`; what `relu` makes of that stands in the text alone.
    assert found.words == ("norm", "inner", "layer")
    assert [[hop.words for hop in one.hops] for one in found.branches] == [[("inner",)]]
    assert any("cannot be read (differs from the version that was traced)" in note for note in found.notes)


def lying(same: tuple[tuple[str, int], ...], **sides: Any) -> Trace:
    """A call whose facts nobody has recorded like this."""
    seen = Pass("<none>", 1, "f", (Line(1, (), same), Line(2, (), same)), "return")
    facts = {"lines": seen, "identities": {"inputs": (), **sides}}
    inner = call("g", kind="function", facts={"identities": sides}, place=Place("<none>", 2))
    return build(call("f", kind="function", facts=facts, children=[inner]))


def test_facts_that_contradict_each_other_tell_something_or_nothing() -> None:
    sides = {"inputs": (("x", 1), ("y[", 2), ("", 3)), "output": (("", 1), ("[]]", 2), ("[x", 7))}
    for same in ((), (("x", 1),), (("[", 2), ("x", 2)), (("x[0]", 7),) * 3):
        found = lying(same, **sides).follow("g")
        assert str(found).splitlines()[0].startswith("g")


def test_calls_deep_in_each_other_are_followed() -> None:
    facts = {"identities": {"inputs": (("x", 1), ("y", 3)), "output": (("", 2),)}}
    node = call("f", kind="function", facts=facts)
    for _ in range(200):
        node = call("f", kind="function", facts=facts, children=[node])
    found = build(node).follow(0, "x")
    assert len(str(found).splitlines()) < 45


def test_names_do_not_act() -> None:
    evil = "\x1b[31m[bold]"
    facts = {"identities": {"inputs": ((evil, 1),), "output": (("", 2),)}}
    inner = call(f"{evil}.{evil}", kind="function", facts=facts)
    found = build(call("f", kind="function", facts=facts, children=[inner])).follow("f", evil)
    assert "\x1b" not in str(found)
    assert "\x1b" not in repr(str(found).encode())
