"""Events to trace: the flat lanes of a recording become the columns of calls.

Entries and exits nest like brackets, so one pass with a stack finds every parent, duration and output.
Lanes of several threads are folded one by one and then merged by start time; inside a lane the order is
kept, so a parent always comes before its children.
"""

from __future__ import annotations

from array import array

from .calls import ERROR, OK, OPEN, Columns
from .events import LOST, RETURN, UNKNOWN, Lane, Recording


def fold(recording: Recording, now: int) -> Columns:
    """The columns of everything that `recording` has seen up to the clock reading `now` (nanoseconds)."""
    columns = Columns(
        sites=recording.sites,
        places=recording.places,
        specs=recording.specs,
        signatures=recording.signatures,
        errors=recording.errors,
        threads=[lane.thread for lane in recording.lanes],
        dropped=recording.dropped,
        faults=dict(recording.faults),
        meta=dict(recording.meta),
    )
    first_rows = []
    for number, lane in enumerate(recording.lanes):
        first_rows.append(len(columns))
        _fold_lane(columns, recording, lane, number, now)
    order = _start_order(columns, len(recording.lanes))
    for (lane_number, entry), facts in list(recording.facts.items()):
        if entry < _lane_size(first_rows, lane_number, len(columns)):
            row = first_rows[lane_number] + entry
            columns.facts[row if order is None else order[row]] = facts
    return columns


def _fold_lane(columns: Columns, recording: Recording, lane: Lane, thread: int, now: int) -> None:
    visits = recording.visits
    began = recording.started
    rows = lane.rows
    stack: list[int] = []
    # A snapshot of a running thread may end in the middle of an event: whole triples only.
    for at in range(0, len(rows) // 3 * 3, 3):
        code, value, clock = rows[at], rows[at + 1], rows[at + 2]
        if code >= 0:
            visit = visits[code]
            row = len(columns.site)
            columns.site.append(visit.site)
            columns.place.append(visit.place)
            columns.inputs.append(value)
            columns.output.append(UNKNOWN)
            columns.parent.append(stack[-1] if stack else UNKNOWN)
            columns.start.append(clock - began)
            columns.duration.append(now - clock)
            columns.status.append(OPEN)
            columns.error.append(UNKNOWN)
            columns.thread.append(thread)
            stack.append(row)
            continue
        row = stack.pop()
        if code == LOST:
            continue
        columns.duration[row] = clock - began - columns.start[row]
        if code == RETURN:
            columns.status[row] = OK
            columns.output[row] = value
        else:
            columns.status[row] = ERROR
            columns.error[row] = value


def _start_order(columns: Columns, lanes: int) -> list[int] | None:
    """Sort the rows of several lanes by start; returns the new number of each old row, None if unchanged."""
    if lanes < 2:
        return None
    rows = sorted(range(len(columns)), key=columns.start.__getitem__)
    renumbered = [0] * len(rows)
    for new, old in enumerate(rows):
        renumbered[old] = new
    for name in ("site", "place", "inputs", "output", "start", "duration", "status", "error", "thread"):
        column: array[int] = getattr(columns, name)
        setattr(columns, name, array(column.typecode, (column[old] for old in rows)))
    parents = columns.parent
    columns.parent = array(
        parents.typecode, (UNKNOWN if parents[old] == UNKNOWN else renumbered[parents[old]] for old in rows)
    )
    return renumbered


def _lane_size(first_rows: list[int], lane: int, total: int) -> int:
    end = first_rows[lane + 1] if lane + 1 < len(first_rows) else total
    return end - first_rows[lane]
