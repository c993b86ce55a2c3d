"""What was seen of the lines of one call: which ran, in which order, and what they bound.

The write side makes a `Pass` while the function runs and keeps it as the fact `lines` of its call; the read
side lays it over the source text.  It holds line numbers, names and specs, never a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .values import Spec

LINES = "lines"
"""The name of the fact."""

IDENTITIES = "identities"
"""The fact of a call that says which tensors went in and came out, by number: `inputs` and, of a call that
returned, `output`, each as pairs of a place and a number.  A place is `hidden`, `pair[0]` or, in an output,
nothing, `[0]`, `[logits]`; equal numbers are one object."""

MOST_PLACES = 1_000
"""So many tensors of each side of a call are told."""


class Line(NamedTuple):
    """A line that was about to run, and what was bound from then to the next one.

    Events come as the interpreter gives them: a statement over several lines has several, and comes back to
    its first line for the call and the store.  So a name may be reported early, with its old value; the last
    event of one execution of a statement is right.

    `same`: which tensors these are, by number, for a recording that follows them; see `IDENTITIES`.
    """

    number: int
    bound: tuple[tuple[str, Spec], ...] = ()
    same: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Pass:
    """One call of a function, line by line.

    `file`: as in `Site.file`.  `first`: the line of the first decorator, or of the `def`.  `name`: with
    classes, as in `__qualname__`.  `lines[0]` stands for the entry: its number is `first`, and it binds the
    parameters.  `ended`: `return`, `exception`, or `open` where nothing was seen of an end.  `cut`: so many
    more lines ran that were not kept: the last ones, or those that a predicate did not choose.
    """

    file: str
    first: int
    name: str
    lines: tuple[Line, ...]
    ended: str = "open"
    cut: int = 0
