"""The `.json` format: a trace as tables and columns, the way it is held in memory.

    {"format": "tracelab", "version": 1,
     "meta": {}, "dropped": 0, "faults": {},
     "sites": [{"kind": "module", "owner": "Linear", "function": "forward", ...}],
     "places": [["script.py", 5]], "lineages": {...}, "sources": {"script.py": "0123456789abcdef"},
     "errors": ["ValueError"], "threads": ["MainThread"],
     "signatures": [[[0], [["mask", 1]]]],       spec ids by position, then by keyword
     "specs": [["tensor", [1, 4], "int64"]],     see `specs`
     "facts": {"0": {"mode": "greedy"}},         by row
     "calls": {"site": [0], "parent": [-1], "start": [0], "duration": [1500], ...}}

Every list in `calls` has one whole number for each call; -1 stands for none, times are nanoseconds.
A trace of more than some thousand calls was packed while it ran, and stays packed: instead of
`signatures`, `specs`, `errors`, `facts` and `calls` its document has `packed` (see there).
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
from ..calls.folded import Folded
from ..events import Site
from . import lineages, packed, plain, rows, specs, tables
from .expect import Refused, at, each, items, mapping, members, text, whole
from .facts import decode as decode_facts
from .facts import encode as encode_facts
from .parser import parse

T = TypeVar("T")

FORMAT = "tracelab"
VERSION = 1

_KEYS = ["meta", "dropped", "faults", "sites", "places", "threads"]
_LATER_KEYS = ["lineages", "sources"]
_FLAT_KEYS = ["errors", "signatures", "specs", "facts", "calls"]


def encode(trace: Trace, fold: bool = True) -> Iterator[str]:
    """The text of a trace in pieces, ASCII only.  `fold=False`: each call by itself in any case."""
    columns = trace.columns
    sections = _packed(columns) if fold and isinstance(columns, Folded) else None
    yield f'{{"format":"{FORMAT}","version":{VERSION}'
    for name, value in [*_about(columns), *(sections or _flat(columns))]:
        yield f',\n"{name}":{_dumps(value)}'
    yield "}\n"


def decode(data: bytes) -> Trace:
    """The trace in a JSON text; `Refused` when there is none."""
    document = parse(data)
    if type(document) is not dict or document.get("format") != FORMAT:
        raise Refused("JSON, but not a trace of tracelab")
    check_version(document.get("version"))
    is_packed = "packed" in document
    members(document, ["format", "version", *_KEYS, *(["packed"] if is_packed else _FLAT_KEYS)], _LATER_KEYS)
    columns = _described(document)
    if is_packed:
        with at("packed"):
            return Trace(packed.decode(columns, document["packed"]))
    _fill(columns, document)
    return Trace(columns)


def _described(document: dict[str, Any]) -> Columns:
    """Columns without calls: what both forms of the document begin with."""
    columns = Columns(
        places=_table(document, "places", tables.decode_place),
        threads=_table(document, "threads", text),
    )
    with at("lineages"):
        columns.lineages = lineages.decode(document["lineages"]) if "lineages" in document else []
    with at("sources"):
        columns.sources = lineages.decode_sources(document.get("sources", {}))
    with at("sites"):
        columns.sites = _sites(document["sites"], "packed" in document, len(columns.lineages))
    with at("meta"):
        columns.meta = plain.decode_mapping(document["meta"])
    with at("dropped"):
        columns.dropped = whole(document["dropped"], 0)
    with at("faults"):
        columns.faults = {text(key): whole(count, 0) for key, count in mapping(document["faults"]).items()}
    return columns


def _sites(value: Any, packed: bool, known: int) -> list[Site]:
    if packed:
        return tables.decode_sites(value, known)
    return each(items(value), lambda site: tables.decode_site(site, known))


def _about(columns: Columns) -> Iterator[tuple[str, object]]:
    yield "meta", plain.encode(columns.meta)
    yield "dropped", columns.dropped
    yield "faults", columns.faults
    yield "places", columns.places
    yield "threads", columns.threads
    if columns.lineages:
        yield "lineages", lineages.encode(columns.lineages)
    if columns.sources:
        yield "sources", columns.sources


def _packed(columns: Folded) -> list[tuple[str, object]] | None:
    """None for what has no packed form within the limits of a reader."""
    try:
        section = packed.encode(columns)
    except packed.Unfit:
        return None
    return [("sites", tables.encode_sites(columns.sites)), ("packed", section)]


def _flat(columns: Columns) -> Iterator[tuple[str, object]]:
    # First the calls: the tables of a packed trace grow while its rows are read.
    calls = {name: getattr(columns, name).tolist() for name in rows.NAMES}
    yield "sites", [tables.encode_site(site) for site in columns.sites]
    yield "errors", [plain.shorten(error) for error in columns.errors]
    yield "signatures", columns.signatures
    yield "specs", [specs.encode(spec) for spec in columns.specs]
    yield "facts", {str(row): encode_facts(facts) for row, facts in columns.facts.items()}
    yield "calls", calls


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def check_version(version: object) -> None:
    """Refuse a version that this reader does not know."""
    if type(version) is not int or version < 1:
        raise Refused(f"unknown version {reprlib.repr(version)}; this tracelab reads up to {VERSION}")
    if version > VERSION:
        raise Refused(f"written by a newer tracelab (version {version}); this one reads up to {VERSION}")


def _table(document: dict[str, Any], name: str, decode: Callable[[Any], T]) -> list[T]:
    with at(name):
        return each(items(document[name]), decode)


def _fill(columns: Columns, document: dict[str, Any]) -> None:
    """Read the calls of a flat document, and what they refer to."""
    columns.errors = _table(document, "errors", text)
    columns.specs = _table(document, "specs", specs.decode)
    known = len(columns.specs)
    columns.signatures = _table(document, "signatures", lambda value: tables.decode_signature(value, known))
    with at("calls"):
        rows.fill(columns, document["calls"])
    with at("facts"):
        facts = mapping(document["facts"])
        numbers = {str(row): row for row in range(len(columns))} if facts else {}
        for key, value in facts.items():
            if key not in numbers:
                raise Refused(f"{reprlib.repr(key)} is no row of this trace")
            with at(f"[{key}]"):
                columns.facts[numbers[key]] = decode_facts(value)
