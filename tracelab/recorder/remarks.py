"""What stands in the meta of a recording that ended before its block did, or lost lines or chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import FORKED, SWITCHED_OFF

if TYPE_CHECKING:
    from .recorder import Recorder


def remarks(recorder: Recorder) -> dict[str, Any]:
    """What a reader has to know of the whole, by word."""
    marks: dict[str, Any] = {FORKED: recorder.forked, SWITCHED_OFF: recorder.is_off}
    parts = [part.remarks() for part in (recorder.lines, recorder.chains) if part is not None]
    return {word: said for one in (marks, *parts) for word, said in one.items() if said}
