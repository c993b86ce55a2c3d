"""The folded call tree, level by level: what a renderer draws, before it is known how much fits.

Lines (see `lines`) are made when they are asked for, so a tree of a million calls costs only what is
shown, and of equal calls only the first ones are looked at (see `rows`).  The children of a call are folded
by `folding` and gathered by `gathering`; the children of a decoding loop are first cut into its passes, so
that prefill and decode never share a line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

from ..calls import Call, Step, Trace
from ..events import UNKNOWN
from .folding import fold
from .gathering import Gatherer
from .keys import Keys
from .lines import CALL, HELPERS, LEAVES, MORE, REPEAT, STACK, STEP, UNSEEN, Line
from .loops import passes
from .marks import Marks
from .reached import Reached, Way
from .rows import Rows, Runs
from .shapes import Shapes
from .steps import steps
from .visible import Visible


class _Group(NamedTuple):
    """Passes of a loop that are drawn together, and their positions among the children of the loop."""

    first: int
    last: int
    start: int
    stop: int


class Outline:
    """Lines of one trace.  `keep`: the rows that may be shown (all of them when None).

    `reached`: how calls were reached, where that is drawn.
    """

    def __init__(
        self,
        trace: Trace,
        fold: bool = True,
        keep: frozenset[int] | None = None,
        reached: Reached | None = None,
    ) -> None:
        self.trace = trace
        self.folded = fold
        self.keep = keep
        self.reached = reached
        self._columns = trace.columns
        self._visible = Visible(self._columns, keep, reached)
        self.shapes = Shapes(self._columns)
        self.keys = Keys(self._visible)
        self.marks = Marks(self._visible, passes(trace).loops)

    # --- what is derived once, when it is first needed ----------------------------------------------

    @cached_property
    def _steps(self) -> dict[int, dict[int, Step]]:
        """The steps of each loop by their index."""
        found: dict[int, dict[int, Step]] = {row: {} for row in passes(self.trace).loops}
        for step in steps(self.trace):
            row = -1 if step.loop is None else step.loop.id
            if row in found and not step.facts.get("compiled"):  # an encode step has no loop
                found[row][step.index] = step
        return found

    # --- lines ----------------------------------------------------------------------------------

    def top(self) -> list[Line]:
        """The lines of the calls that no other traced call made."""
        return self._finished(self._plain(Runs.of([self._visible.children_of(UNKNOWN)])), UNKNOWN)

    def below(self, line: Line) -> list[Line]:
        """The lines directly below `line`."""
        if not line.expandable:
            return []
        if line.kind not in (CALL, STACK):
            return self._finished(self._plain(line.runs), line.parent)
        parent = line.rows[0]
        runs = line.rows.below(self._visible)
        loop = parent in passes(self.trace).loops
        return self._finished(self._passes(runs, line.rows) if loop else self._plain(runs), parent)

    def _finished(self, lines: list[Line], parent: int) -> list[Line]:
        for line in lines:
            line.parent = parent
        if not self.folded:
            return lines
        return Gatherer(self._columns, self.keys, self.marks).gather(lines, parent)

    def _plain(self, runs: Runs) -> list[Line]:
        first = runs.first
        if not self.folded:
            return [self._call(Rows.of([row]), 1) for row in first]
        lines = []
        for chunk in fold(first, self.keys, self._visible, self.shapes.sizes):
            if chunk.kind == REPEAT:
                rows = Rows.of([first[chunk.rounds[0][0]]])
                rounds = runs.cut(chunk.rounds)
                lines.append(Line(REPEAT, rows, len(chunk.rounds), rounds, expandable=True))
            else:
                lines.append(self._call(runs.pick(chunk.positions), len(chunk.rounds), chunk.kind))
        return lines

    def _call(self, rows: Rows, count: int, kind: str = CALL) -> Line:
        return Line(kind, rows, count, expandable=self.marks.size(rows[0]) > 0)

    # --- the passes of a decoding loop ----------------------------------------------------------

    def _passes(self, runs: Runs, loops: Rows) -> list[Line]:
        """The children of a loop: what comes before its first pass, then one line for equal passes."""
        lists = list(runs)
        before, groups = self._cut(lists[0], loops[0])
        lines = self._plain(Runs.of([run[:before] for run in lists])) if before else []
        if not self.folded:
            return lines + [self._step_line([group], loops, lists) for group in groups]
        loose = self.keys.loose_of(lists[0][before:])

        def alike(group: _Group) -> object:
            below = loose[group.start - before : group.stop - before]
            return self._phase(loops[0], group.first), group.last - group.first, below

        return lines + [self._step_line(list(equal), loops, lists) for _, equal in groupby(groups, alike)]

    def _phase(self, loop: int, index: int) -> str:
        step = self._steps[loop].get(index)
        return UNSEEN if step is None else step.phase

    def _step_line(self, groups: Sequence[_Group], loops: Rows, lists: Sequence[Sequence[int]]) -> Line:
        found = [
            made[index]
            for group in groups
            for made in map(self._steps.__getitem__, loops)
            for index in range(group.first, group.last + 1)
            if index in made
        ]
        first, last = groups[0].first, groups[-1].last
        return Line(
            STEP,
            Rows.of([step.call.id for step in found]),
            len(groups),
            Runs.of([run[group.start : group.stop] for group in groups for run in lists]),
            expandable=True,
            steps=found,
            passes=(first, last),
            phase=self._phase(loops[0], first),
        )

    def _cut(self, rows: Sequence[int], loop: int) -> tuple[int, list[_Group]]:
        """How many of the rows come before the first pass, and the groups of passes behind them.

        The chunks of a prompt all run inside one `_prefill`, so they make one group.
        """
        scan = passes(self.trace)
        chunks = max((index for _, index, below in scan.loops[loop].steps if below), default=0)
        begun: list[tuple[int, int, int]] = []
        last = UNKNOWN
        for position, row in enumerate(rows):
            index = scan.index_of[row]
            if index > last:
                last = chunks if row in scan.prefills else index
                begun.append((index, last, position))
        stops = [position for _, _, position in begun[1:]] + [len(rows)]
        groups = [_Group(*group, stop) for group, stop in zip(begun, stops, strict=False)]
        return groups[0].start if groups else len(rows), groups

    # --- what a renderer asks about a line ------------------------------------------------------

    def call(self, line: Line) -> Call:
        """The call that is drawn for the line."""
        return Call(self.trace, line.rows[0])

    def way(self, line: Line) -> Way:
        """How the calls of a line were reached; empty where nothing of it is drawn."""
        if self.reached is None or line.kind not in (CALL, STACK, LEAVES):
            return ()
        return self.reached.way(line.rows[0])

    def height(self, lines: Sequence[Line]) -> int:
        """How many lines of a screen they take by themselves."""
        return len(lines) + sum([bool(self.way(line)) for line in lines])

    def loop_facts(self, row: int) -> Mapping[str, Any]:
        """What is known of a decoding loop and the rows of its first step; nothing for other calls."""
        first = next(iter(self._steps.get(row, {}).values()), None)
        return {} if first is None else first.facts

    def hidden(self, line: Line) -> int:
        """Number of calls below the line, in one of its repetitions."""
        if line.kind in (CALL, STACK):
            return self.marks.size(line.rows[0])
        return sum(self.marks.size(row) + 1 for row in line.runs.first)

    def all_hidden(self, line: Line) -> int:
        """Number of calls that are not seen when the line is shown without the lines below it."""
        if line.kind == MORE:
            return sum(
                (0 if part.kind in (STEP, REPEAT) else len(part.rows)) + self.all_hidden(part)
                for part in line.parts
            )
        if line.kind == HELPERS:
            return sum(self.all_hidden(part) for part in line.parts)
        # All repetitions are equal, so they hide equally much.
        return self.hidden(line) * len(line.rows if line.kind in (CALL, STACK) else line.runs)

    def leads_to_module(self, line: Line) -> bool:
        """Whether the line is a method that runs a module somewhere, but no decoding loop."""
        if line.kind != CALL or self.chain(line):
            return False
        row = line.rows[0]
        site = self._columns.sites[self._columns.site[row]]
        return site.kind == "method" and not self.marks.small(row)

    def chain(self, line: Line) -> bool:
        """Whether the line leads to the steps of a decoding loop."""
        rows = line.runs.first if line.kind in (STEP, REPEAT) else line.rows.first
        return any(self.marks.chain(row) for row in rows)
