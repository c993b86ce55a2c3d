"""Which pass of which decoding loop each call belongs to.

`generate` hands over to a loop method (`_sample`, `_beam_search`, `_assisted_decoding`), and each pass of
that loop runs the model once.  Counting root forwards instead would be wrong: language detection, logits
processors and assistants call a root model too.  So a pass is counted only where the loop itself (or its
`_prefill`) calls the module that the loop is a method of.

A pass in the order in which its calls begin:

    prepare_inputs_for_generation, get_candidates      open the pass, if it is not open yet
    X.forward                                          the step's call
    _update_model_kwargs..., processors, criteria      belong to the pass that was opened last

A compiled model call leaves no trace.  Its pass is still opened and closed by the helpers around it, so the
numbers of the passes stay true; it only has no step.  Older releases have no `_prefill`: there the first
model call of the loop is the prefill.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from ..calls import Columns, Trace
from ..events import UNKNOWN, Site

LOOPS = frozenset(
    {
        "_sample",
        "_beam_search",
        "_assisted_decoding",
        "_contrastive_search",
        "_group_beam_search",
        "_constrained_beam_search",
        "_dola_decoding",
    }
)
ASSISTED = "_assisted_decoding"
PREFILL = "_prefill"
OPENERS = frozenset({"prepare_inputs_for_generation", "get_candidates"})
CLOSER = "_update_model_kwargs_for_generation"

_NEITHER, _LOOP, _PREFILL, _OPENER, _CLOSER, _MODULE = range(6)


@dataclass(slots=True)
class Loop:
    """One run of a decoding loop, as far as the scan has come."""

    row: int
    place: tuple[str | None, str | None]
    nested: bool = False
    prefilled: bool = False
    index: int = -1
    opened: bool = False
    steps: list[tuple[int, int, bool]] = field(default_factory=list)
    """(row of the model call, index of the pass, whether it ran below `_prefill`)"""

    def open(self) -> int:
        """A call that begins a pass has come; the number of the pass that is open now."""
        if not self.opened:
            self.index += 1
            self.opened = True
        return self.index


@dataclass(slots=True)
class Passes:
    """The result of the scan.

    `step_at`: for each row the index of the innermost pass that it belongs to, -1 where there is none.
    `pass_of`: for each direct child of a loop the pass of this very loop, -1 before its first.
    `loops`: by row number, in start order.
    """

    step_at: array[int]
    pass_of: dict[int, int]
    loops: dict[int, Loop]


def passes(trace: Trace) -> Passes:
    """The decoding loops of a trace and their passes; one walk over the rows, kept with the trace."""
    found: Passes = trace.memo("passes", lambda: _scan(trace.columns))
    return found


def _role(site: Site) -> int:
    if site.kind == "module":
        return _MODULE
    if site.kind != "method":
        return _NEITHER
    if site.function in LOOPS:
        return _LOOP
    if site.function == PREFILL:
        return _PREFILL
    if site.function in OPENERS:
        return _OPENER
    return _CLOSER if site.function == CLOSER else _NEITHER


def _scan(columns: Columns) -> Passes:
    roles = [_role(site) for site in columns.sites]
    found = Passes(array("i", [UNKNOWN]) * len(columns), {}, {})
    if _LOOP not in roles:
        return found
    step_at = found.step_at
    # Rows whose children make up the passes: the loops, and each `_prefill` directly below one.
    inside: dict[int, Loop] = {}
    for row, (parent, site) in enumerate(zip(columns.parent, columns.site, strict=True)):
        loop = inside.get(parent)
        role = roles[site]
        if loop is not None:
            _enter(found, inside, loop, row, columns.sites[site], role, parent)
        elif parent != UNKNOWN:
            step_at[row] = step_at[parent]
        if role == _LOOP:
            here = columns.sites[site]
            found.loops[row] = inside[row] = Loop(row, (here.root, here.path), _drafts(columns, row))
    return found


def _enter(
    found: Passes, inside: dict[int, Loop], loop: Loop, row: int, site: Site, role: int, parent: int
) -> None:
    """Give one call, made by the loop itself or by its `_prefill`, to a pass."""
    if role == _MODULE and (site.root, site.path) == loop.place:
        loop.steps.append((row, loop.open(), parent != loop.row))
        loop.opened = False
    elif role == _PREFILL:
        inside[row] = loop
        loop.prefilled = True
    elif loop.prefilled and loop.index < 0 and parent == loop.row:
        loop.index = 0  # nothing below the prefill was kept (`depth`), but it did run
    elif role == _OPENER:
        loop.open()
    elif role == _CLOSER:
        loop.opened = False
    outside = found.step_at[loop.row]
    index = 0 if role == _PREFILL and loop.index < 0 else loop.index
    found.step_at[row] = index if index >= 0 else outside
    if parent == loop.row:
        found.pass_of[row] = index


def _drafts(columns: Columns, row: int) -> bool:
    """Whether the loop at `row` runs below an assisted decoding, to draft tokens for it."""
    above = columns.parent[row]
    while above != UNKNOWN:
        site = columns.sites[columns.site[above]]
        if site.kind == "method" and site.function in LOOPS:
            return site.function == ASSISTED
        above = columns.parent[above]
    return False
