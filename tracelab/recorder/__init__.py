"""Running calls to events: the hot path.

    target      what a wrapper and a recorder say to each other about a callee
    active      which recorders are running
    wrapper     stands in for a traced method: the hot path
    torch_call  what torch does between a module and its forward, as far as the hot path does it itself
    general     stands in for anything else, and for calls that are not like the last one
    tracebacks  keeps our lines out of the host's tracebacks and warnings
    recorder    turns what a wrapper reports into rows of a lane
    callees     what is known of the callees, and who called them
    stacks      one writer for each thread, and for each greenlet
    known       what is remembered of a class, a callee, a thread
    tally       a counter that needs no lock

`instruments` say what stands behind a wrapper, `fold` reads what the recorder wrote.
"""

from __future__ import annotations

from . import active
from .recorder import Recorder
from .target import Facts, Locator, Target
from .tracebacks import hide_our_lines, original_of
from .wrapper import wrap

__all__ = ["Facts", "Locator", "Recorder", "Target", "active", "hide_our_lines", "original_of", "wrap"]
