"""The tree on a screen: its text, its limits, and what it says about what it leaves out."""

from __future__ import annotations

import io
import itertools
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from tests.analyses.recorded import (
    LLAMA,
    after_forward,
    llama_forward,
    llama_generate,
    method,
    whisper,
)
from tests.analyses.test_steps import assisted
from tests.builders import build, build_threads, call, t
from tests.renderers.golden import compare
from tracelab.calls import Trace
from tracelab.errors import PatternWarning, TracelabError
from tracelab.renderers.tree import html, renderable, show, text


def drawn(trace: Trace, **options: object) -> str:
    file = io.StringIO()
    show(trace, file=file, **options)  # type: ignore[arg-type]
    return file.getvalue()


BEAM = {"mode": "beam", "beams": 2, "return_sequences": 1}


def broken() -> Trace:
    """A crash three levels down, a call that never returned, a module called around `__call__`."""
    inside = call(
        "Linear.forward", root="Net", path="body.block.fc", container="body.block", inputs={"x": t(1, 4)}
    )
    crash = call("Head.forward", root="Net", path="head", inputs={"x": t(1, 4)}, error="RuntimeError")
    body = call(
        "Body.forward", root="Net", path="body", inputs={"x": t(1, 4)}, output=t(1, 4), children=[inside]
    )
    net = call(
        "Net.forward",
        root="Net",
        path="",
        inputs={"x": t(1, 4)},
        error="RuntimeError",
        children=[body, crash],
    )
    waiting = call("Net.forward", root="Net#2", path="", inputs={"x": t(1, 4)}, open=True)
    return build(net, waiting, dropped=3)


# --- golden texts -----------------------------------------------------------------------------------


def test_whisper() -> None:
    compare("tree_whisper", text(whisper()) + "\n")


def test_beam_search() -> None:
    compare("tree_beam", text(build(llama_generate(rows=4, loop="_beam_search", facts=BEAM))) + "\n")


def test_growing_input() -> None:
    compare("tree_no_cache", drawn(build(llama_generate(cache=False)), width=80, depth=6))


def test_own_loop() -> None:
    calls = [llama_forward(1, 5, None)] + [llama_forward(1, 1, 5 + number) for number in range(4)]
    compare("tree_own_loop", drawn(build(*calls), depth=2))


def test_crash_and_gap() -> None:
    compare("tree_broken", drawn(broken()))


def test_ascii() -> None:
    compare("tree_ascii", drawn(whisper(), ascii=True, width=80))


def test_without_folding() -> None:
    compare("tree_no_fold", drawn(build(llama_generate(decode=1, layers=1)), fold=False))


def test_filter() -> None:
    compare("tree_filter", drawn(whisper(), filter="*.encoder_attn.*"))


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("decode", [1, 5, 200])
def test_one_screen_for_a_generate_of_any_length(decode: int) -> None:
    for trace in (whisper(decode), build(llama_generate(decode=decode, layers=2))):
        lines = text(trace).splitlines()
        assert len(lines) <= 40
        assert max(map(cell_len, lines)) <= 80


@pytest.mark.parametrize("width", [20, 21, 33, 50, 80, 119, 120, 200])
@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("fold", [False, True])
def test_no_line_is_wider_than_it_may_be(width: int, ascii: bool, fold: bool) -> None:
    for trace in (whisper(1), assisted(), broken(), build()):
        for line in drawn(trace, width=width, ascii=ascii, fold=fold).splitlines():
            assert cell_len(line) <= width


def test_wide_letters_count_twice() -> None:
    trace = build(*(call(f"模型{'型' * n}.forward", inputs={"x": t(1, 4)}) for n in range(60)))
    assert max(cell_len(line) for line in drawn(trace, width=60, max_lines=None).splitlines()) <= 60


def test_a_pipe_is_not_cut() -> None:
    long = "A" * 120
    assert long in drawn(build(call(f"{long}.forward", root=long, path="")))


@pytest.mark.parametrize("options", [{"width": 19}, {"width": 0}, {"depth": 0}, {"depth": -1}])
def test_senseless_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(TracelabError, match=repr(next(iter(options.values())))):
        drawn(whisper(), **options)


# --- what is said about what is not there -----------------------------------------------------------


def test_hidden_calls_are_counted_exactly() -> None:
    trace = whisper()
    # Three roots are shown; everything else stands below the second.
    assert f"hidden: {trace.recorded - 3:,} calls" in drawn(trace, depth=1)


def test_the_depth_that_is_named_opens_every_level() -> None:
    for trace in (whisper(), assisted(), build(llama_generate())):
        footer = drawn(trace, depth=1).splitlines()[-1]
        depth = int(footer.partition("--depth ")[2].split()[0])
        assert "hidden" not in drawn(trace, depth=depth)


def test_no_footer_where_nothing_is_left_out() -> None:
    lines = drawn(build(call("Net.forward", root="Net", path=""))).splitlines()
    assert lines == ["Net · 1 call · 0.001 ms", "Net.forward"]


def test_steps_in_the_header_are_those_of_the_loops() -> None:
    assert "6 steps" in text(whisper()).splitlines()[0]
    assert "step" not in text(build(llama_forward(1, 1, None))).splitlines()[0]


def test_what_is_missing_is_said_first() -> None:
    lines = drawn(broken()).splitlines()
    assert lines[1] == "incomplete: 3 calls dropped · 1 call not finished"


def test_a_running_trace_is_drawn_as_it_was_at_one_moment() -> None:
    moments = (whisper(number).columns for number in itertools.count(1))
    running = Trace(pull=lambda: next(moments))
    assert text(running).splitlines()[1:] == text(whisper(1)).splitlines()[1:]


def test_threads_are_counted() -> None:
    assert "2 threads" in text(build_threads({"a": [method("x")], "b": [method("y")]}))


def test_the_header_names_models_not_losses() -> None:
    loss = call("CrossEntropyLoss.forward", root="CrossEntropyLoss", path="")
    net = call("Net.forward", root="Net", path="", children=[loss])
    assert text(build(net)).startswith("Net · 2 calls")
    several = [call(f"Net{n}.forward", root=f"Net{n}", path="") for n in range(4)]
    assert text(build(*several)).startswith("Net0, Net1 and 2 more · ")


def test_nothing_recorded() -> None:
    assert text(build()).startswith("Nothing was recorded: ")
    assert text(build()).count("\n") == 0
    assert "12 calls dropped" in text(build(dropped=12))


def test_unknown_filter() -> None:
    with pytest.warns(PatternWarning):
        out = drawn(whisper(), filter="Nonsense.forward")
    assert out.splitlines()[-1].startswith("the filter keeps 0 of ")


def test_a_pass_without_a_recorded_model_call() -> None:
    unseen = [method("prepare_inputs_for_generation"), *after_forward()]
    prefill = method("_prefill", llama_forward(1, 5, 0))
    trace = build(method("_sample", prefill, *after_forward(), *unseen, *unseen))
    assert "steps 1–2 ×2  model call not recorded (compiled?)" in text(trace)


def test_a_second_model_of_one_class_keeps_its_number() -> None:
    out = drawn(assisted(), depth=20)
    assert f"{LLAMA}#2.generate" in out
    assert f"{LLAMA}#2.forward" in out


# --- nothing acts -----------------------------------------------------------------------------------

EVIL = "\x1b]0;pwned\x07[red]<b>\u202eX\u200b\n"


def evil() -> Trace:
    return build(
        call(f"{EVIL}.forward", root=EVIL, path="", error=EVIL, file=f"/{EVIL}.py"),
        call("A.forward", root="A", path=EVIL, defined_in=EVIL, container=EVIL, inputs={"x": t(1, EVIL)}),
        call(f"{EVIL}._sample", kind="method", facts={"mode": EVIL, "beams": 2}),
    )


def inert(out: str) -> bool:
    return not any(letter in out for letter in "\x1b\x07\u202e\u200b") and "\n\n" not in out


@pytest.mark.parametrize("options", [{}, {"fold": False}, {"width": 60}, {"ascii": True}])
def test_names_do_not_act_on_a_terminal(options: dict[str, object]) -> None:
    out = drawn(evil(), **options)
    assert inert(out)
    assert "[red]" in out  # shown as it is, not taken for a colour


def test_names_do_not_act_in_html() -> None:
    out = html(evil())
    assert inert(out)
    assert "<b>" not in out
    assert "&lt;b&gt;" in out


# --- terminals --------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "NO_COLOR",
        "FORCE_COLOR",
        "COLUMNS",
        "LINES",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "COLORTERM",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def on_terminal(trace: Trace) -> str:
    file = Terminal()
    show(trace, file=file)
    return file.getvalue()


def test_a_terminal_gets_colours_links_and_its_own_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    out = on_terminal(whisper())
    assert "\x1b[" in out
    assert "\x1b]8;" in out
    assert "file:///site-packages/lib/modeling.py#10" in out
    plain = io.StringIO()
    show(whisper(), file=plain, width=60)
    console = Console(file=io.StringIO(), width=60)
    assert console.width == 60
    assert max(map(cell_len, plain.getvalue().splitlines())) <= 60


def test_no_color_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = on_terminal(whisper())
    assert "\x1b]8;" not in out
    codes = {part.split("m")[0] for part in out.split("\x1b[")[1:]}
    assert codes <= {"0", "1", "2", "1;2"}  # bold and dim are no colours


def test_a_dumb_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert "\x1b" not in on_terminal(whisper())


def test_a_link_cannot_leave_its_escape_sequence() -> None:
    trace = build(call("A.forward", root="A", path="", file="/x\x1b\\\x07;evil\n.py"))
    (link,) = [part for part in on_terminal(trace).split("\x1b]8;") if "file://" in part]
    assert link.partition("\x1b")[0].endswith("file:///x%1B%5C%07%3Bevil%0A.py#10")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "cp437"])
def test_a_stream_that_cannot_encode_the_signs_gets_ascii(encoding: str) -> None:
    raw = io.BytesIO()
    show(
        build(call("Größe模型.forward", root="Größe模型", path=""), llama_generate()),
        file=io.TextIOWrapper(raw, encoding),
    )
    # The wrapper flushes when it goes away.
    out = raw.getvalue() if not raw.closed else b""
    assert out.isascii()


def test_utf8_shows_the_signs() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, "utf-8")
    show(whisper(), file=stream)
    stream.flush()
    assert "├" in raw.getvalue().decode("utf-8")


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    whisper().print(depth=1)
    assert "hidden: " in capsys.readouterr().out
    assert sys.stdout is not None


def test_rich_can_print_a_trace() -> None:
    console = Console(file=io.StringIO(), width=70)
    console.print(renderable(whisper()))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].startswith("WhisperForConditionalGeneration · ")
    assert max(map(cell_len, lines)) <= 70


def test_a_notebook_gets_text_and_a_page() -> None:
    bundle = whisper()._repr_mimebundle_()
    assert bundle["text/plain"] == text(whisper())
    assert bundle["text/html"].startswith("<pre")
