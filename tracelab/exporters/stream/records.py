"""What is new since the last time, as lines.

A recording only grows, with two exceptions: a site may turn out to belong to a larger model than was known,
and a row of a table may be asked for while another thread is storing it.  Such rows are written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from json import dumps  # bound here: hosts mock it
from typing import Any

from ...events import Lane, Recording
from ...packing import Times, is_fact, tail
from .. import blocks, lineages, plain, tables
from ..facts import encode as encode_facts
from ..ledger import Ledger, encode_times
from . import FORMAT

VERSION = 1


@dataclass(slots=True)
class Progress:
    """How much of a lane was written: blocks, the events in them, and events in all."""

    blocks: int = 0
    packed: int = 0
    events: int = 0


class Records:
    """Turns snapshots of a growing recording into lines."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._lanes: list[Progress] = []
        self._times: dict[int, Times] = {}
        self._meta: dict[str, Any] | None = None
        self._sources: dict[str, str] = {}
        self._texts = lineages.Texts()
        self._encoders = {"lineages": self._texts.encode, **_ROWS}
        self._rows: dict[str, list[Any]] = {name: [] for name in self._encoders}

    def since(self, seen: Recording, now: int) -> list[str]:
        """What is new in a snapshot; the lanes must not be settled."""
        lanes = [
            line for number, lane in enumerate(seen.lanes) for line in self._lane(number, lane, seen, now)
        ]
        found = []
        if seen.meta != self._meta:
            self._meta = seen.meta
            found.append({"meta": plain.encode(seen.meta)})
        if seen.sources != self._sources:
            self._sources = seen.sources
            found.append({"sources": seen.sources})
        found += [*self._tables(seen), *lanes]
        state = {"now": now - seen.started, "dropped": seen.dropped, "faults": seen.faults}
        return [line_of(record) for record in [*found, state]]

    def _tables(self, seen: Recording) -> Iterator[dict[str, Any]]:
        """The rows that the lanes refer to; to be asked after the lanes."""
        threads = [lane.thread for lane in seen.lanes]
        new = {}
        for name, encode in self._encoders.items():
            rows = threads if name == "threads" else getattr(seen, name)
            known = self._rows[name]
            fresh = [
                [number, encode(row)]
                for number, row in enumerate(rows)
                if number >= len(known) or (known[number] is not row and known[number] != row)
            ]
            if fresh:
                new[name] = fresh
                self._rows[name] = list(rows)
        texts = self._texts.take()
        if texts:
            new["texts"] = texts
        if new:
            yield new
        grown = self._ledger.take()
        if any(grown.values()):
            yield grown
        times = [
            (number, sums) for number, sums in self._ledger.times().items() if self._is_new(number, sums)
        ]
        if times:
            yield {"times": [[number, encode_times(sums)] for number, sums in times]}

    def _is_new(self, number: int, sums: Times) -> bool:
        known, self._times[number] = self._times.get(number), sums
        return known is not sums

    def _lane(self, number: int, lane: Lane, seen: Recording, now: int) -> Iterator[dict[str, Any]]:
        while number >= len(self._lanes):
            self._lanes.append(Progress())
        done = self._lanes[number]
        for block in lane.blocks[done.blocks :]:
            if block.events:
                value = blocks.encode(block, lane.packer.tables, self._ledger, seen.started)
                yield {"lane": number, "at": done.packed, "block": value}
            done.blocks += 1
            done.packed += block.events
        done.events = max(done.events, done.packed)
        rest = tail(lane.rows[3 * (done.events - done.packed) :], lane.packer)
        if not rest.codes:
            return
        if all(map(is_fact, rest.codes)):
            rest = replace(rest, clocks=[now] * len(rest.codes))  # facts have no clock of their own
        value = blocks.encode_tail(rest, self._ledger, seen.started)
        yield {"lane": number, "at": done.events, "tail": value}
        done.events += len(rest.codes)


def header() -> bytes:
    """The first line."""
    return line_of({"format": FORMAT, "version": VERSION}).encode("ascii")


def line_of(record: dict[str, Any]) -> str:
    """A record as a line."""
    return dumps(record, separators=(",", ":"), allow_nan=False) + "\n"


_ROWS: dict[str, Callable[[Any], Any]] = {
    "sites": tables.encode_site,
    "places": list,
    "visits": list,
    "facts": encode_facts,
    "threads": str,
}
