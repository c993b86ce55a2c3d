"""Running calls to events: the hot path.

    target      what a wrapper and a recorder say to each other about a callee
    active      which recorders are running
    wrapper     stands in for a traced method: the hot path
    torch_call  what torch does between a module and its forward, as far as the hot path does it itself
    looks_up    which forwards name a line above their own, for which torch's frames must be there
    general     stands in for anything else, and for calls that are not like the last one
    tracebacks  keeps our lines out of the host's tracebacks, warnings and compiled graphs
    came        what a number in a row stands for
    recorder    turns what a wrapper reports into rows of a lane
    callees     what is known of the callees, and who called them
    backward    whether autograd is running
    stacks      one writer for each thread, and for each greenlet
    known       what is remembered of a class, a callee, a thread
    following   which tensors went into a call and came out, by number
    lines       between the wrapper and whoever watches the lines of a call
    chains      the functions between two calls
    noise       which of them only hand on
    tally       a counter that needs no lock
    remarks     what a reader has to know of the whole
    price       what recording a call costs here

`instruments` say what stands behind a wrapper, `fold` reads what the recorder wrote.
"""

from __future__ import annotations

from . import active
from .general import general, reporter
from .lines import Watchers
from .price import price_of_a_call
from .recorder import Recorder
from .target import Facts, Locator, Target, Tells
from .tracebacks import hide_our_lines, is_ours, original_of, stub, unseen
from .wrapper import wrap

__all__ = [
    "Facts",
    "Locator",
    "Recorder",
    "Target",
    "Tells",
    "Watchers",
    "active",
    "general",
    "hide_our_lines",
    "is_ours",
    "original_of",
    "price_of_a_call",
    "reporter",
    "stub",
    "unseen",
    "wrap",
]
