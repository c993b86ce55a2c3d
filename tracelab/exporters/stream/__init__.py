"""The `.jsonl` stream: a trace that is on disk while it is recorded, and survives a killed process.

One JSON object a line, ASCII.  A line says what is new; nothing that was written is ever changed.

    {"format": "tracelab-stream", "version": 1}
    {"meta": {...}}                                      replaces what was said before
    {"sources": {"a.py": "0123456789abcdef"}}            the same
    {"texts": [[0, "Linear"]], "lineages": [[0, {...}]], "sites": [[0, {...}]], "places": [[0, ["a.py", 5]]],
     "visits": [[0, [0, 0, 0]]], "facts": [[0, {...}]], "threads": [[0, "MainThread"]]}
                                                         rows by number; a later one replaces
    {"forms": [...], "meanings": [...], "templates": [...]}     further rows, see `packed`
    {"times": [[0, [...]]]}                              sums of times of a template up to now
    {"lane": 0, "at": 0, "block": {...}}                 events of a lane for good
    {"lane": 0, "at": 8190, "tail": {...}}               events that are not packed yet
    {"now": 1500, "dropped": 0, "faults": {}}            after all that a flush has written
    {"end": 1600}                                        the recording is over

`at` counts the events of the lane.  A `tail` holds only until the block comes that has the same events; a
reader takes it where there is none.  Only the last line may be torn.

    records   what is new since the last time, as lines
    file      the descriptor: our own file or nothing
    place     the path: one trace, one file
    writer    the thread that writes
    reader    lines to a trace
"""

from __future__ import annotations

FORMAT = "tracelab-stream"
MAGIC = b'{"format":"tracelab-stream"'
"""How the first line begins."""

SUFFIX = ".jsonl"
