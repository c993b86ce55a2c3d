"""Take the lines of tracelab out of a traceback.

They stand at its beginning, because we started the program, and may stand in its middle, where the
program went through something of ours: an import that we watch, a wrapper that was interrupted.  A
traceback is a linked list whose links can be set, so the entries are kept and only chained anew.
"""

from __future__ import annotations

from itertools import pairwise
from types import TracebackType


def cut_ours(error: BaseException) -> None:
    """Take the lines of tracelab out of the traceback of `error` and of all that it came from."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = _without_ours(current.__traceback__)
        waiting += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    kept: list[TracebackType] = []
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__"))
        starting = module.startswith("importlib") and not kept
        if module.partition(".")[0] != __name__.partition(".")[0] and not starting:
            kept.append(traceback)
        traceback = traceback.tb_next
    for above, below in pairwise(kept):
        above.tb_next = below
    if not kept:
        return None
    kept[-1].tb_next = None
    return kept[0]
