"""What a recording was asked to keep, as its meta says; a file may say anything there."""

from __future__ import annotations

from ..calls import Trace


def keeps_values(trace: Trace) -> bool:
    """Whether texts, token ids and numbers were kept."""
    options = trace.meta.get("options")
    return isinstance(options, dict) and options.get("values") is True
