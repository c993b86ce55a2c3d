"""What each pass of a decoding loop chose: the new ids, and of drafted tokens how many were accepted.

How many ids a pass added is the growth of what the stopping criteria are shown, from pass to pass.  In
assisted decoding that is the accepted part of the draft and one more.  The ids themselves are there only
where values were kept: as a fact of the criteria's call, and, because the ids that go into a step are those
that the step before chose, in the next step's input.  Beam search chooses in the criteria's back; there only
the next step's input tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..calls import Trace, bind
from ..events import UNKNOWN
from ..values import ContainerSpec, Dim, Spec, TensorSpec
from .loops import CANDIDATES, CRITERIA, Loop

Ids = tuple[tuple[int, ...], ...]
"""For each row of the batch the ids that were chosen."""


class Draft(NamedTuple):
    """What became of a draft: how many tokens were proposed, and how many of them kept."""

    drafted: int
    accepted: int | None


def chosen(trace: Trace, loop: Loop, fed: Sequence[tuple[int, ...] | None]) -> list[Ids | None]:
    """For each pass the chosen ids; `fed`: the ids that went into each, all rows in one."""
    kept = _facts_of_criteria(trace, loop)
    beam = "beam" in trace.columns.facts.get(loop.row, {}).get("mode", "")
    if not kept and all(ids is None for ids in fed):
        return [None] * len(fed)
    grown = growth(trace, loop) if kept and not beam else {}
    found: list[Ids | None] = []
    for index in range(len(fed)):
        later = fed[index + 1] if index + 1 < len(fed) else None
        if not beam and index in kept:
            number = grown.get(index, 1)
            found.append(tuple(row[-number:] for row in kept[index]))
        elif beam and later is not None:
            found.append(tuple((token,) for token in later))
        else:
            found.append(None)
    return found


def growth(trace: Trace, loop: Loop) -> dict[int, int]:
    """Pass -> by how many ids the sequences grew in it."""
    after = _lengths(trace, loop.helpers.get(CRITERIA, ()))
    first = loop.helpers.get(CANDIDATES, ())[:1]
    before = next(iter(_lengths(trace, first).values()), None)
    grown: dict[int, int] = {}
    for index, length in sorted(after.items()):
        if before is not None:
            grown[index] = length - before
        before = length
    return grown


def drafts(trace: Trace, loop: Loop) -> dict[int, Draft]:
    """Pass -> its draft, in assisted decoding and prompt lookup."""
    asked = loop.helpers.get(CANDIDATES, ())
    if not asked:
        return {}
    before, grown, columns = _lengths(trace, asked), growth(trace, loop), trace.columns
    found: dict[int, Draft] = {}
    for row, index in asked:
        output = columns.output[row]
        spec = None if output == UNKNOWN else columns.specs[output]
        ids = spec[0] if isinstance(spec, ContainerSpec) and spec.fields else spec
        length = _width(ids)
        if length is not None and index in before:
            accepted = grown[index] - 1 if index in grown else None
            found[index] = Draft(length - before[index], accepted)
    return found


def _facts_of_criteria(trace: Trace, loop: Loop) -> Mapping[int, Ids]:
    facts = trace.columns.facts
    kept = ((index, facts.get(row, {}).get("chosen")) for row, index in loop.helpers.get(CRITERIA, ()))
    return {index: ids for index, ids in kept if ids}


def _lengths(trace: Trace, rows: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Pass -> length of the ids that a helper was given in it."""
    columns = trace.columns
    numbers = [row for row, _ in rows]
    sites, inputs = columns.gather("site", numbers), columns.gather("inputs", numbers)
    found: dict[int, int] = {}
    for (_, index), site, given in zip(rows, sites, inputs, strict=True):
        if given == UNKNOWN:
            continue
        bound = bind(columns.sites[site], columns.signatures[given], columns.specs)
        width = _width(bound.get("input_ids"))
        if width is not None:
            found[index] = width
    return found


def _width(ids: Spec | None) -> int | None:
    if not isinstance(ids, TensorSpec) or len(ids.shape) != 2:
        return None
    width: Dim = ids.shape[1]
    return width if isinstance(width, int) else None
