"""The README's table of promises: a row for each test module of `tests/promises`, as the program makes it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from .promises import __main__ as program
from .promises.figures import COUNTED, Figures
from .promises.readme import PAGE, PROMISES, Attacked, promise_of, section
from .sections import section_of

FOLDER = Path(__file__).resolve().parent / "promises"
ROW = re.compile(r"\| (?P<promise>.+) \| \d+ tests?(; [\d,]+ [^;|]+)* \|")


def test_every_promise_is_in_the_table() -> None:
    assert {name.rpartition(".")[2] for name in PROMISES} == {path.stem for path in FOLDER.glob("test_*.py")}


def test_the_table_of_the_readme_is_one_that_the_program_makes() -> None:
    head, line, *rows = section_of(PAGE.read_text(encoding="utf-8"), "promises").strip().splitlines()
    assert (head, line) == ("| promise | attacked by |", "| --- | --- |")
    found = [ROW.fullmatch(row) for row in rows]
    assert [match["promise"] for match in found if match] == [
        promise_of(importlib.import_module(name)) for name in PROMISES
    ]


def test_a_promise_is_the_first_paragraph_of_its_module() -> None:
    module = ModuleType("made", "No name acts\nanywhere.\n\nMore about it.")
    assert promise_of(module) == "No name acts anywhere."
    made = section([Attacked.of(module, 3, {"files fuzzed": 10_000}), Attacked("Other.", 1, {})])
    assert made == (
        "\n| promise | attacked by |\n| --- | --- |\n"
        "| No name acts anywhere. | 3 tests; 10,000 files fuzzed |\n| Other. | 1 test |\n"
    )


def test_figures_of_one_promise_add_up() -> None:
    try:
        Figures("made")("kills survived", 3)
        Figures("made")("kills survived")
        assert COUNTED["made"] == {"kills survived": 4}
    finally:
        COUNTED.pop("made", None)


def test_a_promise_that_does_not_hold_leaves_the_readme_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program.pytest, "main", lambda *_: 1)
    monkeypatch.setattr(program, "rewrite", None)
    monkeypatch.setattr("sys.argv", ["promises", "--readme"])
    assert program.main() == 1
    assert "README.md is left as it is" in capsys.readouterr().err
