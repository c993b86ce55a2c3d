"""The shape of the house itself: floors, doors, sizes, captions, types, and how light the front door is.

Each rule of the design that a machine can check is checked here with the standard library's `ast`, so
that a wrong import fails in the same run as a wrong number.  ruff and mypy are part of the run too.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tracelab.calls import ANSWERS

REPOSITORY = Path(__file__).resolve().parent.parent
HOUSE = REPOSITORY / "tracelab"

FLOORS = (
    {"errors", "values", "turns", "bycode"},
    {"events", "forms", "links", "passes"},
    {"packing"},
    {"calls", "patching", "arrivals", "describe", "sourcetext"},
    {"recorder", "fold", "query", "lines"},
    {"instruments", "analyses", "exporters", "running", "stops", "options"},
    {"renderers", "session", "script", "demo"},
    {"tokenline", "breakpoints"},
    {"__init__", "cli", "pytest_plugin"},
    {"__main__"},
)
"""From the ground up.  A room may import rooms of lower floors; rooms of one floor do not know each other."""

GUESTS = {"rich": "renderers", "click": "cli"}
"""Libraries that only one room may know."""

LONGER = {("recorder/wrapper.py", "_wrapper"): 90, ("recorder/wrapper.py", "method"): 80}
"""Functions of more than 60 lines.  The hot path is one function: each call that it would be divided by costs
a tenth of all that it does."""

HEAVY = {"torch", "transformers", "tokenizers", "numpy", "hunter"}
"""Libraries that nobody imports before they are needed."""


class Import(NamedTuple):
    """One import of one module, wherever it stands in a file."""

    file: str
    line: int
    target: str
    at_module_level: bool


def house_files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def short(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{room!r} stands on no floor: give it one in FLOORS")


def imports_of(path: Path, package: str) -> Iterator[Import]:
    """Every import of a file with its absolute target; `package` is the package that the file is in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lazy = {id(inner) for outer in ast.walk(tree) if runs_later(outer) for inner in ast.walk(outer)}
    for found in ast.walk(tree):
        at_top = id(found) not in lazy
        if isinstance(found, ast.Import):
            for alias in found.names:
                yield Import(str(path), found.lineno, alias.name, at_top)
        elif isinstance(found, ast.ImportFrom):
            base = found.module or ""
            if found.level:
                above = package.split(".")
                above = above[: len(above) - found.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in found.names:
                yield Import(str(path), found.lineno, f"{base}.{alias.name}", at_top)


def runs_later(found: ast.AST) -> bool:
    """A function body, or what only a type checker reads."""
    if isinstance(found, ast.If):
        return isinstance(found.test, ast.Name) and found.test.id == "TYPE_CHECKING"
    return isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef))


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).parent.parts)


def upward_imports(path: Path, package: str, room: str, rooms: set[str]) -> list[str]:
    """What is wrong with the imports of one file, in words."""
    wrong = []
    for found in imports_of(path, package):
        parts = found.target.split(".")
        if parts[0] != "tracelab":
            continue
        target = parts[1] if len(parts) > 1 else ""
        if target not in rooms:
            wrong.append(f"line {found.line}: imports the root package ({found.target})")
        elif target != room and floor_of(target) >= floor_of(room):
            wrong.append(f"line {found.line}: {room} imports {target}, which is not below it")
    return wrong


@pytest.mark.parametrize("path", house_files(), ids=short)
def test_imports_point_only_down(path: Path) -> None:
    rooms = {room_of(other) for other in house_files()}
    assert upward_imports(path, package_of(path), room_of(path), rooms) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from ..renderers.tree import show", "analyses imports renderers"),
        ("from ..exporters import save", "analyses imports exporters"),
        ("def f():\n    from tracelab.cli import main", "analyses imports cli"),
        ("import tracelab", "imports the root package"),
        ("from .. import load", "imports the root package"),
    ],
)
def test_the_layer_rule_can_fail(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    rooms = set().union(*FLOORS)
    assert words in " ".join(upward_imports(path, "tracelab.analyses", "analyses", rooms))


def test_the_layer_rule_allows_siblings_and_lower_floors(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_text(
        "from .repeats import runs\nfrom ..calls import Trace\nfrom .. import values\nimport os\n"
    )
    assert upward_imports(path, "tracelab.analyses", "analyses", set().union(*FLOORS)) == []


@pytest.mark.parametrize("path", house_files(), ids=short)
def test_guests_stay_in_their_room(path: Path) -> None:
    for found in imports_of(path, package_of(path)):
        library = found.target.partition(".")[0]
        assert GUESTS.get(library, room_of(path)) == room_of(path), f"line {found.line} imports {library}"


@pytest.mark.parametrize("path", house_files(), ids=short)
def test_nothing_heavy_at_module_level(path: Path) -> None:
    heavy = [
        f"line {found.line}: {found.target}"
        for found in imports_of(path, package_of(path))
        if found.at_module_level and found.target.partition(".")[0] in HEAVY
    ]
    assert heavy == []


@pytest.mark.parametrize("path", house_files(), ids=short)
def test_files_and_functions_are_small_and_have_a_caption(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    caption = ast.get_docstring(tree)
    assert caption and caption.splitlines()[0].strip().endswith((".", ":", "?")), (
        "the first line is a sentence"
    )
    assert len(text.splitlines()) <= 300
    for found in ast.walk(tree):
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (found.end_lineno or found.lineno) - found.lineno + 1
            assert lines <= LONGER.get((short(path), found.name), 60), f"{found.name} has {lines} lines"


@pytest.mark.parametrize("verb", ANSWERS)
def test_every_verb_of_a_trace_has_a_room(verb: str) -> None:
    room, _, function = ANSWERS[verb].partition(":")
    assert callable(getattr(importlib.import_module(room), function))


def python(code: str, *options: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_front_door_needs_only_the_standard_library() -> None:
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import tracelab; print(tracelab.__name__)"
    assert python(code, "-I", "-S") == "tracelab"


@pytest.mark.parametrize("module", ["tracelab", "tracelab.pytest_plugin"])
def test_import_leaves_heavy_libraries_alone(module: str) -> None:
    if not (REPOSITORY / module.replace(".", "/")).with_suffix(".py").exists() and "." in module:
        pytest.skip("this room is not built yet")
    # What the interpreter loads by itself at its start (hunter has a .pth file) is not our doing.
    code = f"import sys; old = set(sys.modules); import {module}; print(*sorted(set(sys.modules) - old))"
    loaded = {name.partition(".")[0] for name in python(code).split()}
    assert "tracelab" in loaded
    assert not loaded & {"torch", "transformers", "tokenizers", "numpy", "rich", "hunter"}


def test_import_takes_less_than_fifty_milliseconds() -> None:
    # CPU time, and the best of up to twenty: a neighbour on the same core makes an import twice as long.
    code = "import time; t = time.process_time(); import tracelab; print(time.process_time() - t)"
    assert any(float(python(code)) < 0.050 for _ in range(20))


@pytest.mark.parametrize(
    "tool",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
    ],
    ids=["ruff check", "ruff format", "mypy --strict"],
)
def test_tools_find_nothing(tool: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *tool], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
