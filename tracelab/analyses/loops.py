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
numbers of the passes stay true, and it is kept as `unseen`.  Older releases have no `_prefill`: there the
first model call of the loop is the prefill.  A `generate` that was given a loop of the user's
(`custom_generate`) is the loop itself: it calls its model and no method that is known here.

Only the calls that a loop made itself are looked at, five or six a step.  What stands deeper belongs to the
pass of the first such call above it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
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
        "_run_generation_loop",
    }
)
CONTINUOUS = "_run_generation_loop"
"""The loop of continuous batching: a method of its manager, in a thread of its own."""
ASSISTED = "_assisted_decoding"
PREFILL = "_prefill"
OPENERS = frozenset({"prepare_inputs_for_generation", "get_candidates"})
CANDIDATES = "get_candidates"
CLOSER = "_update_model_kwargs_for_generation"
PROCESSORS = "LogitsProcessorList"
CRITERIA = "StoppingCriteriaList"
REORDER = "reorder_cache"

NOWHERE = (None, None)
"""The place of a loop that is no method of a model; each model that it calls is its own."""

_NEITHER, _LOOP, _GENERATE, _PREFILL, _OPENER, _CLOSER, _MODULE = range(7)


@dataclass(slots=True)
class Loop:
    """One run of a decoding loop, as far as the scan has come."""

    row: int
    place: tuple[str | None, str | None]
    nested: bool = False
    prefilled: bool = False
    index: int = -1
    opened: bool = False
    opener: int = UNKNOWN
    steps: list[tuple[int, int, bool]] = field(default_factory=list)
    """(row of the model call, index of the pass, whether it ran below `_prefill`)"""
    unseen: list[tuple[int, int, bool]] = field(default_factory=list)
    """The same for passes without a model call; the row is that of the call that opened the pass."""
    helpers: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """`CANDIDATES`, `PROCESSORS`, `CRITERIA`, `REORDER` -> (row, index of the pass) of each such call"""

    def open(self, row: int) -> int:
        """A call that begins a pass has come; the number of the pass that is open now."""
        if not self.opened:
            self.index += 1
            self.opened = True
        self.opener = row
        return self.index


class Passes:
    """The result of the scan.

    `loops`: by row number, in start order.
    `prefills`: rows of the `_prefill` of a loop.
    `index_of`: for each call made by a loop or by its `_prefill` the pass of this very loop, -1 before its
    first.
    """

    def __init__(self, columns: Columns) -> None:
        self.loops: dict[int, Loop] = {}
        self.prefills: set[int] = set()
        self.index_of: dict[int, int] = {}
        self._columns = columns
        # Calls before the first pass of a loop belong to the pass that the whole loop belongs to.
        self._early: dict[int, int] = {}
        self._known: dict[int, int] = {UNKNOWN: UNKNOWN}

    def add(self, loop: Loop, row: int, index: int) -> None:
        """Note that `row`, made by `loop`, belongs to the pass `index`."""
        self.index_of[row] = index
        if index < 0:
            self._early[row] = loop.row

    def step_of(self, row: int) -> int:
        """Index of the innermost pass that a row belongs to, -1 where there is none."""
        if not self.loops:
            return UNKNOWN
        climbed = []
        while row not in self._known and self.index_of.get(row, UNKNOWN) < 0:
            climbed.append(row)
            row = self._early[row] if row in self._early else self._columns.parent[row]
        found = self._known[row] if row in self._known else self.index_of[row]
        # Not the row that was asked for: there may be a million of them, but fewer have calls below.
        for passed in climbed[1:]:
            self._known[passed] = found
        return found

    def step_at(self) -> array[int]:
        """The same for every row at once."""
        found = array("i", [UNKNOWN]) * len(self._columns)
        if self.loops:
            for row, parent in enumerate(self._columns.parent):
                index = self.index_of.get(row, UNKNOWN)
                above = self._early.get(row, parent)
                found[row] = index if index >= 0 else found[above] if above >= 0 else UNKNOWN
        return found

    def rows_in(self, step: int) -> list[int]:
        """The rows that belong to the passes with this index, in order."""
        columns = self._columns
        waiting = [row for row, index in self.index_of.items() if index == step]
        waiting += [row for row in self._early if self.step_of(row) == step]
        found = []
        while waiting:
            row = waiting.pop()
            found.append(row)
            waiting += [child for child in columns.children_of(row) if child not in self.index_of]
        return sorted(found)


def passes(trace: Trace) -> Passes:
    """The decoding loops of a trace and their passes; found once and kept with the trace."""
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
    if site.function == "generate":
        return _GENERATE
    return _CLOSER if site.function == CLOSER else _NEITHER


def _scan(columns: Columns) -> Passes:
    roles = [_role(site) for site in columns.sites]
    found = Passes(columns)
    if _LOOP not in roles and _GENERATE not in roles:
        return found
    for row in columns.rows_at([role in (_LOOP, _GENERATE) for role in roles]):
        here = columns.sites[columns.site[row]]
        place = (here.root, here.path)
        if here.function in LOOPS or _is_loop(columns, roles, row, place):
            found.loops[row] = loop = Loop(row, place, _drafts(columns, row))
            _follow(found, columns, roles, loop)
    return found


def _is_loop(columns: Columns, roles: Sequence[int], row: int, place: tuple[str | None, str | None]) -> bool:
    """Whether the `generate` at `row` runs its model itself, more than once: that is a loop of the user's."""
    below = columns.gather("site", columns.children_of(row))
    if any(roles[site] == _LOOP for site in below):
        return False
    return sum(roles[site] == _MODULE and _place(columns.sites[site]) == place for site in below) > 1


def _place(site: Site) -> tuple[str | None, str | None]:
    return site.root, site.path


def _follow(found: Passes, columns: Columns, roles: Sequence[int], loop: Loop) -> None:
    """Give the calls that were made by the loop itself or by its `_prefill` to its passes."""
    direct = columns.children_of(loop.row)
    rows = list(zip(direct, columns.gather("site", direct), strict=True))
    below: set[int] = set()
    for row, site in rows:  # grows while it is walked: a `_prefill` stands before its own children
        if roles[site] == _PREFILL:
            found.prefills.add(row)
            children = columns.children_of(row)
            rows += zip(children, columns.gather("site", children), strict=True)
            below.update(children)
    rows.sort()
    for row, site in rows:
        found.add(loop, row, _enter(loop, row, columns.sites[site], roles[site], row in below))


def _enter(loop: Loop, row: int, site: Site, role: int, below: bool) -> int:
    """The pass that one call belongs to; `below`: it was made by the `_prefill` of the loop."""
    if role == _MODULE and (_place(site) == loop.place or loop.place == NOWHERE):
        loop.steps.append((row, loop.open(row), below))
        loop.opened = False
    elif role == _PREFILL:
        loop.prefilled = True
        return max(loop.index, 0)
    elif loop.prefilled and loop.index < 0 and not below:
        loop.index = 0  # nothing below the prefill was kept (`depth`), but it did run
    elif role == _OPENER:
        loop.open(row)
    elif role == _CLOSER:
        if loop.opened:
            loop.unseen.append((loop.opener, loop.index, False))
        loop.opened = False
    for helper, name in (
        (site.function, CANDIDATES),
        (site.defined_in, PROCESSORS),
        (site.defined_in, CRITERIA),
        (site.function.removeprefix("_"), REORDER),
    ):
        if helper == name:
            loop.helpers.setdefault(name, []).append((row, loop.index))
    return loop.index


def _drafts(columns: Columns, row: int) -> bool:
    """Whether the loop at `row` runs below an assisted decoding, to draft tokens for it."""
    above = columns.parent[row]
    while above != UNKNOWN:
        site = columns.sites[columns.site[above]]
        if site.kind == "method" and site.function in LOOPS:
            return site.function == ASSISTED
        above = columns.parent[above]
    return False
