"""`tracelab run`: what it adds to a script, and that it takes nothing away.

It runs in a process of its own, because it takes over `sys.argv`, `sys.path` and `__main__`.  What a
program sees and how it ends is the business of test_script.py.  The scripts here use no torch, so that
their traces are empty and their tests quick; test_examples.py runs a real one.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tracelab.exporters import load

REPOSITORY = Path(__file__).resolve().parent.parent


def tracelab(
    folder: Path, *words: str, stdin: str = "", tracer: bool = True
) -> subprocess.CompletedProcess[str]:
    """`tracelab WORDS` (or `python WORDS`) in `folder`."""
    command = [sys.executable, *(["-m", "tracelab"] if tracer else []), *words]
    # As if it were installed: the folder of the script, not that of the checkout, is in front.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, check=False, env=environment
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Scripts that use no torch: an empty trace, quickly."""
    for name, text in {
        "echo.py": "import sys; print(sys.argv, __name__); print('to stderr', file=sys.stderr)",
        "three.py": "import sys; print('out'); sys.exit(3)",
        "fails.py": "def f():\n    raise ValueError('bad')\nf()",
        "forks.py": "import os\npid = os.fork()\nif pid:\n    os.waitpid(pid, 0)\nprint('me', flush=True)",
        "imports.py": "import echo, sys; print(sys.path[0])",
        "deaf.py": "import sys\nsys.stderr.close()\nsys.exit(4)",
        "swaps.py": "import io, sys\nsys.stdout = sys.stderr = io.StringIO()\nprint('lost')",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_run_gives_the_script_its_own_arguments(folder: Path) -> None:
    arguments = ["--depth", "3", "-o", "x.json", "--", "-m", "--help"]
    done = tracelab(folder, "run", "--depth", "2", "echo.py", *arguments)
    assert done.returncode == 0
    assert done.stdout == f"{['echo.py', *arguments]} __main__\n"
    assert done.stderr.startswith("to stderr\n") and not (folder / "x.json").exists()


def test_run_says_that_there_was_nothing_to_trace(folder: Path) -> None:
    done = tracelab(folder, "run", "three.py")
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert "no" in done.stderr.lower() and "Traceback" not in done.stderr


def test_run_quiet_says_nothing(folder: Path) -> None:
    done = tracelab(folder, "run", "--quiet", "three.py")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "")


@pytest.mark.parametrize("name", ["three.py", "fails.py", "echo.py"])
def test_run_writes_the_trace_however_the_script_ends(folder: Path, name: str) -> None:
    plain = tracelab(folder, name, tracer=False)
    done = tracelab(folder, "run", "-o", "run.json.gz", "--quiet", name)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert len(load(folder / "run.json.gz").calls) == 0
    assert stat.S_IMODE((folder / "run.json.gz").stat().st_mode) == 0o600


def test_run_writes_to_stdout_behind_what_the_script_wrote(folder: Path) -> None:
    done = tracelab(folder, "run", "-o", "-", "--quiet", "three.py")
    first, _, rest = done.stdout.partition("\n")
    assert first == "out" and json.loads(rest)["format"] == "tracelab"
    assert done.returncode == 3


def test_run_writes_where_it_was_told_to_when_the_script_goes_elsewhere(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "moves.py").write_text("import os; os.chdir('deep')")
    assert tracelab(folder, "run", "--quiet", "-o", "run.json", "moves.py").returncode == 0
    assert (folder / "run.json").exists() and not (folder / "deep" / "run.json").exists()


def test_run_when_the_trace_cannot_be_written_in_the_end(folder: Path) -> None:
    (folder / "removes.py").write_text("import os, sys; os.rmdir('deep'); sys.exit(int(sys.argv[1]))")
    for code, expected in (("0", 2), ("5", 5)):
        (folder / "deep").mkdir()
        done = tracelab(folder, "run", "--quiet", "-o", "deep/run.json", "removes.py", code)
        assert done.returncode == expected
        assert done.stderr.startswith("tracelab: ") and done.stderr.count("\n") == 1


def test_run_modules_folders_and_standard_input(folder: Path) -> None:
    assert (
        tracelab(folder, "run", "--quiet", "-m", "echo", "x").stdout
        == f"{[str(folder / 'echo.py'), 'x']} __main__\n"
    )
    done = tracelab(folder, "run", "--quiet", "-", "x", stdin="import sys; print(sys.argv); sys.exit(6)")
    assert (done.returncode, done.stdout) == (6, "['-', 'x']\n")


def test_run_puts_the_folder_of_the_script_in_front(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = tracelab(elsewhere, "run", "--quiet", "../imports.py")
    assert done.stdout.splitlines()[-1] == str(folder)


@pytest.mark.parametrize(
    ("words", "code"),
    [(["gone.py"], 2), (["-m", "gone"], 1), (["elsewhere"], 1)],
)
def test_run_something_that_is_not_there(folder: Path, words: list[str], code: int) -> None:
    (folder / "elsewhere").mkdir()
    done = tracelab(folder, "run", *words)
    assert done.returncode == code == tracelab(folder, *words, tracer=False).returncode
    assert done.stderr.startswith("tracelab: ") and done.stderr.count("\n") == 1 and done.stdout == ""


def test_run_traceback_has_only_lines_of_the_script(folder: Path) -> None:
    plain = tracelab(folder, "fails.py", tracer=False)
    done = tracelab(folder, "run", "fails.py")
    assert done.returncode == 1
    assert done.stderr.startswith(plain.stderr) and plain.stderr.count("  File ") == 2


def test_run_stops_by_ctrl_c(folder: Path) -> None:
    (folder / "waits.py").write_text("import os, time\nos.kill(os.getpid(), 2)\ntime.sleep(9)")
    done = tracelab(folder, "run", "-o", "run.json", "--quiet", "waits.py")
    assert done.returncode == -signal.SIGINT
    assert done.stderr == tracelab(folder, "waits.py", tracer=False).stderr
    assert (folder / "run.json").exists()


def test_run_shows_one_tree_when_the_script_forks(folder: Path) -> None:
    once = tracelab(folder, "run", "echo.py").stderr.removeprefix("to stderr\n")
    done = tracelab(folder, "run", "forks.py")
    assert (done.stdout, done.stderr) == ("me\nme\n", once)


def test_run_with_a_filter_that_matches_nothing_keeps_the_exit_code(folder: Path) -> None:
    done = tracelab(folder, "run", "--filter", "Nothing.*", "three.py")
    # The trace is empty: there is nothing that the pattern could be near to.
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert "Nothing.*" not in done.stderr


def test_run_survives_what_the_script_does_to_its_streams(folder: Path) -> None:
    assert tracelab(folder, "run", "deaf.py").returncode == 4
    done = tracelab(folder, "run", "swaps.py")
    assert (done.returncode, done.stdout) == (0, "") and done.stderr != ""


def test_run_lets_the_script_use_click(folder: Path) -> None:
    (folder / "clicks.py").write_text(
        "import click\n@click.command()\n@click.option('--depth')\ndef f(depth):\n"
        "    print(depth, click.get_current_context().parent)\nf()"
    )
    done = tracelab(folder, "run", "--quiet", "clicks.py", "--depth", "7")
    assert (done.returncode, done.stdout, done.stderr) == (0, "7 None\n", "")
    done = tracelab(folder, "run", "--quiet", "clicks.py", "--detph", "7")
    assert done.returncode == 2 and done.stderr.startswith("Usage: clicks.py")


def test_run_keeps_the_exit_code_when_nobody_reads_the_tree(folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "tracelab", "run", "three.py"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=writing, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout) == (3, b"out\n")
