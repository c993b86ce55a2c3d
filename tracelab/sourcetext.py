"""The text of a recorded source file, from the files that are installed here; or one line why there is none.

A trace keeps names of files, and of each file a digest: the first 16 digits of its sha256.  A trace may come
from anywhere, so its names are only wishes.  A file is given away in two cases:

* the file of that very name has the digest: whoever wrote the trace knew what is in it;
* it is inside a package that is installed here.  The last `site-packages` in the name (or the folder of the
  standard library) is where the package begins; `find_spec` of the top-level name alone imports nothing.

Nothing leads out of a package: no `..`, and no link unless the digest is right.  Only regular files of at
most `LARGEST` bytes are read, and what is no longer the text that was traced is not shown at all.

Gotchas: a cell of a notebook is no file, but `linecache` has its text while the kernel lives.  Lines end
where Python's do; `str.splitlines` would also break at a form feed and count wrong from there.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import linecache
import os
import re
import stat
import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LARGEST = 4 * 1024 * 1024
"""Bytes of a file that is still read."""

ABSENT = "not installed here"
DIFFERENT = "differs from the version that was traced"
SOURCELESS = "no source"

_DIGITS = 16
CHANGED = "-" * _DIGITS
"""In place of a digest: the file was changed while the trace ran.  No file has it."""

_STANDARD = re.compile(r"python3\.\d+\Z")
_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of a file without their ends, or what is in the way.

    `path`: where it was read.  `certain`: it has the digest that was recorded; without one it is the
    installed file of that name, of whatever version.
    """

    lines: tuple[str, ...] = ()
    problem: str | None = None
    path: str | None = None
    certain: bool = False

    def line(self, number: int | None) -> str | None:
        """The line of that number, counted from 1; None where there is none."""
        return self.lines[number - 1] if number is not None and 0 < number <= len(self.lines) else None


def find(file: str | None, digest: str | None) -> Text:
    """The text of a recorded `file`, as far as it is the one that was traced."""
    if not file or file.startswith("<") or "\0" in file:
        return Text(problem=SOURCELESS)
    different = False
    for path in _itself(file):
        found = _read(path) if digest is not None else None
        if found is not None and digest_of(found) == digest:
            return _text(found, path, certain=True)
        different = different or found is not None
    for root, path in _installed(file):
        found = _read(path)
        if found is None:
            continue
        if digest is None and _is_inside(path, root):
            return _text(found, path, certain=False)
        if digest is not None and digest_of(found) == digest:
            return _text(found, path, certain=True)
        different = different or digest is not None
    return Text(problem=DIFFERENT if different else ABSENT)


def digests(files: list[str]) -> dict[str, str]:
    """The digests of recorded files, for those that can be read here and now."""
    return {file: digest for file in files if (digest := _digest(file)) is not None}


def digest_of(data: bytes) -> str:
    """The digest of the bytes of a file."""
    return hashlib.sha256(data).hexdigest()[:_DIGITS]


@functools.lru_cache(maxsize=4096)
def _digest(file: str) -> str | None:
    """Once for the process: a file that is changed later is not the one that runs."""
    if file.startswith("<") or "\0" in file:
        return None
    for path in _itself(file):
        found = _read(path)
        if found is not None:
            return CHANGED if _has_changed(path) else digest_of(found)
    return None


def _has_changed(path: str) -> bool:
    """Whether it is another file than when `linecache` read it, for the first call of a function in it."""
    entry = linecache.cache.get(path)
    if type(entry) is not tuple or len(entry) != 4 or entry[1] is None:
        return False
    try:
        now = Path(path).stat()
    except OSError:
        return True
    return (entry[0], entry[1]) != (now.st_size, now.st_mtime)


def _itself(file: str) -> list[str]:
    """Where a file of that very name may be: `~` stands for the home directory, however it is written."""
    if not file.startswith(("~/", "~\\")):
        return [file] if Path(file).is_absolute() else []
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or ""
    homes = [os.path.expanduser(written) for written in ("~", f"~{user}")]  # noqa: PTH111 (never raises)
    return [home + file[1:] for home in dict.fromkeys(homes) if Path(home).is_absolute()]


def _installed(file: str) -> Iterator[tuple[str, str]]:
    """Folders of installed packages, each with the path that `file` has inside it."""
    parts = file.replace("\\", "/").split("/")
    if not parts[-1].endswith(".py") or any(part in ("", ".", "..") for part in parts[1:]):
        return
    begins = max([at for at, part in enumerate(parts) if part in _PACKAGES], default=None)
    if begins is not None:
        top, *inner = parts[begins + 1 :]
        for root in _folders(top.removesuffix(".py") if not inner else top, is_file=not inner):
            yield root, str(Path(root, *inner) if inner else Path(root, top))
        return
    begins = max([at for at, part in enumerate(parts) if _STANDARD.match(part)], default=None)
    if begins is not None:
        library = sysconfig.get_paths()["stdlib"]
        yield library, str(Path(library, *parts[begins + 1 :]))


def _folders(top: str, is_file: bool) -> list[str]:
    """The folders of an installed package, or the folder that a module of one file is in."""
    if not top.isidentifier():  # "a.b" would import a
        return []
    try:
        spec = importlib.util.find_spec(top)
    except Exception:  # a finder of somebody's, or a module in `sys.modules` without a spec
        return []
    if spec is None:
        return []
    if is_file:
        return [str(Path(spec.origin).parent)] if spec.origin and spec.origin.endswith(".py") else []
    return list(spec.submodule_search_locations or ())


def _is_inside(path: str, root: str) -> bool:
    """Whether no link leads out of the folder."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def _read(path: str) -> bytes | None:
    """The bytes of a regular file of bearable size, or of a cell that `linecache` knows; else None."""
    try:
        known = Path(path).stat()
        if not stat.S_ISREG(known.st_mode) or known.st_size > LARGEST:
            return None  # opening a pipe would wait, opening a device may do something
        with open(path, "rb", opener=_without_waiting) as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return _cell(path)
    return data if len(data) <= LARGEST else None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _cell(name: str) -> bytes | None:
    """What stands in `linecache` for good: text that never was a file."""
    entry = linecache.cache.get(name)
    if type(entry) is not tuple or len(entry) != 4 or entry[1] is not None:
        return None
    return "".join(entry[2]).encode("utf-8", "surrogatepass")


def _text(data: bytes, path: str, certain: bool) -> Text:
    lines = _lines(data)
    return Text(problem=SOURCELESS) if lines is None else Text(lines, None, path, certain)


@functools.lru_cache(maxsize=16)
def _lines(data: bytes) -> tuple[str, ...] | None:
    """The lines of a Python source as the interpreter counts them; None for what is no text."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError, LookupError):
        return None
    lines = io.StringIO(text.removeprefix("\ufeff"), newline=None).read().split("\n")
    return tuple(lines[:-1] if lines[-1] == "" else lines)
