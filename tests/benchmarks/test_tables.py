"""The tables: what stands in them, and that the README's section is one that the program makes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ..sections import section_of
from . import readme
from .__main__ import main
from .costs import BASE, Cost
from .readme import CELL, HEAD, NOTE, WORKLOADS
from .sizes import REPOSITORY, Answers, Size
from .table import COSTS, cost_row, in_bytes, machine, sizes_table, times
from .tracers import BY_NAME, TRACERS

README = REPOSITORY / "README.md"

TITLES = [tracer.title for tracer in TRACERS]
ALWAYS = [BY_NAME[name].title for name in ("none", "hooks", "default")]

TAKEN = {
    BASE: [1.0, 1.0],
    "none": [1.0, 1.0],
    "hooks": [1.1, 1.1],
    "default": [1.25, 1.25],
    "hunter": [8.0, 8.0],
}


def cost(tracer: str, trouble: str = "") -> Cost:
    taken = {} if trouble else {name: TAKEN[name] for name in (BASE, "hooks", tracer)}
    return Cost(BY_NAME[tracer], 1_000_000, taken, 20_000_000, 1_500, trouble)


def sizes() -> str:
    size = Size(calls=1_000, kept=2_000, peak=3_000, file=4_000, write=0.5, read=0.25)
    return sizes_table(size, size, Answers(1_000, 0.0, 0.1, 0.2, 0.3, 40), 0.025, 0.0005)


def complaints(section: str) -> list[str]:
    """What is wrong with the shape of a section, in words."""
    blocks = section.strip().split("\n\n")
    if len(blocks) != 4:
        return [f"{len(blocks)} parts instead of 4"]
    head, _, *rows = (cells(line) for line in blocks[0].splitlines())
    wrong = [] if head == list(HEAD) else [f"head {head}"]
    titles = [row[0] for row in rows]
    if titles != [title for title in TITLES if title in titles]:
        wrong.append(f"rows {titles}")
    wrong += [f"no row {title!r}" for title in ALWAYS if title not in titles]
    for row in rows:
        if len(row) != len(HEAD):
            wrong.append(f"{len(row)} cells in {row[0]!r}")
        wrong += [f"cell {cell!r} of {row[0]!r}" for cell in row[1:] if not CELL.fullmatch(cell)]
    if blocks[1] != NOTE:
        wrong.append("other note")
    if words(blocks[2]) != words(sizes()):
        wrong.append("other sizes")
    if not blocks[3].startswith("Measured by `python -m tests.benchmarks` on "):
        wrong.append("no machine")
    return wrong


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def words(table: str) -> list[str]:
    """The first column without its figures."""
    return [
        "".join(sign for sign in cells(line)[0] if not sign.isdigit() and sign != ",")
        for line in table.splitlines()
    ]


def made() -> str:
    """A section as the program makes it, of figures that were made up."""
    row = [
        cost(tracer.name) if tracer.name in TAKEN else cost(tracer.name, "not installed (x)")
        for tracer in TRACERS
    ]
    return readme.section(dict.fromkeys(WORKLOADS, row), sizes())


# --- the README -------------------------------------------------------------------------------------


def test_the_section_of_the_readme_is_one_that_the_program_makes() -> None:
    assert complaints(section_of(README.read_text(encoding="utf-8"), "benchmarks")) == []


def test_what_the_program_makes_has_the_shape() -> None:
    assert complaints(made()) == []


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("1.25×", "fast", "cell 'fast' of '**tracelab**'"),
        ("| **tracelab** |", "| tracelab |", "no row '**tracelab**'"),
        ("\n\nMeasured by", "\n\nGuessed by", "no machine"),
        ("added µs a call", "µs", "head"),
        ("written and read", "written", "other sizes"),
        (f"\n\n{NOTE}", "", "3 parts instead of 4"),
        (NOTE, "A note.", "other note"),
    ],
)
def test_a_wrong_shape_is_noticed(old: str, new: str, wrong: str) -> None:
    assert old in made()
    assert wrong in "; ".join(complaints(made().replace(old, new)))


# --- rows -------------------------------------------------------------------------------------------


def test_a_row_of_figures() -> None:
    # 0.25 s added, 2.5 times the hooks' 0.1 s; 0.25 µs for each of 1,000,000 calls
    expected = ["**tracelab**", "1.250× (1.250–1.250)", "2.50×", "0.25", "20.0 MB", "1.5 kB", "2 rounds"]
    assert cost_row(cost("default")) == expected
    assert len(expected) == len(COSTS)


def test_a_row_without_figures() -> None:
    row = cost_row(Cost(BY_NAME["hunter"], 10, trouble="OSError: a | b"))
    assert row == [BY_NAME["hunter"].title, "–", "–", "–", "–", "–", "OSError: a / b"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (-3_000, "-3.0 kB")],
)
def test_bytes(count: int | None, text: str) -> None:
    assert in_bytes(count) == text


@pytest.mark.parametrize(("figure", "text"), [(1.0, "1.00×"), (9.994, "9.99×"), (35.4, "35×")])
def test_times(figure: float, text: str) -> None:
    assert times(figure) == text


@pytest.mark.parametrize(("rounds", "text"), [([2, 2], "of 2 rounds"), ([30, 5, 10], "of 5 to 30 rounds")])
def test_the_machine_tells_the_rounds(rounds: list[int], text: str) -> None:
    costs = [Cost(BY_NAME["none"], 1, {BASE: [1.0] * number}) for number in rounds]
    assert text in machine([*costs, cost("hunter", "not installed (hunter)")])


# --- the command ------------------------------------------------------------------------------------


def test_the_command_prints_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # other tests of this process may want to hear the libraries
    monkeypatch.setattr("tests.benchmarks.__main__.quiet_libraries", lambda: None)
    done = CliRunner().invoke(
        main, ["--small", "--rounds", "1", "--workload", "chain", "--tracer", "none", "--tracer", "default"]
    )
    assert done.exit_code == 0, done.output
    assert "a chain of 50 modules that do nothing: 102 module calls" in done.stdout
    assert [line.split(" | ")[0] for line in done.stdout.splitlines() if "×" in line and "(" in line][1:] == [
        "| not traced",
        "| **tracelab**",
    ]
    assert "part by part" not in done.stdout
    assert "Many calls" not in done.stdout


@pytest.mark.parametrize("more", [["--small"], ["--workload", "chain"], ["--tracer", "none"]])
def test_the_readme_gets_nothing_but_the_whole(more: list[str]) -> None:
    before = README.read_bytes()
    done = CliRunner().invoke(main, ["--readme", *more])
    assert done.exit_code == 2
    assert "everything at full size" in done.output
    assert README.read_bytes() == before
