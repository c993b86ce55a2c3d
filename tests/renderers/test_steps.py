"""The table of steps."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.analyses.recorded import llama_generate, whisper
from tests.analyses.test_steps import assisted, assisted_generate
from tests.builders import build, build_threads
from tests.renderers.golden import compare
from tracelab.calls import Trace
from tracelab.renderers.generations import _how
from tracelab.renderers.stepcolumns import _ids
from tracelab.renderers.steps import show_steps


def table(trace: Trace, **options: object) -> str:
    file = io.StringIO()
    show_steps(trace, file=file, **options)  # type: ignore[arg-type]
    return file.getvalue()


def test_whisper() -> None:
    compare("steps_whisper", table(whisper()))


def test_assisted() -> None:
    compare("steps_assisted", table(assisted()))


def test_equal_steps_share_a_row() -> None:
    lines = table(whisper(decode=5)).splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["step", "-", "0", "1–5"]
    assert "4…8 → 5…9" in lines[3]


def test_every_step_has_a_row_without_folding() -> None:
    lines = table(whisper(decode=5), fold=False).splitlines()
    assert [line.split()[0] for line in lines[1:8]] == ["-", "0", "1", "2", "3", "4", "5"]
    assert "8 → 9" in lines[7]


def test_a_growing_input() -> None:
    assert "[1,6…9]" in table(build(llama_generate(prompt=5, decode=4, cache=False)))


@pytest.mark.parametrize(
    ("rows", "facts", "expected"),
    [
        (4, {"beams": 2}, "4 = 2×2 beams"),
        (4, {"beams": 1, "return_sequences": 2}, "4 = 2×2 return sequences"),
        (3, {"beams": 2}, "3"),
        (4, {}, "4"),
    ],
)
def test_batch(rows: int, facts: dict[str, int], expected: str) -> None:
    line = table(build(llama_generate(rows=rows, facts=facts, decode=1))).splitlines()[1]
    assert f"  {expected}  " in line


def test_the_public_face_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    whisper().print_steps(fold=False, width=60)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_ids_of_several_rows_keep_their_steps_apart() -> None:
    assert _ids([], [(1, 2)]) == "1 2"
    assert _ids([], [(1,), (2,), (3,), (4,), (5,)]) == "1 2 3 4 …"
    assert _ids([], [(1, 2), (3, 4)]) == "1 2, 3 4"
    assert _ids([], [(1, 2, 3), (4, 5, 6)]) == "1 2 3, 4 …"
    assert _ids([], [None, None]) == "-"


def test_names_of_many_processors_are_whole() -> None:
    names = [f"{letter * 30}LogitsProcessor" for letter in "ABCDEFGH"]
    loop = whisper().generations()[0]
    (line, *_) = list(_how(replace(loop, processors=tuple(names))))[1:]
    assert line == f"logits processors {', '.join(names)}"


def test_loops_of_two_threads_stand_one_behind_the_other() -> None:
    # Both begin at time 0, so their calls take turns.
    trace = build_threads({"a": [llama_generate(decode=3)], "b": [llama_generate(prompt=7, decode=3)]})
    assert [step.call.thread for step in trace.steps()] == ["a", "b"] * 4
    lines = [line.split() for line in table(trace).splitlines()]
    assert [line[:3] for line in lines[1:5]] == [
        ["1", "0", "prefill"],
        ["1", "1–3", "decode"],
        ["2", "0", "prefill"],
        ["2", "1–3", "decode"],
    ]
    assert [line[1] for line in lines[5:] if line[0] == "loop"] == ["1:", "2:"]


def test_a_loop_below_the_table_has_its_number_in_the_table() -> None:
    trace = build(assisted_generate(), llama_generate(decode=1))
    lines = [line.split() for line in table(trace).splitlines()]
    # The main loop of assisted decoding, the two drafts below it, and the other one.
    assert [line[0] for line in lines[1:8]] == ["2", "2", "1", "3", "1", "4", "4"]
    assert [line[1] for line in lines[8:] if line[0] == "loop"] == ["1:", "4:"]


def test_no_steps() -> None:
    assert table(build()).startswith("No generation step was recorded")


def test_ascii_and_width() -> None:
    out = table(whisper(), ascii=True, width=70)
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 70


def test_a_pipe_is_not_cut() -> None:
    facts = {"beams": 1, "return_sequences": 2}
    lines = table(build(llama_generate(rows=4, facts=facts))).splitlines()
    assert len(lines) == 5  # head, prefill, decode, and two below the table
    assert max(map(len, lines)) > 80
