"""The functions between two calls: how they are kept, and what each of them is.

A recorder with `chain=True` keeps, of each call, the frames that stood between the call that was open and the
line that made this one, outermost first, as the fact `chain`.  Each is `(file, line, function, role)`: `line`
is the one that calls on, `role` what the frame is.  The write side decides that where it can still see the
code; the read side leaves out what is no link, and counts it.
"""

from __future__ import annotations

CHAIN = "chain"
"""The name of the fact."""

REGISTRY = "registry"
"""The fact of a function that stands in a registry of the library: which, and under which key."""

FUNCTIONAL = "functional"
"""The fact of such a function: what its source calls of `torch.nn.functional`, as names with their lines."""

CHAINS_LOST = "chains_lost"
"""Stands in the meta: how many calls have no chain, because too many different ones were met."""

Frame = tuple[str, int, str, str]
"""File, line, function with its classes, role."""

LINK = ""
"""A function of the program or of a library on the way to the call."""

OWN = "own"
"""The function of the call that was open: the chain begins in it."""

AROUND = "around"
"""Noise: it stands around the function of the call that was open, as torch's way to `forward` does."""

DECORATOR = "decorator"
"""Noise: what a decorator has put around a function."""

MACHINERY = "machinery"
"""Noise: of torch's way to `forward`, of contextlib, functools, threading or the import system."""

ATTRIBUTE = "attribute"
"""Noise: an attribute was looked up, as on a config."""

PART = "part"
"""Noise: a comprehension or generator expression, a part of the function that it is written in."""

OURS = "ours"
"""Noise: tracelab itself."""

CUT = "cut"
"""There were more frames outside of this one than are kept."""

NOISE = (AROUND, DECORATOR, MACHINERY, ATTRIBUTE, PART, OURS)
ROLES = (LINK, OWN, CUT, *NOISE)
