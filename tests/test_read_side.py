"""The read side has room for a million calls, and needs nothing that a traced program needs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rows import ids
from tracelab.calls import Columns, Trace
from tracelab.events import Place, Site

# --- a million calls ----------------------------------------------------------------------------------

CALLS = 1_000_000
SITES = 20


@pytest.fixture(scope="module")
def million() -> Trace:
    """50,000 passes of a model with 19 modules below it."""
    columns = Columns(places=[Place("a.py", 1)], threads=["main"])
    columns.sites = [
        Site("module", f"Layer{number}", f"Layer{number}", "forward", "M", f"layers.{number}")
        for number in range(SITES)
    ]
    columns.site = array("i", range(SITES)) * (CALLS // SITES)
    columns.parent = array("i", (-1 if row % SITES == 0 else row - row % SITES for row in range(CALLS)))
    columns.place = columns.thread = array("i", [0]) * CALLS
    columns.inputs = columns.output = columns.error = array("i", [-1]) * CALLS
    columns.start = array("q", range(CALLS))
    columns.duration, columns.status = array("q", [1]) * CALLS, array("b", [0]) * CALLS
    return Trace(columns)


def seconds(ask: Callable[[], Any]) -> tuple[Any, float]:
    """The answer and the processor time that it took: other processes on the machine do not count."""
    began = time.process_time()
    return ask(), time.process_time() - began


def test_the_length_of_a_million_calls_is_known_at_once(million: Trace) -> None:
    length, took = seconds(lambda: [len(million.calls) for _ in range(1000)][-1])
    assert length == CALLS
    assert took < 0.1  # a thousand times
    last, took = seconds(lambda: (million.calls[-1], million.calls[500_000:500_010], repr(million.calls)))
    assert (last[0].id, ids(last[1]), last[2]) == (999_999, list(range(500_000, 500_010)), "<1000000 calls>")
    assert took < 0.1


def test_counting_among_a_million_calls(million: Trace) -> None:
    counted, took = seconds(lambda: million.count("Layer7.*"))
    assert counted == 50_000
    assert took < 1
    counted, took = seconds(lambda: million.count("forward"))
    assert counted == CALLS
    assert took < 1


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [({"pattern": "Layer7.forward"}, 50_000), ({"path": "layers.*", "status": "ok"}, CALLS)],
)
def test_finding_among_a_million_calls(million: Trace, conditions: dict[str, Any], expected: int) -> None:
    found, took = seconds(lambda: million.find(**conditions))
    assert len(found) == expected
    assert took < 5  # 0.7 s on a quiet machine: this catches what is no longer linear


def test_a_step_among_a_million_calls(million: Trace) -> None:
    found, took = seconds(lambda: million.find(step=0))  # no decoding loop here
    assert found == []
    assert took < 6


# --- where torch is not installed ---------------------------------------------------------------------

GUESTS = ("rich", "click", "pygments", "markdown_it", "mdurl")
"""rich and click, and what rich brings with it: all are plain Python, so any version can use one copy."""

READER = """
import sys
sys.path[:0] = sys.argv[1:3]
import tracelab
from tests.builders import build, call, t

forward = call("Model.forward", root="Model", path="", inputs={"x": t(1, 4)}, output=t(1, 8))
generate = call("Model.generate", kind="method", root="Model", path="", children=[forward, forward])
build(generate).save(sys.argv[3])
trace = tracelab.load(sys.argv[3])
print(trace.recorded, trace.count("*.forward"), [call.id for call in trace.find("Model.forward", path="")])
phases = [step.phase for step in trace.steps()]
print(trace.calls[-1].inputs["x"], trace.calls[1].output, phases, len(trace.roots[0].children))
print("Model.generate" in str(trace), "f32[1,8]" in str(trace))
print(sorted({"torch", "transformers", "numpy", "hunter"} & set(sys.modules)))
"""


def interpreter(version: str) -> str | None:
    """The executable of another Python, if it is installed."""
    environment = dict(os.environ)
    if shutil.which("pyenv"):  # it keeps several and has to be told which one is meant
        known = subprocess.run(
            ["pyenv", "whence", f"python{version}"], capture_output=True, text=True, check=False
        )
        environment["PYENV_VERSION"] = (known.stdout.split() or [""])[-1]
    if shutil.which(f"python{version}") is None:
        return None
    command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    return asked.stdout.strip() or None


@pytest.mark.parametrize(
    "version",
    ["this", pytest.param("3.12", marks=pytest.mark.slow), pytest.param("3.13", marks=pytest.mark.slow)],
)
def test_reading_and_asking_with_rich_and_click_alone(version: str, tmp_path: Path) -> None:
    executable = sys.executable if version == "this" else interpreter(version)
    if executable is None:
        pytest.skip(f"python{version} is not installed")
    guests = tmp_path / "guests"
    guests.mkdir()
    for name in GUESTS:
        found = importlib.util.find_spec(name)
        if found is not None and found.origin is not None:
            shutil.copytree(Path(found.origin).parent, guests / name)
    home = Path(__file__).resolve().parent.parent
    files = [str(home), str(guests), str(tmp_path / "run.json.gz")]
    # -S: no site-packages, so nothing else is there; -I: no environment; -B: no files left behind
    command = [executable, "-I", "-S", "-B", "-W", "error", "-c", READER, *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    # generate and two forwards, in rows 1 and 2; a generate that calls its model by itself is the loop
    phases = "['prefill', 'decode']"
    assert done.stdout.splitlines() == ["3 2 [1, 2]", f"f32[1,4] f32[1,8] {phases} 2", "True True", "[]"]
