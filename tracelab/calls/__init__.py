"""What a reader sees: `Trace`, a forest of `Call`s.

A trace may hold a million calls, so it is stored as columns (one compact array for each attribute) over
tables of what many calls share.  A `Call` is a view of one row: made when it is asked for, equal to any
other view of the same row.  Nothing here needs torch: a trace is read where torch is not installed.

    columns   the stored form
    index     who stands below whom in it
    again     what autograd has called
    call      one call, a view of one row
    chain     the functions between two calls
    step      one pass of an outer loop
    loss      one loss
    head      the head of one model
    listing   the source of one function, with what was seen of its lines
    path      where a tensor went
    why       the way to one call
    tokenrow  one row of a batch, token by token
    quiet     making a million calls at once
    trace     the forest, and the table of what can be asked of it
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .again import made_by_autograd
from .call import Call, Times, bind, is_below
from .columns import ERROR, OK, OPEN, STATUSES, Columns
from .quiet import quiet
from .step import CacheLayer, Step
from .trace import ANSWERS, Calls, Trace

if TYPE_CHECKING:
    from .chain import Chain, Link
    from .choice import Choice, Choices, Stage
    from .comparison import Comparison, Difference
    from .generation import Generation
    from .head import Head
    from .listing import Column, Listing, Listings, SourceLine
    from .loss import BY_CALLER, BY_INPUTS, INSIDE, LabelPlace, Loss
    from .path import Branch, Path, PathHop
    from .tokenrow import Token, TokenBatch, TokenRow
    from .why import Given, Hop, Why

__all__ = [
    "ANSWERS",
    "BY_CALLER",
    "BY_INPUTS",
    "ERROR",
    "INSIDE",
    "OK",
    "OPEN",
    "STATUSES",
    "Branch",
    "CacheLayer",
    "Call",
    "Calls",
    "Chain",
    "Choice",
    "Choices",
    "Column",
    "Columns",
    "Comparison",
    "Difference",
    "Generation",
    "Given",
    "Head",
    "Hop",
    "LabelPlace",
    "Link",
    "Listing",
    "Listings",
    "Loss",
    "Path",
    "PathHop",
    "SourceLine",
    "Stage",
    "Step",
    "Times",
    "Token",
    "TokenBatch",
    "TokenRow",
    "Trace",
    "Why",
    "bind",
    "is_below",
    "made_by_autograd",
    "quiet",
]

_ROWS = {
    "chain": ("Chain", "Link"),
    "choice": ("Choice", "Choices", "Stage"),
    "comparison": ("Comparison", "Difference"),
    "generation": ("Generation",),
    "head": ("Head",),
    "listing": ("Column", "Listing", "Listings", "SourceLine"),
    "loss": ("BY_CALLER", "BY_INPUTS", "INSIDE", "LabelPlace", "Loss"),
    "path": ("Branch", "Path", "PathHop"),
    "why": ("Given", "Hop", "Why"),
    "tokenrow": ("Token", "TokenBatch", "TokenRow"),
}
"""What answers are made of is loaded with the first answer: a class of rows takes a millisecond to make."""


def __getattr__(name: str) -> Any:
    for room, names in _ROWS.items():
        if name in names:
            return getattr(importlib.import_module(f".{room}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
