"""The columns of a trace that stays packed: read like arrays, never unfolded.

A trace of a million calls is some thousand instances of a few templates.  `Folded` has the attributes of
`Columns`, and each of its columns answers `len`, `[row]` and iteration out of the templates.

    numbering   numbers for the specs, signatures and errors that somebody looked at
    pattern     what a template says of the calls of each of its instances
    loose       calls that are part of no clean instance, one by one
    layout      which rows belong to which instance
    column      one virtual column
    clocks      starts and durations
    values      what stands in the columns
    family      children, sizes and twins
    folded      all of it, as `Columns`
"""

from __future__ import annotations

from .folded import Folded, Parts
from .layout import Overlap
from .numbering import Numbering

__all__ = ["Folded", "Numbering", "Overlap", "Parts"]
