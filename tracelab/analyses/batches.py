"""What is in the rows of a batch: inputs, beams, returned sequences.

Beam search runs `batch × beams` rows through the model, sampling with several returned sequences
`batch × sequences`.  A reader who sees `[4,1]` asks where the 4 comes from.  How many rows stand for one
input is a fact that the generation instrument writes on the loop (or on the `generate` above it); it is
never guessed from shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..calls import Call, Trace

KNOWN = ("mode", "beams", "return_sequences")


def loop_facts(trace: Trace, loop: Call) -> dict[str, Any]:
    """`mode`, `beams`, `return_sequences` of a decoding loop, as far as they were recorded."""
    call: Call | None = loop
    while call is not None:
        facts = trace.columns.facts.get(call.id, {})
        if any(name in facts for name in KNOWN):
            return {name: facts[name] for name in KNOWN if name in facts}
        call = None if call.function == "generate" else call.parent
    return {}


def copies(facts: Mapping[str, Any]) -> tuple[int, str]:
    """How many rows stand for one input, and what they are called; (1, "") where each has one row."""
    for name, word in (("beams", "beams"), ("return_sequences", "return sequences")):
        number = facts.get(name)
        if isinstance(number, int) and number > 1:
            return number, word
    return 1, ""


def batch_text(rows: object, facts: Mapping[str, Any]) -> str:
    """`4 = 2×2 beams`, or just `4` where each row is an input of its own."""
    times, word = copies(facts)
    if not word or not isinstance(rows, int) or rows % times:
        return str(rows)
    return f"{rows} = {rows // times}×{times} {word}"
