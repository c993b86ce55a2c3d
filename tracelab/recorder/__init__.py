"""Running calls to events: the hot path.

    target     what a wrapper and a recorder say to each other about a callee
    active     which recorders are running
    wrapper    stands in for a traced function
    recorder   turns what the wrapper reports into rows of a lane
    tally      a counter that needs no lock

`instruments` say what stands behind a wrapper, `fold` reads what the recorder wrote.
"""

from __future__ import annotations

from . import active
from .recorder import Recorder
from .target import Facts, Locator, Target
from .wrapper import hide_our_lines, original_of, wrap

__all__ = ["Facts", "Locator", "Recorder", "Target", "active", "hide_our_lines", "original_of", "wrap"]
