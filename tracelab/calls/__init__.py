"""What a reader sees: `Trace`, a forest of `Call`s.

A trace may hold a million calls, so it is stored as columns (one compact array for each attribute) over
tables of what many calls share.  A `Call` is a view of one row: made when it is asked for, equal to any
other view of the same row.  Nothing here needs torch: a trace is read where torch is not installed.

    columns   the stored form
    index     who stands below whom in it
    again     what autograd has called
    call      one call, a view of one row
    step      one pass of an outer loop
    tokenrow  one row of a batch, token by token
    quiet     making a million calls at once
    trace     the forest, and the table of what can be asked of it
"""

from __future__ import annotations

from .again import made_by_autograd
from .call import Call, Times, bind, is_below
from .choice import Choice, Choices, Stage
from .columns import ERROR, OK, OPEN, STATUSES, Columns
from .comparison import Comparison, Difference
from .generation import Generation
from .quiet import quiet
from .step import CacheLayer, Step
from .tokenrow import Token, TokenBatch, TokenRow
from .trace import ANSWERS, Calls, Trace

__all__ = [
    "ANSWERS",
    "ERROR",
    "OK",
    "OPEN",
    "STATUSES",
    "CacheLayer",
    "Call",
    "Calls",
    "Choice",
    "Choices",
    "Columns",
    "Comparison",
    "Difference",
    "Generation",
    "Stage",
    "Step",
    "Times",
    "Token",
    "TokenBatch",
    "TokenRow",
    "Trace",
    "bind",
    "is_below",
    "made_by_autograd",
    "quiet",
]
