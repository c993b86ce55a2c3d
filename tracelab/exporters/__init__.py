"""Exporters: a trace as a file, and the file as a trace again.

`SUFFIXES` is the table of contents: the suffix of the file names the format.  A new format is one new
file in this folder with a function `encode(trace, fold) -> Iterator[str]`, and one row here; a suffix that
ends in `.gz` is compressed on the way out.  Rows are strings and the rooms are loaded on first use, so
that `import tracelab` stays light.

A trace that is written while it is recorded (`stream`) is begun by the session, not by `save`.

Reading goes by content and not by suffix: a renamed file is still readable.  Whatever `load` is given,
it ends in a `Trace` or in one line of `TraceFileError`: nothing in a file is imported, executed or
unpickled, and every size is bounded (`limits`).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from ..calls import Trace
from ..errors import TraceFileError, TracelabError

SUFFIXES = {
    ".json": "tracelab.exporters.json:encode",
    ".json.gz": "tracelab.exporters.json:encode",
}

STANDARD = "-"
"""The path that means standard output in `save` and standard input in `load`."""


def save(trace: Trace, path: str | os.PathLike[str], fold: bool = True) -> None:
    """Write `trace` to `path` in the format of its suffix, or as JSON to standard output for `"-"`.

    A trace of many calls is written as it is held, packed; with `fold=False` every call by itself.
    The file appears complete or not at all, readable by its owner only.  `OSError` when it cannot be
    written, `TracelabError` when the suffix is unknown.
    """
    target = os.fsdecode(path)
    suffix = ".json" if target == STANDARD else _suffix(target)
    from . import files

    encode = _encoder(suffix)
    if target == STANDARD:
        files.write_standard(encode(trace, fold))
    else:
        files.write(target, encode(trace, fold), compress=suffix.endswith(".gz"))


def load(path: str | os.PathLike[str]) -> Trace:
    """Read a trace that `save` or a stream has written; `"-"` reads standard input.

    `TraceFileError`, one line naming the file and the place in it, for anything else.
    """
    source = os.fsdecode(path)
    from . import files, json
    from .expect import Refused
    from .stream import MAGIC, reader

    shown = "standard input" if source == STANDARD else repr(source)
    try:
        data = files.read_standard() if source == STANDARD else files.read(source)
        return reader.decode(data) if data.startswith(MAGIC) else json.decode(data)
    except Refused as refused:
        problem = str(refused)
    except RecursionError:
        problem = "nested too deeply to be read from here"
    except MemoryError:
        problem = "too large for the memory of this machine"
    # Raised outside of the handlers: the inner exception is no news to a reader of the traceback.
    raise TraceFileError(f"{shown}: {problem}")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the `.json` format."""
    import json
    from importlib import resources

    text = resources.files(__name__).joinpath("trace.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _suffix(target: str) -> str:
    fitting = [suffix for suffix in SUFFIXES if target.lower().endswith(suffix)]
    if not fitting:
        raise TracelabError(
            f"the suffix of {target!r} names no known format; known suffixes: {', '.join(SUFFIXES)}"
        )
    return max(fitting, key=len)


def _encoder(suffix: str) -> Callable[[Trace, bool], Iterator[str]]:
    room, _, function = SUFFIXES[suffix].partition(":")
    encode: Callable[[Trace, bool], Iterator[str]] = getattr(importlib.import_module(room), function)
    return encode
