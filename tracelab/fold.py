"""Events to trace: the flat lanes of a recording become the columns of calls.

Each row of a lane says its depth, so one pass with a stack finds every parent, duration and output.
Lanes of several threads are folded one by one and then merged by start time; inside a lane the order is
kept, so a parent always comes before its children.

Lanes that were packed stay packed (`calls.folded`), unless several threads ran at the same time.
"""

from __future__ import annotations

from array import array
from dataclasses import replace

from .calls import ERROR, OK, OPEN, Columns
from .calls.folded import Folded, Numbering, Overlap
from .events import FACT, UNKNOWN, Lane, Recording
from .packing import Listed, depth_of, row_code, tail, unpack


def fold(recording: Recording, now: int) -> Columns:
    """The columns of everything that `recording` has seen up to the clock reading `now` (nanoseconds)."""
    if not any(lane.blocks for lane in recording.lanes):
        return _flat(recording, now)
    try:
        return Folded(recording, now)
    except Overlap:
        return _flat(unfolded(recording), now)


def _flat(recording: Recording, now: int) -> Columns:
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
        lineages=recording.lineages,
        sources=recording.sources,
    )
    for number, lane in enumerate(recording.lanes):
        _fold_lane(columns, recording, lane, number, now)
    if len(recording.lanes) > 1:
        _sort_by_start(columns)
    return columns


def unfolded(recording: Recording) -> Recording:
    """The same recording with all blocks unpacked; its numbers are those of new tables."""
    numbering = Numbering()
    lanes = []
    for lane in recording.lanes:
        book = lane.packer or Listed(recording)
        rows: list[int] = []
        for block in lane.blocks:
            for code, meaning, clock in unpack(block, lane.packer.tables):
                rows += (code, numbering.number(meaning), clock)
        for code, meaning, clock in tail(lane.rows, book):
            plain = row_code(code)
            rows += (plain, numbering.number(meaning), depth_of(code) if plain == FACT else clock)
        lanes.append(Lane(lane.thread, rows))
    return replace(
        recording,
        lanes=lanes,
        specs=numbering.specs,
        signatures=numbering.signatures,
        errors=numbering.errors,
    )


def _fold_lane(columns: Columns, recording: Recording, lane: Lane, thread: int, now: int) -> None:
    began = recording.started
    # A snapshot of a running thread may end in the middle of an event: whole triples only.
    whole = len(lane.rows) // 3 * 3
    events = zip(lane.rows[0:whole:3], lane.rows[1:whole:3], lane.rows[2:whole:3], strict=True)
    first = row = len(columns)
    # Plain lists while the rows are written: storing into an array converts each number.
    visits: list[int] = []
    inputs: list[int] = []
    parents: list[int] = []
    starts: list[int] = []
    count = len(lane.rows) // 3
    outputs, ends, statuses, errors = [UNKNOWN] * count, [now] * count, [OPEN] * count, [UNKNOWN] * count
    depth_of = [visit.depth for visit in recording.visits]
    # For each depth the calls that have not ended, latest last.  Several, where a signal handler or finalizer
    # made a call while the end of another was still to be noted, or where that end was lost.
    waiting: list[list[int]] = []
    for code, value, clock in events:
        if code >= 0:
            depth = depth_of[code]
            del waiting[depth + 1 :]  # an interrupt swallowed the end of these: they stay open
            while len(waiting) <= depth:
                waiting.append([])
            above = depth - 1
            while above >= 0 and not waiting[above]:
                above -= 1
            parents.append(waiting[above][-1] if above >= 0 else UNKNOWN)
            waiting[depth].append(row)
            visits.append(code)
            inputs.append(value)
            starts.append(clock)
            row += 1
        elif code == FACT:
            columns.facts.setdefault(waiting[clock][-1], {}).update(recording.facts[value])
        else:
            depth, failed = divmod(-2 - code, 2)
            closed = waiting[depth].pop() - first
            ends[closed] = clock
            statuses[closed] = ERROR if failed else OK
            (errors if failed else outputs)[closed] = value
    size = row - first
    columns.site.extend(recording.visits[code].site for code in visits)
    columns.place.extend(recording.visits[code].place for code in visits)
    columns.inputs.extend(inputs)
    columns.output.extend(outputs[:size])
    columns.parent.extend(parents)
    columns.start.extend(clock - began for clock in starts)
    columns.duration.extend(end - start for start, end in zip(starts, ends[:size], strict=True))
    columns.status.extend(statuses[:size])
    columns.error.extend(errors[:size])
    columns.thread.extend([thread] * size)


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
    columns.parent = array(
        "i", (UNKNOWN if above[old] == UNKNOWN else renumbered[above[old]] for old in rows)
    )
    columns.facts = {renumbered[old]: facts for old, facts in columns.facts.items()}
