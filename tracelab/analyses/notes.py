"""What is odd about a cache from step to step.

not used        every step reads the whole sequence again (`use_cache=False`)
read in full    a step after the first begins with an empty cache
cropped n       n tokens were taken out since the last step: rejected drafts
full            the step added nothing: the cache has no more room, or does not count
"""

from __future__ import annotations

from collections.abc import Sequence

from ..calls import Step


def cache_notes(steps: Sequence[Step]) -> dict[int, str]:
    """Position in `steps`, those of one loop -> what is odd there; nothing for a cache that just grows."""
    notes: dict[int, str] = {}
    for position, step in enumerate(steps):
        before = steps[position - 1] if position else None
        note = _note(step, before)
        if note:
            notes[position] = note
    return notes


def _note(step: Step, last: Step | None) -> str:
    if "packed" in step.facts:
        return ""  # a cache in pages, which counts nothing that a step could tell
    if last is not None and step.cache_before is None and last.cache_before is None:
        grew = step.input and last.input and len(step.input) > 1 and step.input[1] != 1
        return "not used" if grew and step.cache_after is None else ""
    if last is not None and step.cache_before == 0 and last.cache_after:
        return "read in full"
    held = None if last is None else last.cache_after
    if held is not None and step.cache_before is not None and step.cache_before < held:
        return f"cropped {held - step.cache_before}"
    if step.cache_before is not None and step.cache_after == step.cache_before:
        return "full"
    return ""
