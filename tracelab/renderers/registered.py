"""What is said of a function of a registry: its key, and what its source calls of `torch.nn.functional`."""

from __future__ import annotations

from ..calls import Call
from ..links import FUNCTIONAL, REGISTRY
from .clean import clean
from .parts import Part


def registered(call: Call) -> list[Part]:
    """`attention: eager → softmax :208, dropout :209`; nothing for other calls."""
    if call.kind != "function":
        return []
    facts = call.facts
    parts = [Part(f"  {clean(facts[REGISTRY])}", "note", rank=1)] if REGISTRY in facts else []
    calls = facts.get(FUNCTIONAL, ())
    if calls:
        named = ", ".join([f"{clean(name)} :{line}" for name, line in calls])
        parts.append(Part(f"  → {named}", "note", rank=2))
    return parts
