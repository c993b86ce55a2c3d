"""The `.json` format: a trace as tables and columns, the way it is held in memory.

    {"format": "tracelab", "version": 1,
     "meta": {}, "dropped": 0, "faults": {},
     "sites": [{"kind": "module", "owner": "Linear", "function": "forward", ...}],
     "places": [["script.py", 5]],
     "errors": ["ValueError"], "threads": ["MainThread"],
     "signatures": [[[0], [["mask", 1]]]],       spec ids by position, then by keyword
     "specs": [["tensor", [1, 4], "int64"]],     see `specs`
     "facts": {"0": {"mode": "greedy"}},         by row
     "calls": {"site": [0], "parent": [-1], "start": [0], "duration": [1500], ...}}

Every list in `calls` has one whole number for each call; -1 stands for none, times are nanoseconds.
`trace.schema.json` says it in full.  What a schema cannot say is checked here: each number in `calls`
and `signatures` points into its table, and a parent stands before its children.

Only what stands in the columns is written: what a trace may know was decided while it was recorded.

Gotcha: two texts differ after the round trip in one case, a lone high surrogate followed by a lone low
one, which JSON cannot tell from the character that the pair stands for.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..calls import Columns, Trace
from . import plain, rows, specs, tables
from .expect import Refused, at, each, items, mapping, members, text, whole
from .parser import parse

T = TypeVar("T")

FORMAT = "tracelab"
VERSION = 1

_KEYS = ["meta", "dropped", "faults", "sites", "places", "errors", "threads", "signatures", "specs", "facts"]


def encode(trace: Trace) -> Iterator[str]:
    """The text of a trace in pieces, ASCII only."""
    columns = trace.columns
    yield f'{{"format":"{FORMAT}","version":{VERSION}'
    for name, value in _sections(columns):
        yield f',\n"{name}":{_dumps(value)}'
    lead = ',\n"calls":{'
    for name in rows.NAMES:
        yield f'{lead}\n"{name}":{_dumps(getattr(columns, name).tolist())}'
        lead = ","
    yield "}}\n"


def decode(data: bytes) -> Trace:
    """The trace in a JSON text; `Refused` when there is none."""
    document = parse(data)
    if type(document) is not dict or document.get("format") != FORMAT:
        raise Refused("JSON, but not a trace of tracelab")
    _check_version(document.get("version"))
    members(document, ["format", "version", *_KEYS, "calls"])
    columns = Columns(
        sites=_table(document, "sites", tables.decode_site),
        places=_table(document, "places", tables.decode_place),
        errors=_table(document, "errors", text),
        threads=_table(document, "threads", text),
        specs=_table(document, "specs", specs.decode),
    )
    known = len(columns.specs)
    columns.signatures = _table(document, "signatures", lambda value: tables.decode_signature(value, known))
    with at("calls"):
        rows.fill(columns, document["calls"])
    _annotate(columns, document)
    return Trace(columns)


def _sections(columns: Columns) -> Iterator[tuple[str, object]]:
    yield "meta", plain.encode(columns.meta)
    yield "dropped", columns.dropped
    yield "faults", columns.faults
    yield "sites", [tables.encode_site(site) for site in columns.sites]
    yield "places", columns.places
    yield "errors", [plain.shorten(error) for error in columns.errors]
    yield "threads", columns.threads
    yield "signatures", columns.signatures
    yield "specs", [specs.encode(spec) for spec in columns.specs]
    yield "facts", {str(row): plain.encode(facts) for row, facts in columns.facts.items()}


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _check_version(version: object) -> None:
    if type(version) is not int or version < 1:
        raise Refused(f"unknown version {reprlib.repr(version)}; this tracelab reads up to {VERSION}")
    if version > VERSION:
        raise Refused(f"written by a newer tracelab (version {version}); this one reads up to {VERSION}")


def _table(document: dict[str, Any], name: str, decode: Callable[[Any], T]) -> list[T]:
    with at(name):
        return each(items(document[name]), decode)


def _annotate(columns: Columns, document: dict[str, Any]) -> None:
    """Read what stands beside the calls: facts, and what is known about the recording."""
    with at("meta"):
        columns.meta = _plain_mapping(document["meta"])
    with at("dropped"):
        columns.dropped = whole(document["dropped"], 0)
    with at("faults"):
        columns.faults = {text(key): whole(count, 0) for key, count in mapping(document["faults"]).items()}
    with at("facts"):
        facts = mapping(document["facts"])
        known = {str(row): row for row in range(len(columns))} if facts else {}
        for key, value in facts.items():
            if key not in known:
                raise Refused(f"{reprlib.repr(key)} is no row of this trace")
            with at(f"[{key}]"):
                columns.facts[known[key]] = _plain_mapping(value)


def _plain_mapping(value: Any) -> dict[str, Any]:
    """Facts or meta: anything plain inside, a dict outside."""
    found = plain.decode(mapping(value))
    if type(found) is not dict:
        raise Refused("expected names with their values")
    return found
