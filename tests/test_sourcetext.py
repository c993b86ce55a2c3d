"""Finding the text of recorded files: the right version or none, and nothing that a stranger asks for."""

from __future__ import annotations

import hashlib
import linecache
import os
import sys
from pathlib import Path

import pytest

from tracelab import sourcetext
from tracelab.sourcetext import ABSENT, DIFFERENT, LARGEST, SOURCELESS, Text, digests, find

TEXT = b"def f():\n    return 1\n"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    sourcetext._digest.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with one file in a folder, in a `site-packages` of its own."""
    folder = tmp_path / "site-packages" / "bird_here"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')\n")
    (folder / "inner" / "song.py").write_bytes(TEXT)
    (tmp_path / "site-packages" / "nest_here.py").write_bytes(TEXT)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    return folder


def test_the_lines_of_a_file_of_one_s_own(tmp_path: Path) -> None:
    path = tmp_path / "run.py"
    path.write_bytes(TEXT)
    known = digests([str(path)])
    assert known == {str(path): digest(TEXT)}
    found = find(str(path), known[str(path)])
    assert found == Text(("def f():", "    return 1"), None, str(path), certain=True)
    assert (found.line(2), found.line(3), found.line(0), found.line(None)) == (
        "    return 1",
        None,
        None,
        None,
    )


def test_a_file_that_was_changed_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "run.py"
    path.write_bytes(TEXT)
    known = digests([str(path)])[str(path)]
    path.write_bytes(b"# one line more\n" + TEXT)
    assert find(str(path), known) == Text(problem=DIFFERENT)
    assert digests([str(path)]) == {str(path): known}  # what runs is what was there
    path.unlink()
    assert find(str(path), known) == Text(problem=ABSENT)


def test_the_home_directory_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "run.py").write_bytes(TEXT)
    assert digests(["~/run.py"]) == {"~/run.py": digest(TEXT)}
    assert find("~/run.py", digest(TEXT)).path == str(tmp_path / "run.py")


@pytest.mark.parametrize("known", [digest(TEXT), None])
@pytest.mark.parametrize(
    "file",
    [
        "/elsewhere/lib/python3.12/site-packages/bird_here/inner/song.py",
        "~/venv/lib/python3.12/site-packages/bird_here/inner/song.py",
        "C:\\venv\\Lib\\site-packages\\bird_here\\inner\\song.py",
        "/usr/lib/python3/dist-packages/bird_here/inner/song.py",
        "/a/site-packages/x/site-packages/bird_here/inner/song.py",
    ],
)
def test_a_package_is_found_wherever_it_is_installed(package: Path, file: str, known: str | None) -> None:
    found = find(file, known)
    assert (found.path, found.certain) == (str(package / "inner" / "song.py"), known is not None)
    assert len(found.lines) == 2
    assert "bird_here" not in sys.modules  # and nothing was imported: the package would end the program


def test_a_module_of_one_file_and_the_standard_library(package: Path) -> None:
    assert find("/x/site-packages/nest_here.py", None).path == str(package.parent / "nest_here.py")
    found = find("/opt/python/lib/python3.11/functools.py", None)
    assert found.problem is None and found.path == os.path.realpath(found.path or "")
    assert any(line.startswith("def update_wrapper(") for line in found.lines)


def test_another_version_of_a_package(package: Path) -> None:
    assert find("/x/site-packages/bird_here/inner/song.py", digest(b"older")) == Text(problem=DIFFERENT)
    assert find("/x/site-packages/bird_here/inner/gone.py", digest(b"older")) == Text(problem=ABSENT)
    assert find("/x/site-packages/nowhere_at_all/song.py", None) == Text(problem=ABSENT)


def test_the_version_that_was_traced_goes_before_the_one_installed_here(
    package: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "site-packages" / "bird_here" / "inner" / "song.py"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"# newer\n")
    assert find(str(other), digest(b"# newer\n")).path == str(other)
    assert find(str(other), None).path == str(package / "inner" / "song.py")


# --- a trace of a stranger ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file",
    [
        "SECRET",
        "PACKAGE/../../secret.py",
        "/x/site-packages/bird_here/../../secret.py",
        "/x/site-packages/bird_here//SECRET",
        "/x/site-packages/../secret.py",
        "/x/site-packages/secret.py",
        "/x/site-packages/bird_here/inner/link.py",
        "/x/site-packages/bird_here/data.txt",
        "/x/site-packages/bird_here.inner/song.py",
        "/x/site-packages/",
        "site-packages",
        "/x/python3.11/../secret.py",
        "secret.py",
        "./secret.py",
        "~/secret.py",
        "",
        "/",
        "//",
        "~",
        "~/",
        "<stdin>",
        "a\0b.py",
        "/x/site-packages/bird_here/\udc80.py",
        "/x/site-packages/__main__/x.py",
        "/x/site-packages/" + "a" * 5000 + ".py",
        "/x/site-packages/" + "a/" * 5000 + "b.py",
    ],
)
@pytest.mark.parametrize("known", [None, "0" * 16, "x", ""])
def test_names_that_lead_elsewhere_give_nothing(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, known: str | None
) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("PASSWORD = 1\n")
    (package / "inner" / "link.py").symlink_to(secret)
    (package / "data.txt").write_text("words\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    file = file.replace("SECRET", str(secret)).replace("PACKAGE", str(package))
    found = find(file, known)
    assert found.lines == () and found.problem in (ABSENT, DIFFERENT, SOURCELESS)
    assert "bird_here" not in sys.modules


def test_a_package_made_of_links_is_shown_where_the_digest_is_right(package: Path, tmp_path: Path) -> None:
    (tmp_path / "store.py").write_bytes(TEXT)
    (package / "linked.py").symlink_to(tmp_path / "store.py")
    file = "/x/site-packages/bird_here/linked.py"
    assert find(file, digest(TEXT)).certain
    assert find(file, None).problem == ABSENT


def test_pipes_folders_and_giants_are_not_read(tmp_path: Path, package: Path) -> None:
    os.mkfifo(package / "pipe.py")
    (package / "folder.py").mkdir()
    with (package / "giant.py").open("wb") as file:
        file.truncate(LARGEST + 1)
    with (package / "large.py").open("wb") as file:
        file.write(b"#" * LARGEST)
    for name in ("pipe.py", "folder.py", "giant.py"):
        assert find(f"/x/site-packages/bird_here/{name}", None).problem == ABSENT
        assert find(str(package / name), "0" * 16).problem == ABSENT
        assert digests([str(package / name)]) == {}
    assert len(find("/x/site-packages/bird_here/large.py", None).lines[0]) == LARGEST


# --- texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a = 1\r\nb = 2\rc = 3", ("a = 1", "b = 2", "c = 3")),
        ("x = '\f\x1c\x85\u2028'\ny = 1\n".encode(), ("x = '\f\x1c\x85\u2028'", "y = 1")),
        (b"\xef\xbb\xbfa = 1\n", ("a = 1",)),
        (b"# coding: latin-1\n# \xe9\n", ("# coding: latin-1", "# é")),
        (b"", ()),
        (b"\n\n", ("", "")),
    ],
)
def test_lines_end_where_the_interpreter_s_do(tmp_path: Path, data: bytes, lines: tuple[str, ...]) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert find(str(path), digest(data)).lines == lines


@pytest.mark.parametrize("data", [b"\xff\xfe", b"# coding: no-such\n", b"# coding: rot13\n", b"a\n\n\xe9"])
def test_what_is_no_text_has_no_source(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(data)
    assert find(str(path), digest(data)) == Text(problem=SOURCELESS)


def test_a_cell_of_a_notebook_has_the_text_that_the_kernel_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "/tmp/ipykernel_1/123.py"
    monkeypatch.setitem(linecache.cache, name, (len(TEXT), None, TEXT.decode().splitlines(True), name))
    known = digests([name])[name]
    assert find(name, known).lines == ("def f():", "    return 1")
    assert find(name, None).problem == ABSENT
