"""Making very many small objects at once without waking the garbage collector again and again.

Python looks for cycles whenever some hundred objects more are alive, and the more there are, the more it
looks at.  A million calls made at once wake it some hundred times, in the middle of whatever large program
was traced: 1.2 s instead of 0.12 s for `find("*")` on a million calls.  Nothing that is made here can be
part of a cycle before it is handed over, so the collector rests until then.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """The collector rests inside the block, and then does what it did before."""
    if not gc.isenabled():
        yield
        return
    try:
        gc.disable()  # in here: a Ctrl-C right after it must not leave the host without a collector
        yield
    finally:
        gc.enable()
