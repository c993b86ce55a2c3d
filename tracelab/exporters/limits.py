"""How much a reader accepts: with these, time and memory of `load` are bounded whatever the file is.

The default limit of a trace is a million calls; its file takes some 70 MB, and a few hundred when each
tensor has statistics of its own.  All limits leave room above that.  While a text is parsed, a number
takes about 50 bytes of memory, a text of two letters 170 and a small object 230, so `VALUES`, `TEXTS`
and `CONTAINERS` hold the worst that a small hostile file can ask for to about two gigabytes each.

The writer keeps `LEVELS`, `STRING` and `BITS` too: what it writes can be read back.
"""

from __future__ import annotations

BYTES = 512 * 1024 * 1024
"""Size of the file, and of what it decompresses to."""

VALUES = 40_000_000
"""Commas outside of texts: one less than the values of each container."""

TEXTS = 10_000_000
"""Texts, keys included."""

CONTAINERS = 10_000_000
"""Lists and objects together."""

LEVELS = 32
"""How deep specs, facts and meta are nested."""

NESTING = 3 * LEVELS + 8
"""How deep the JSON text is nested: one level of a spec or of tagged data takes up to three brackets."""

NUMBER = 40
"""Characters of one number: 20 hold any 64-bit integer, 25 any float that Python writes."""

STRING = 1_000_000
"""Characters of one text."""

BITS = 1024
"""Size of one whole number that a program passed; columns hold 64 bits."""

NUMBERS = 40_000_000
"""Whole numbers in all packed texts together: they take at most eight bytes each."""

EVENTS = 16_000_000
"""Entries and ends of all instances of a packed trace together: a few bytes of a file can stand for many."""

CELLS = 50_000_000
"""Specs inside of specs that are made when everything in a packed trace is looked at."""

FORM = 1_000_000
"""Specs inside of one spec."""

DEPTH = 200_000
"""How many calls may be open above one."""

CLIMB = 50_000_000
"""Levels that are looked through for the parents of calls whose own level is missing: a second or two."""

CLOCK = 2**61
"""A clock reading in nanoseconds: 73 years from the beginning of a trace."""

LINES = 4_000_000
"""Lines of a stream: some are written each second."""
