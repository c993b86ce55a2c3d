"""What became of texts, sounds and images, in one short phrase of a tree's line.

1 text → 9 ids, 2 special                       2 pairs → 30 ids, 6 special, 4 padding right
3 texts → 24 ids, 6 special, 1 cut from 40      1 text → 5 tokens, none added
1 sound of 0.1 s → 3000 frames, padded to 30 s  1 chat of 3 messages
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .amounts import many

Facts = Mapping[str, Any]


def phrase(facts: Facts) -> str:
    """The phrase; empty where the call says nothing of that kind."""
    try:
        return _phrase(facts)
    except (TypeError, ValueError, LookupError, AttributeError):
        return ""  # a file may hold anything under these names


def _phrase(facts: Facts) -> str:
    if "pieces" in facts:
        return f"1 text → {many(facts['pieces'], 'token')}{_none_added(facts)}"
    if "texts" in facts and "ids" in facts:
        came = many(facts["pairs"], "pair") if facts.get("pairs") else many(facts["texts"], "text")
        return f"{came} → {', '.join([many(facts['ids'], 'id'), *_of_ids(facts)])}"
    if "rows" in facts and "ids" in facts:
        return f"{many(facts['rows'], 'row')} → {', '.join([many(facts['ids'], 'id'), *_of_ids(facts)])}"
    if "sounds" in facts:
        return _sound(facts)
    if "images" in facts and "size" in facts:
        return f"{many(facts['images'], 'image')} → {facts['size'][0]}×{facts['size'][1]}"
    if "messages" in facts and "chats" in facts:
        return f"{many(facts['chats'], 'chat')} of {many(facts['messages'], 'message')}"
    return ""


def warning(facts: Facts) -> str:
    """What is odd about it."""
    found = []
    for name, where in (("bos_twice", "first"), ("eos_twice", "last")):
        least = facts.get(f"{name}_at_least")
        rows = facts.get(name, least)
        if rows and type(rows) is int:
            number = f" in {'at least ' if least else ''}{many(rows, 'row')}"
            found.append(f"{where} special token twice{'' if facts.get('texts') == 1 else number}")
    return ", ".join(found)


def _none_added(facts: Facts) -> str:
    return ", none added" if facts.get("special_added") == 0 else ""


def _of_ids(facts: Facts) -> Iterator[str]:
    if facts.get("special_added"):
        yield f"{facts['special_added']} special"
    if facts.get("padded"):
        yield f"{facts['padded']} padding {facts.get('padding_side', '')}".rstrip()
    least = facts.get("truncated_at_least")
    if least or facts.get("truncated"):
        number = f"at least {least}" if least else str(facts["truncated"])
        known = facts.get("truncated_from")
        yield f"{'' if facts.get('texts') == 1 else f'{number} '}cut{f' from {known}' if known else ''}"
    if facts.get("overflow"):
        yield f"{many(facts['overflow'], 'row')} of overflow"
    if facts.get("type_ids") == "all 0":
        yield "type ids all 0"
    elif facts.get("type_ids", "").startswith(("none", "not")):
        yield "no type ids"


def _sound(facts: Facts) -> str:
    length = f" of {facts['seconds']:g} s" if "seconds" in facts else ""
    frames = f" → {many(facts['frames'], 'frame')}" if "frames" in facts else ""
    padded = f", padded to {facts['padded_to']:g} s" if "padded_to" in facts else ""
    return f"{many(facts['sounds'], 'sound')}{length}{frames}{padded}"
