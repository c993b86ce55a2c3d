"""How many special tokens a tokenizer without Rust encodings added, and what it cut off.

Such a tokenizer makes tokens of each text and looks up their ids, and both are calls in the tree.  So a row
of the result that is longer than what was looked up has got special tokens; one that is shorter was cut.
A row as long as the limit may have been cut; if another one was not, all have got as many tokens as that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..calls import Call, Trace
from ..events import UNKNOWN
from ..values import ContainerSpec

LOOKUP = "convert_tokens_to_ids"


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """`special_added`, `truncated` and the like of a tokenizer's call that could not know them."""
    facts: Any = trace.columns.facts.get(call.id, {})
    lengths: Any = facts.get("lengths")
    if not _are_numbers(lengths) or len(lengths) != facts.get("texts"):
        return {}
    before = _looked_up(trace, call.id, 2 if facts.get("pairs") else 1, len(lengths))
    if before is None:
        return {}
    longest: Any = facts.get("max_length") if type(facts.get("max_length")) is int else None
    grown = [length - given for length, given in zip(lengths, before, strict=True)]
    whole = {more for more, length in zip(grown, lengths, strict=True) if longest is None or length < longest}
    if len(whole) != 1 or min(whole) < 0:
        return {"truncated": sum(more < 0 for more in grown)} if whole == set() and max(grown) < 0 else {}
    (special,) = whole
    cut = [given + special for given, more in zip(before, grown, strict=True) if more < special]
    found: dict[str, Any] = {"special_added": special * len(lengths), "truncated": len(cut)}
    if cut:
        found["truncated_from"] = max(cut)
    ends: Any = facts.get("special_ends")
    start, end = ends if _are_numbers(ends) and len(ends) == 2 else (0, 0)
    if _are_numbers(ends) and (start + end == special or (facts.get("pairs") and start + end < special)):
        found["special_at"] = (start, special - start - end, end)
    return found


def _are_numbers(value: Any) -> bool:
    """Whether a fact is what it should be; a file may hold anything."""
    return type(value) is tuple and bool(value) and all(type(one) is int for one in value)


def _looked_up(trace: Trace, row: int, texts: int, rows: int) -> Sequence[int] | None:
    """How many ids were looked up for each row, of one text or of two; None where that cannot be told."""
    columns = trace.columns
    found: list[int] = []
    waiting = list(reversed(columns.children_of(row)))
    while waiting:
        below = waiting.pop()
        if columns.sites[columns.site[below]].function != LOOKUP:
            waiting.extend(reversed(columns.children_of(below)))
            continue
        output = columns.output[below]
        spec = None if output == UNKNOWN else columns.specs[output]
        if isinstance(spec, ContainerSpec) and _is_of_a_text(trace, below):
            found.append(spec.length)
    if len(found) != texts * rows:
        return None
    return [sum(found[place : place + texts]) for place in range(0, len(found), texts)]


def _is_of_a_text(trace: Trace, row: int) -> bool:
    """Whether the call before it made tokens of a text: single special tokens are looked up too."""
    columns = trace.columns
    siblings = columns.children_of(columns.parent[row])
    place = list(siblings).index(row)
    return place > 0 and columns.sites[columns.site[siblings[place - 1]]].function == "tokenize"
