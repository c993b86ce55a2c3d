"""Recordings packed after the fact, and what a reader sees of columns, flat or folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

from tracelab.calls import Columns
from tracelab.events import UNKNOWN, Lane, Recording
from tracelab.packing import Listed, Packer

NAMES = ("site", "place", "parent", "start", "duration", "status", "thread")


def packed(
    recording: Recording, portions: Iterable[int] = (), left: int = 0, summary: bool = False
) -> Recording:
    """The same recording with its lanes packed, in portions of so many ints, but for the last `left` ints."""
    book = Listed(recording)
    lanes = []
    for lane in recording.lanes:
        packer = Packer(book.given, book.came, recording.visits, summary)
        made = Lane(lane.thread, [], [], packer)
        end = len(lane.rows) - left // 3 * 3
        sizes = chain(portions, repeat(10**9))
        at = 0
        while at < end:
            size = max(1, next(sizes))
            made.rows += lane.rows[at : min(end, at + size)]
            at += size
            block, used = packer.pack(made.rows)
            del made.rows[:used]
            made.blocks.append(block)
        if not left:
            torn = len(made.rows) % 3
            made.blocks.append(packer.pack(made.rows, everything=True)[0])
            made.rows = made.rows[len(made.rows) - torn :]
        made.rows += lane.rows[max(0, end) :]
        lanes.append(made)
    return replace(recording, lanes=lanes)


def seen(columns: Columns) -> list[tuple[Any, ...]]:
    """Each row with its numbers looked up."""
    return list(zip(*(getattr(columns, name) for name in NAMES), *looked_up(columns), strict=True))


def looked_up(columns: Columns) -> Iterator[list[Any]]:
    """Arguments, output, error and facts of each row."""
    yield [arguments(columns, number) for number in columns.inputs]
    yield [None if number == UNKNOWN else columns.specs[number] for number in columns.output]
    yield [None if number == UNKNOWN else columns.errors[number] for number in columns.error]
    yield [columns.facts.get(row) for row in range(len(columns))]


def arguments(columns: Columns, number: int) -> Any:
    if number == UNKNOWN:
        return None
    signature = columns.signatures[number]
    return (
        [columns.specs[at] for at in signature.positional],
        [(name, columns.specs[at]) for name, at in signature.keywords],
    )


def one_by_one(columns: Columns) -> list[tuple[Any, ...]]:
    """The same through `[row]`, from the last row to the first."""
    rows = []
    for row in range(len(columns) - 1, -1, -1):
        inputs, output, error = columns.inputs[row], columns.output[row], columns.error[row]
        rows.append(
            (
                *(getattr(columns, name)[row] for name in NAMES),
                arguments(columns, inputs),
                None if output == UNKNOWN else columns.specs[output],
                None if error == UNKNOWN else columns.errors[error],
                columns.facts.get(row),
            )
        )
    return rows[::-1]
