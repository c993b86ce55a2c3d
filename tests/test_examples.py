"""Each lesson in examples/ runs and is right: its printed claims against numbers derived by hand.

The lessons run in this process, one after another, so that torch is imported once.  The script without
tracelab runs twice in processes of its own: by `python`, and by `tracelab run`.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import tracelab

from . import course, lessons
from .renderers.golden import compare

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"

UNTRACED = "own_script_for_run"

CLAIMS = {**course.CLAIMS, **lessons.CLAIMS}
TABLES = {**course.TABLES, **lessons.TABLES}


@pytest.fixture(autouse=True)
def _no_accelerator_is_left() -> Iterator[None]:
    """accelerate keeps what it found out about the process for good; other tests want to choose anew."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    state = sys.modules.get("accelerate.state")
    if state is not None:
        state.AcceleratorState._reset_state(reset_partial_state=True)
        state.GradientState._reset_state()


def test_every_lesson_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*CLAIMS, UNTRACED}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_lesson_says_what_is_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    text = capsys.readouterr().out
    lines = text.splitlines()
    for claim in CLAIMS[name]:
        assert claim in lines
    rows = [" ".join(line.split()) for line in lines]
    for beginning in TABLES.get(name, ()):
        assert any(row.startswith(beginning) for row in rows), beginning
    if metadata.version("transformers") == lessons.GOLDEN.get(name):
        compare(f"lesson_{name}", text)


def test_a_script_of_ones_own_runs_as_it_is(tmp_path: Path) -> None:
    script = [str(EXAMPLES / f"{UNTRACED}.py"), "--tokens", "3"]
    plain = in_a_process(script, tmp_path)
    traced = in_a_process(["-m", "tracelab", "run", "-o", "run.json.gz", *script], tmp_path)
    assert (traced.returncode, traced.stdout) == (plain.returncode, plain.stdout) == (0, "tokens: 6\n")
    assert traced.stderr.startswith(plain.stderr) and "GPT2LMHeadModel.generate" in traced.stderr
    trace = tracelab.load(tmp_path / "run.json.gz")
    # 3 prompt tokens, then one at a time; 2 layers in each of 3 steps.
    assert [step.input for step in trace.steps()] == [(1, 3), (1, 1), (1, 1)]
    assert trace.count("GPT2Block.forward") == 6
    assert trace.complete


def in_a_process(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
