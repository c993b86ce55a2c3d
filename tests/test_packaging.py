"""What an installer gets: names, versions, files, pins."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required_names() -> set[str]:
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in wanted}  # type: ignore[index]


def pins() -> dict[str, str]:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    return dict(entry.split("==") for entry in entries)


def test_constraints_are_plain_pins_of_everything_that_is_required() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line), f"not a plain pin: {line!r}"
    assert "torch==2.13.0" in lines
    assert required_names() <= {normal(name) for name in pins()}
    assert "tracelab" not in pins()


def test_ranges_are_open_above() -> None:
    for line in PROJECT["dependencies"]:
        assert re.fullmatch(r"[\w.-]+>=[\d.]+", line), f"{line!r} shuts future versions out"


@pytest.mark.parametrize(
    "path", ["README.md", "constraints.txt", "pyproject.toml", ".ci/run", "CONTRIBUTING.md"]
)
def test_no_registry_and_no_home_is_named(path: str) -> None:
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    assert not re.search(r"index-url|find-links|trusted-host|/home/|/Users/|/opt/|/tmp/|file:/", text)


def test_the_licence_is_the_whole_apache_licence() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert "9. Accepting Warranty or Additional Liability" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_version_is_said_once() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d+\.\d+\.\d+)", changelog, flags=re.MULTILINE)
    assert newest
    assert newest[1] == PROJECT["version"]


def test_the_command_says_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracelab", "--version"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    try:
        installed = metadata.version("tracelab")
    except metadata.PackageNotFoundError:
        pytest.skip("run from a checkout that is not installed")
    assert installed in done.stdout


@pytest.mark.slow
def test_the_wheel_holds_the_package_with_its_schema_and_types(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--quiet",
        "-w",
        str(tmp_path),
        str(REPOSITORY),
    ]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    files = set(zipfile.ZipFile(wheel).namelist())
    source = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "tracelab").rglob("*.py")}
    assert source <= files
    assert {"tracelab/py.typed", "tracelab/exporters/trace.schema.json"} <= files
    assert not [name for name in files if name.startswith(("tests", "examples"))]
    assert any(name.endswith("licenses/LICENSE") for name in files)
