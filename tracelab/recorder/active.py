"""Which recorders are active at this moment: one for each trace that is running in this process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recorder import Recorder

recorders: tuple[Recorder, ...] = ()
"""In the order in which they began.  Replaced, never changed, so a reader sees one state or the other."""


def activate(recorder: Recorder) -> None:
    """From now on every wrapper reports to `recorder`."""
    global recorders
    recorders = (*recorders, recorder)


def deactivate(recorder: Recorder) -> bool:
    """The wrappers report no more to `recorder`; returns whether no recorder is left."""
    global recorders
    recorders = tuple([other for other in recorders if other is not recorder])
    return not recorders


def fault(place: str, error: BaseException) -> None:
    """Count a fault of ours that belongs to no single call, with every recorder that is active."""
    for recorder in recorders:
        recorder.fault(place, error)


def _forget_all() -> None:
    global recorders
    for recorder in recorders:
        recorder.forked = True
    recorders = ()


# A forked child has a copy of the recording that nobody will read: it passes through.
os.register_at_fork(after_in_child=_forget_all)
