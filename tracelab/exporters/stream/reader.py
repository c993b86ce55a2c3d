"""Lines to a trace.

First the lines are put together: rows into their tables, blocks into their lanes, tails where no block has
come.  Then everything is read and checked as in a packed `.json`.  A stream that has no end is a trace too;
its calls that were running are open until the last thing that was written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ...calls import Columns, Trace
from ...packing import LOOSE, Block, loose_block
from .. import limits, lineages, packed, plain, tables, unblocks
from ..expect import Refused, at, items, mapping, members, text, unexpected, whole
from ..facts import decode as decode_facts
from ..json import check_version
from ..parser import measure, parse
from ..shelf import Shelf
from . import FORMAT

T = TypeVar("T")

UNFINISHED = "unfinished"
"""Stands in the meta of a trace whose recording has no end."""

_TABLES = ("texts", "lineages", "sites", "places", "visits", "facts", "threads")
_GROWING = ("forms", "meanings", "templates")


class Piece(NamedTuple):
    """Events of a lane as they stand in a line, and how many of the first came again in a block."""

    line: int
    kind: str
    value: Any
    ends: int
    skip: int = 0


class Strip:
    """The pieces of one lane: blocks, then tails that no block has replaced."""

    def __init__(self) -> None:
        self.blocks: list[Piece] = []
        self.tails: deque[Piece] = deque()
        self._packed = 0

    def add(self, document: dict[str, Any], line: int) -> None:
        """Put in what a line says."""
        kind = "tail" if "tail" in document else "block"
        found = members(document, ["lane", "at", kind])
        value = mapping(found[kind])
        known = self.tails[-1].ends if kind == "tail" and self.tails else self._packed
        begins = whole(found["at"], 0)
        if begins != known:
            raise Refused(f"these events begin at {begins}, expected {known}")
        with at(f"{kind}.events"):
            ends = begins + whole(value.get("events"), 1, limits.EVENTS)
        piece = Piece(line, kind, value, ends)
        if kind == "tail":
            self.tails.append(piece)
        else:
            self._pack(piece)

    def pieces(self) -> list[Piece]:
        """All pieces, in order."""
        return [*self.blocks, *self.tails]

    def _pack(self, block: Piece) -> None:
        self.blocks.append(block)
        begins, self._packed = self._packed, block.ends
        tails = self.tails
        while tails and tails[0].ends <= block.ends:
            begins = tails.popleft().ends
        if tails:
            # The skip counts from the beginning of the tail, which may lie before an earlier block's end.
            tails[0] = tails[0]._replace(skip=tails[0].skip + block.ends - begins)


@dataclass(slots=True)
class Told:
    """What all lines have said."""

    rows: dict[str, list[tuple[int, Any]]] = field(default_factory=lambda: {name: [] for name in _TABLES})
    grown: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _GROWING})
    strips: list[Strip] = field(default_factory=list)
    times: dict[int, Any] = field(default_factory=dict)
    meta: Any = field(default_factory=dict)
    sources: Any = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=lambda: {"now": 0, "dropped": 0, "faults": {}})
    end: int | None = None


def decode(data: bytes) -> Trace:
    """The trace in the lines of a stream; `Refused` when there is none."""
    if data.count(b"\n") > limits.LINES:
        raise Refused(f"more than {limits.LINES} lines")
    lines = data.split(b"\n")
    lines.pop()  # nothing, or a line that was torn when the program was killed
    if not lines:
        raise Refused("a stream that ends in its first line")
    measure(data)
    told = Told()
    for number, line in enumerate(lines, 1):
        with at(f"line {number}"):
            document = parse(line)
            if type(document) is not dict:
                raise unexpected("an object", document)
            if number == 1:
                members(document, ["format", "version"])
                check_version(document["version"] if document["format"] == FORMAT else None)
            else:
                _take(told, document, number)
    return Trace(_columns(told))


def _take(told: Told, document: dict[str, Any], line: int) -> None:
    """Put what a line says where it belongs."""
    if told.end is not None:
        raise Refused("something follows the end")
    if "lane" in document:
        _take_events(told, document, line)
    elif "now" in document:
        told.state = members(document, ["now", "dropped", "faults"])
    elif "end" in document:
        told.end = whole(members(document, ["end"])["end"], -limits.CLOCK, limits.CLOCK)
    elif "meta" in document:
        told.meta = members(document, ["meta"])["meta"]
    elif "sources" in document:
        told.sources = members(document, ["sources"])["sources"]
    elif "times" in document:
        for pair in items(members(document, ["times"])["times"]):
            number, sums = items(pair, 2, 2)
            told.times[whole(number, 0)] = sums
    else:
        for name, rows in members(document, [], [*_TABLES, *_GROWING]).items():
            with at(name):
                _take_rows(told, name, items(rows), line)


def _take_rows(told: Told, name: str, rows: list[Any], line: int) -> None:
    if name in _GROWING:
        told.grown[name] += rows
        return
    known = told.rows[name]
    for row in rows:
        number, value = items(row, 2, 2)
        if whole(number, 0, len(known)) == len(known):
            known.append((line, value))
        else:
            known[number] = (line, value)


def _take_events(told: Told, document: dict[str, Any], line: int) -> None:
    lane = whole(document["lane"], 0, len(told.rows["threads"]) - 1)
    while lane >= len(told.strips):
        told.strips.append(Strip())
    told.strips[lane].add(document, line)


def _columns(told: Told) -> Columns:
    texts = _table(told, "texts", text)
    known = _table(told, "lineages", lambda row: lineages.decode_row(row, texts))
    with at("sources"):
        sources = lineages.decode_sources(told.sources)
    columns = Columns(
        lineages=known,
        sources=sources,
        sites=_table(told, "sites", lambda site: tables.decode_site(site, len(known))),
        places=_table(told, "places", tables.decode_place),
        threads=_table(told, "threads", text),
        meta=plain.decode_mapping(told.meta),
        dropped=whole(told.state["dropped"], 0),
        faults={text(key): whole(count, 0) for key, count in mapping(told.state["faults"]).items()},
    )
    facts = _table(told, "facts", decode_facts)
    visits = _table(told, "visits", lambda row: items(row, 3, 3))
    shelf = Shelf(columns.sites, len(columns.places), _turned(visits), len(facts))
    for number, sums in told.times.items():
        whole(number, 0, len(told.grown["templates"]) - 1)
        mapping(told.grown["templates"][number])["times"] = sums
    shelf.fill(*told.grown.values())
    lanes = [[_block(piece, shelf) for piece in strip.pieces()] for strip in told.strips]
    lanes += [[] for _ in range(len(columns.threads) - len(lanes))]
    now = told.end
    if now is None:
        columns.meta[UNFINISHED] = True
        last = [clock for lane in lanes for block in lane for clock in block.clocks()[-1:]]
        now = max([whole(told.state["now"], -limits.CLOCK, limits.CLOCK), *last])
    return packed.joined(columns, shelf, facts, lanes, now)


def _table(told: Told, name: str, decode: Callable[[Any], T]) -> list[T]:
    made = []
    for line, value in told.rows[name]:
        with at(f"line {line}"), at(name):
            made.append(decode(value))
    return made


def _turned(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows of three as three columns."""
    return [[row[at] for row in rows] for at in range(3)]


def _block(piece: Piece, shelf: Shelf) -> Block:
    with at(f"line {piece.line}"), at(piece.kind):
        block = unblocks.decode(piece.value, shelf)
        if piece.kind == "block":
            return block
        if list(block.templates) != [LOOSE]:
            raise Refused("the events of a tail have no templates")
        skip = piece.skip
        return loose_block(block.loose_codes[skip:], block.loose_meanings[skip:], block.clocks()[skip:])
