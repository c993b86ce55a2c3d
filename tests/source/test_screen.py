"""How a listing looks: golden texts at 80 and 120 columns, in ASCII, and whole."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import build, call
from tests.renderers.golden import compare
from tests.source import programs
from tests.source.generated import generated, lines
from tests.source.listed import listed
from tracelab.cli import main
from tracelab.passes import Line, Pass
from tracelab.renderers.guest import Console
from tracelab.renderers.source import show


def drawn(**options: object) -> str:
    page = io.StringIO()
    show(generated().source(), file=page, **options)  # type: ignore[arg-type]
    return page.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_golden(width: int) -> None:
    text = drawn(width=width)
    assert max(map(len, text.splitlines())) <= width
    compare(f"source_{width}", text)


def test_golden_ascii() -> None:
    text = drawn(width=80, ascii=True)
    assert text.isascii()
    compare("source_ascii", text)


def test_golden_with_every_line() -> None:
    compare("source_all", drawn(width=80, all=True))


def test_golden_without_text() -> None:
    trace = generated(sources=False)
    compare("source_bare", "\n".join(str(listing) for listing in trace.source()) + "\n")


def test_golden_of_many_calls() -> None:
    compare(
        "source_match",
        listed(programs.matched, lambda: [programs.matched(x) for x in (5, [1, 2], 1)]).text() + "\n",
    )


def test_str_is_the_text_at_80_columns() -> None:
    (listing,) = generated().source()
    assert str(listing) + "\n" == drawn(width=80)


def test_without_a_width_no_line_is_cut() -> None:
    text = drawn()
    assert "    query = [batch, self.heads, tokens, self.size]  query f32[1,2,5,8] | f32[1,2,1,8]" in text
    # As in progressions, and before what is folded.
    assert text.count("…") == sum(text.count(sign) for sign in ("0…1", "5…7", "6…8", "… 4", "… 5"))


def test_a_terminal_gets_colours_and_the_same_words() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard", _environ={})
    console.print(generated().source()[0])
    coloured = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[2m" in coloured  # dim: not reached
    plain = Console(file=io.StringIO(), width=80, _environ={})
    plain.print(generated().source()[0])
    words = plain.file.getvalue()  # type: ignore[attr-defined]
    assert [line.rstrip() for line in words.splitlines()] == drawn(width=80).splitlines()


def test_text_of_a_stranger_does_not_act(tmp_path: Path) -> None:
    file = tmp_path / "odd.py"
    file.write_text('def f(x):\n\ty = "\x1b[31m"\f + "\u202e"\n\treturn y\n', encoding="utf-8")
    space: dict[str, Callable[[int], str]] = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), space)
    text = listed(space["f"], lambda: space["f"](1)).text(200)
    assert "\\x1b[31m" in text and "\\u202e" in text
    assert text.isprintable() or all(line.isprintable() for line in text.split("\n"))
    assert "2       y =" in text  # a tab is four columns


def test_lines_that_were_not_kept_are_told() -> None:
    seen = Pass("gone.py", 1, "f", (Line(1), Line(2)), "return", 7)
    assert "incomplete: 7 more line events not kept" in str(build(call("f", facts={"lines": seen})).source())


# --- the command line -------------------------------------------------------------------------------------

Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Call the command line in this process: exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def saved(tmp_path: Path) -> str:
    """Calls 0 generate, 1 _sample, 2 _prefill, 3 forward, 4 attention of layer 0, 5 its projection, 6 ..."""
    generated().save(tmp_path / "run.json")
    return str(tmp_path / "run.json")


def test_the_command_draws_what_str_does(said: Said, saved: str) -> None:
    for words in ([], ["Attention.forward"], ["--path", "*.attn"]):
        assert said("source", saved, *words, "--width", "80") == (0, drawn(width=80), "")
    assert said("source", saved, "--width", "80", "--all") == (0, drawn(width=80, all=True), "")


@pytest.mark.parametrize("number", ["4", "#4"])
def test_the_command_shows_one_call(said: Said, saved: str, number: str) -> None:
    code, out, _ = said("source", saved, number)
    assert code == 0
    assert "model.layers.0.attn · prefill · 1 call" in out


def test_the_command_writes_json(said: Said, saved: str) -> None:
    code, out, err = said("source", saved, "--json", "--step", "2")
    assert (code, err) == (0, "")
    (listing,) = json.loads(out)
    assert (listing["name"], listing["place"], listing["problem"]) == (
        "Attention.forward",
        "model.layers.(0-1).attn",
        None,
    )
    (column,) = listing["columns"]
    assert (column["label"], column["steps"], column["ended"]) == ("decode 2", [2], "return")
    assert column["returned"] == "f32[1,1,16]"
    (query,) = [line for line in listing["lines"] if line["text"].lstrip().startswith("query =")]
    # The second decode step: one token, of two heads.
    told = {"hits": 1, "reached": True, "condition": None, "bound": {"query": "f32[1,2,1,8]"}, "calls": []}
    assert query["columns"] == [told]
    made = [one for line in listing["lines"] for one in line["columns"][0]["calls"]]
    assert [(one["name"], one["path"]) for one in made] == [("Linear.forward", "model.layers.0.attn.out")]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["Other.forward"],
            "no lines of 'Other.forward' were recorded; there are lines of Attention.forward",
        ),
        (["3"], "no lines of call 3 (ToyForCausalLM.forward) were recorded; there are lines of call 4, 6, 9"),
        # 3 methods, then 4 steps of 1 model call and 2 layers with a projection each.
        (["99"], "there is no call 99: this trace has 23, counted from 0"),
        (["9" * 99], "there is no call 99999999999999999999: this trace has 23, counted from 0"),
        (["4", "--step", "1"], "call 4 is one call: --path and --step do not go with it"),
        (["--step", "-1"], "Invalid value for '--step': -1 is not in the range x>=0."),
    ],
)
def test_what_is_wrong_is_one_line(said: Said, saved: str, words: list[str], line: str) -> None:
    assert said("source", saved, *words) == (2, "", f"tracelab: {line}\n")


def test_a_trace_without_lines_says_how_to_record_them(said: Said, tmp_path: Path) -> None:
    build(call("Net.forward")).save(tmp_path / "run.json")
    hint = 'record them with trace(source="Net.forward") or tracelab run --source Net.forward'
    words = said("source", str(tmp_path / "run.json"), "Net.forward")
    assert words == (2, "", f"tracelab: no lines of 'Net.forward' were recorded: {hint}\n")


def test_many_listings_are_named_after_the_first_ones(said: Said, tmp_path: Path) -> None:
    names = ["a", "b", "c", "d", "e"]
    build(*(call(f"{name}.f", facts={"lines": lines(1, 0)}, path=name) for name in names)).save(
        tmp_path / "run.json"
    )
    code, out, _ = said("source", str(tmp_path / "run.json"), "--width", "80")
    assert code == 0
    assert "2 more listings, --all shows them:\n  d.f · attention.py:14 · d · 1 call" in out
    assert said("source", str(tmp_path / "run.json"), "--all")[1].count("· 1 call\n") == 5
