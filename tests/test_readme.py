"""The README is true: its Python runs, its answers are the answers, its commands and links work.

All ```python blocks are run in their order in one namespace, as a reader would type them.  A line that
ends in `# -> value` states what the expression before it gives; the `repr` must be exactly that.
CONTRIBUTING quotes real code: each of its blocks names a file, and its lines stand there in that order.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
ANSWER = re.compile(r"#\s*->\s*(.+)$")


def blocks(page: str, language: str) -> list[str]:
    """The contents of all fenced blocks of one language."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    return [
        line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")
    ]


def run_block(source: str, namespace: dict[str, Any]) -> int:
    """Run one block statement by statement; returns how many answers were compared."""
    compared = 0
    lines = source.splitlines()
    for statement in ast.parse(source).body:
        answer = ANSWER.search(lines[(statement.end_lineno or statement.lineno) - 1])
        if answer is None:
            exec(compile(ast.Module([statement], []), "README.md", "exec"), namespace)
            continue
        assert isinstance(statement, ast.Expr), f"only an expression has an answer: {ast.unparse(statement)}"
        value = eval(compile(ast.Expression(statement.value), "README.md", "eval"), namespace)
        assert repr(value) == answer[1], ast.unparse(statement)
        compared += 1
    return compared


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_of_the_readme(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    compared = sum(run_block(source, namespace) for source in blocks("README.md", "python"))
    assert compared == sum(len(ANSWER.findall(line)) for line in python_lines())
    assert compared >= 10
    printed = capsys.readouterr().out
    assert "WhisperForConditionalGeneration" in printed
    # The commands that read the file work on the file that the Python wrote.
    for command in commands("README.md"):
        if command.startswith(("tracelab show", "tracelab steps")):
            done = tracelab(command)
            assert done.returncode == 0, done.stderr
            assert done.stdout


def python_lines() -> list[str]:
    return [line for source in blocks("README.md", "python") for line in source.splitlines()]


def tracelab(command: str) -> subprocess.CompletedProcess[str]:
    """The command as this interpreter runs it."""
    arguments = [sys.executable, "-m", *shlex.split(command)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_every_option_of_a_command_exists() -> None:
    asked = [command for command in commands("README.md") if command.startswith("tracelab")]
    assert asked
    for command in asked:
        verb = shlex.split(command)[1]
        known = tracelab(f"tracelab {verb} --help")
        assert known.returncode == 0, command
        # What follows the script belongs to the script.
        own = re.split(r"\S+\.py|package\.module", command)[0]
        for option in re.findall(r"\s(--?[a-z-]+)", own):
            assert option in known.stdout, f"{verb} has no {option}"


def test_the_two_commands_are_the_ones_that_are_run_and_that_exist() -> None:
    """What a newcomer types is what `.ci/run` does and what pyproject.toml offers."""
    first, second = [command for command in commands("README.md") if command.startswith("pip")]
    assert first == "pip install -c constraints.txt -e . && tracelab demo"
    assert second == 'pip install -c constraints.txt -e ".[test]" && pytest'
    script = (REPOSITORY / ".ci" / "run").read_text(encoding="utf-8")
    assert '-c constraints.txt -e ".[test]"' in script
    assert re.search(r"^pytest$", script, flags=re.MULTILINE)
    assert re.search(r"^tracelab demo\b", script, flags=re.MULTILINE)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"tracelab": "tracelab.cli:main"}
    assert "test" in project["optional-dependencies"]


@pytest.mark.parametrize("page", PAGES)
def test_links_to_files_work(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (REPOSITORY / target).exists(), f"{page} points to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page: str) -> None:
    """A page that names `tracelab/x.py` or `tests/x.py` names a file of the tree."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tracelab|tests|examples)/[\w./-]+)`", text):
        assert (REPOSITORY / name).exists(), f"{page} names {name}, which is not there"


def missing_quotes(block: str) -> list[str]:
    """The lines of a quoted block that its file does not have, or not in this order."""
    name, *quoted = block.splitlines()
    lines = iter((REPOSITORY / name.removeprefix("# ")).read_text(encoding="utf-8").splitlines())
    return [line for line in quoted if line and line not in lines]


@pytest.mark.parametrize(
    "block", blocks("CONTRIBUTING.md", "python"), ids=lambda block: block.split("\n")[0][2:]
)
def test_contributing_quotes_real_code(block: str) -> None:
    assert missing_quotes(block) == []


def test_a_wrong_quote_is_noticed() -> None:
    assert missing_quotes("# tracelab/errors.py\nclass TracelabError(Exception):\n    no_such_line = 1") == [
        "    no_such_line = 1"
    ]


@pytest.mark.parametrize(("source", "wrong"), [("1 + 1  # -> 3", True), ("1 + 1  # -> 2", False)])
def test_a_wrong_answer_is_noticed(source: str, wrong: bool) -> None:
    if wrong:
        with pytest.raises(AssertionError):
            run_block(source, {})
    else:
        assert run_block(source, {}) == 1
