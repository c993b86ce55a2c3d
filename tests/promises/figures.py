"""What the attacks counted: the figures of the README's section on promises.

A test says `figures("faults injected", 3812)`; numbers under one name add up within a file.  The counts of
a run are kept by promise, in the order in which they came.
"""

from __future__ import annotations

from collections import Counter, defaultdict

COUNTED: defaultdict[str, Counter[str]] = defaultdict(Counter)
"""Name of the test module -> what was counted -> how many."""


class Figures:
    """The counts of one promise."""

    def __init__(self, module: str) -> None:
        self.counted = COUNTED[module]

    def __call__(self, what: str, number: int = 1) -> None:
        """`number` more of `what`, a plural such as "faults injected"."""
        self.counted[what] += number
