"""Runs a program twice, by `python` and by `tracelab.script`, so that the two can be compared.

Where they cannot be equal (the interpreter names itself, and shows lines of `runpy` for `-m`) the
difference is taken out here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parent.parent

RUNNER = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from tracelab.errors import ScriptError
from tracelab.script import conclude, find, leave, run
del sys.path[0]
words = sys.argv[1:]
module = words[0] == "-m"
try:
    program = find(words[module], words[module + 1:], module=module)
except ScriptError as error:
    print(f"python: {{error}}", file=sys.stderr)
    sys.exit(2)
ended = run(program)
if isinstance(ended, ScriptError):
    sys.exit(f"python: {{ended}}")
sys.exit(leave(ended, conclude(ended)))
"""


class Run(NamedTuple):
    """How one program went."""

    code: int
    out: str
    err: str


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def started(command: list[str], folder: Path, stdin: str = "", **environment: str) -> Run:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    return Run(done.returncode, steady(done.stdout), steady(done.stderr))


def steady(text: str) -> str:
    """Without addresses, without the lines of runpy, and with one name for the interpreter."""
    text = re.sub(r"0x[0-9a-f]+", "0x", text).replace(f"{sys.executable}: ", "python: ")
    text = re.sub(r'  File "<frozen (runpy|importlib[^"]*)>", line .*\n', "", text)
    return re.sub(r"(?m)^\S*/?python[0-9.]*: ", "python: ", text)


def both(folder: Path, *words: str, stdin: str = "", **environment: str) -> tuple[Run, Run]:
    runner = folder.parent / "runner" / "runner.py"
    write(runner.parent, runner.name, RUNNER)
    plain = started(list(words), folder, stdin, **environment)
    return plain, started([str(runner), *words], folder, stdin, **environment)
