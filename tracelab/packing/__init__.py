"""Lanes, packed: a trace of a million calls is mostly the same step again.

A lane of flat rows takes 112 bytes a call.  Packed, its events are cut into segments; equal segments are
instances of one template, and an instance is only the tuple of its distinct numbers; what those mean, over
the instances of a block, is a constant or a few arithmetic runs.

    codes       the codes of events inside a block
    cuts        where a lane is cut into segments
    nest        who called whom inside a segment
    template    group, shape, template: what equal segments have in common
    listed      numbers of a recording whose tables are complete
    known       what the numbers of these rows mean
    tables      what all blocks of a lane share
    series      the values of one size, as arithmetic runs
    times       sums of the times of all instances
    assembly    one block while it is made
    block       the packed form
    packer      rows to blocks
    unpack      blocks to rows
"""

from __future__ import annotations

from .block import LOOSE, Block, loose_block
from .codes import depth_of, is_fact, row_code, sort_of
from .listed import Book, Listed, Tail, tail
from .nest import Nest, nearest
from .packer import Packer, packed_codes
from .picker import picker
from .tables import Tables
from .template import Template
from .times import Times
from .unpack import Event, Segment, events, meaning_at, meanings, segments, unpack

__all__ = [
    "LOOSE",
    "Block",
    "Book",
    "Event",
    "Listed",
    "Nest",
    "Packer",
    "Segment",
    "Tables",
    "Tail",
    "Template",
    "Times",
    "depth_of",
    "events",
    "is_fact",
    "loose_block",
    "meaning_at",
    "meanings",
    "nearest",
    "packed_codes",
    "picker",
    "row_code",
    "segments",
    "sort_of",
    "tail",
    "unpack",
]
