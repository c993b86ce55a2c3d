"""Events to trace: the flat lanes of a recording become the columns of calls.

Each row of a lane says its depth, so one pass with a stack finds every parent, duration and output.
Lanes of several threads are folded one by one and then merged by start time; inside a lane the order is
kept, so a parent always comes before its children.
"""

from __future__ import annotations

from array import array

from .calls import ERROR, OK, OPEN, Columns
from .events import FACT, UNKNOWN, Lane, Recording, Visit


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
    for number, lane in enumerate(recording.lanes):
        _fold_lane(columns, recording, lane, number, now)
    if len(recording.lanes) > 1:
        _sort_by_start(columns)
    return columns


def _fold_lane(columns: Columns, recording: Recording, lane: Lane, thread: int, now: int) -> None:
    began = recording.started
    rows = lane.rows
    stack: list[int] = []
    # A snapshot of a running thread may end in the middle of an event: whole triples only.
    for at in range(0, len(rows) // 3 * 3, 3):
        code, value, clock = rows[at], rows[at + 1], rows[at + 2]
        if code >= 0:
            visit = recording.visits[code]
            del stack[visit.depth :]  # an interrupt swallowed the end of these: they stay open
            stack.append(_open(columns, visit, value, clock - began, stack, thread))
            columns.duration[-1] = now - clock
        elif code == FACT:
            columns.facts.setdefault(stack[clock], {}).update(recording.facts[value])
        else:
            depth, failed = divmod(-2 - code, 2)
            row = stack[depth]
            del stack[depth:]
            columns.duration[row] = clock - began - columns.start[row]
            columns.status[row] = ERROR if failed else OK
            (columns.error if failed else columns.output)[row] = value


def _open(columns: Columns, visit: Visit, inputs: int, start: int, stack: list[int], thread: int) -> int:
    columns.site.append(visit.site)
    columns.place.append(visit.place)
    columns.inputs.append(inputs)
    columns.output.append(UNKNOWN)
    columns.parent.append(stack[-1] if stack else UNKNOWN)
    columns.start.append(start)
    columns.duration.append(0)
    columns.status.append(OPEN)
    columns.error.append(UNKNOWN)
    columns.thread.append(thread)
    return len(columns.site) - 1


def _sort_by_start(columns: Columns) -> None:
    """Merge the rows of several lanes by start; rows of one lane keep their order."""
    rows = sorted(range(len(columns)), key=columns.start.__getitem__)
    renumbered = array("i", bytes(4 * len(rows)))
    for new, old in enumerate(rows):
        renumbered[old] = new
    for name in ("site", "place", "inputs", "output", "start", "duration", "status", "error", "thread"):
        column: array[int] = getattr(columns, name)
        setattr(columns, name, array(column.typecode, (column[old] for old in rows)))
    above = columns.parent
    columns.parent = array("i", (UNKNOWN if above[old] == UNKNOWN else renumbered[above[old]] for old in rows))
    columns.facts = {renumbered[old]: facts for old, facts in columns.facts.items()}
