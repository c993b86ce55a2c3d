"""The folded call tree, level by level: what a renderer draws, before it is known how much fits.

Lines (see `lines`) are made when they are asked for, so a tree of a million calls costs only what is
shown.  The children of a call are folded by `folding` and gathered by `gathering`; the children of a
decoding loop are first cut into its passes, so that prefill and decode never share a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from ..calls import Call, Step, Trace
from ..events import UNKNOWN
from .folding import fold
from .gathering import Gatherer
from .keys import Keys, keys
from .lines import CALL, HELPERS, MORE, REPEAT, STACK, STEP, UNSEEN, Line
from .loops import PREFILL, passes
from .marks import Marks, marks
from .shapes import Shapes
from .steps import steps


class Outline:
    """Lines of one trace.  `keep`: the rows that may be shown (all of them when None)."""

    def __init__(self, trace: Trace, fold: bool = True, keep: frozenset[int] | None = None) -> None:
        self.trace = trace
        self.folded = fold
        self.keep = keep
        self._columns = trace.columns
        self.shapes = Shapes(self._columns)

    # --- what is derived once, when it is first needed ----------------------------------------------

    @cached_property
    def children(self) -> list[Sequence[int]]:
        """Visible children by row; the last entry holds the visible roots."""
        lists = [self.trace.children_of(row) for row in (*range(len(self._columns)), UNKNOWN)]
        keep = self.keep
        return lists if keep is None else [[row for row in rows if row in keep] for rows in lists]

    @cached_property
    def marks(self) -> Marks:
        """Facts about subtrees."""
        return marks(self._columns, passes(self.trace).loops, self.keep)

    @cached_property
    def keys(self) -> Keys:
        """Which subtrees are equal."""
        return keys(self._columns, self.children)

    @cached_property
    def _steps(self) -> dict[tuple[int, int], Step]:
        return {(step.loop.id, step.index): step for step in steps(self.trace)}

    @cached_property
    def _first_steps(self) -> dict[int, Step]:
        return {step.loop.id: step for step in reversed(steps(self.trace))}

    # --- lines ----------------------------------------------------------------------------------

    def top(self) -> list[Line]:
        """The lines of the calls that no other traced call made."""
        return self._lines([self.children[UNKNOWN]], UNKNOWN, ())

    def below(self, line: Line) -> list[Line]:
        """The lines directly below `line`."""
        if not line.expandable:
            return []
        inside = line.kind in (CALL, STACK)
        return self._lines(line.runs, line.rows[0] if inside else line.parent, line.rows if inside else ())

    def _lines(self, runs: list[Sequence[int]], parent: int, made_by: Sequence[int]) -> list[Line]:
        loops = passes(self.trace).loops
        lines = self._passes(runs, made_by) if made_by and parent in loops else self._plain(runs)
        for line in lines:
            line.parent = parent
        if not self.folded:
            return lines
        return Gatherer(self._columns, self.keys, self.marks).gather(lines, parent)

    def _plain(self, runs: list[Sequence[int]]) -> list[Line]:
        if not self.folded:
            return [self._call([row], 1) for row in runs[0]]
        chunks = fold(runs[0], self.keys, self.children, self.shapes.sizes)
        lines = []
        for chunk in chunks:
            if chunk.kind == REPEAT:
                rounds: list[Sequence[int]] = [
                    [run[position] for position in round] for run in runs for round in chunk.rounds
                ]
                lines.append(Line(REPEAT, [rounds[0][0]], len(chunk.rounds), rounds))
                continue
            rows = [run[position] for run in runs for position in chunk.positions]
            lines.append(self._call(rows, len(chunk.rounds), chunk.kind))
        return lines

    def _call(self, rows: list[int], count: int, kind: str = CALL) -> Line:
        return Line(kind, rows, count, [self.children[row] for row in rows])

    # --- the passes of a decoding loop ----------------------------------------------------------

    def _passes(self, runs: list[Sequence[int]], loops: Sequence[int]) -> list[Line]:
        """The children of a loop: what comes before its first pass, then one line for equal passes."""
        before, groups = self._cut(runs[0], loops[0])
        lines = self._plain([run[: len(before)] for run in runs]) if before else []
        at = len(before)
        last_key: object = None
        for first, last, rows in groups:
            step = self._steps.get((loops[0], first))
            phase = UNSEEN if step is None else step.phase
            key = (phase, last - first, *(self.keys.loose[row] for row in rows)) if self.folded else object()
            spans: list[Sequence[int]] = [run[at : at + len(rows)] for run in runs]
            at += len(rows)
            if key != last_key:
                lines.append(Line(STEP, [], 0, passes=(first, last), phase=phase))
                last_key = key
            self._add_pass(lines[-1], loops, first, last, spans)
        return lines

    def _add_pass(
        self, line: Line, loops: Sequence[int], first: int, last: int, spans: list[Sequence[int]]
    ) -> None:
        found = [self._steps.get((loop, index)) for loop in loops for index in range(first, last + 1)]
        line.steps += [step for step in found if step is not None]
        line.rows += [step.call.id for step in found if step is not None]
        line.runs += spans
        line.count += 1
        line.passes = (line.passes[0], last)

    def _cut(self, rows: Sequence[int], loop: int) -> tuple[list[int], list[tuple[int, int, list[int]]]]:
        """Rows before the first pass, and (first pass, last pass, rows) of each group of passes.

        The chunks of a prompt all run inside one `_prefill`, so they make one group.
        """
        scan = passes(self.trace)
        chunks = max((index for _, index, below in scan.loops[loop].steps if below), default=0)
        before: list[int] = []
        groups: list[tuple[int, int, list[int]]] = []
        for row in rows:
            index = scan.pass_of[row]
            if index < 0:
                before.append(row)
            elif groups and index <= groups[-1][1]:
                groups[-1][2].append(row)
            else:
                site = self._columns.sites[self._columns.site[row]]
                groups.append((index, chunks if site.function == PREFILL else index, [row]))
        return before, groups

    # --- what a renderer asks about a line ------------------------------------------------------

    def call(self, line: Line) -> Call:
        """The call that is drawn for the line."""
        return Call(self.trace, line.rows[0])

    def loop_facts(self, row: int) -> Mapping[str, Any]:
        """What is known of a decoding loop and the rows of its first step; nothing for other calls."""
        first = self._first_steps.get(row)
        return {} if first is None else first.facts

    def hidden(self, line: Line) -> int:
        """Number of calls below the line, in one of its repetitions."""
        return self._all(line.runs[0]) if line.runs else 0

    def all_hidden(self, line: Line) -> int:
        """Number of calls that are not seen when the line is shown without the lines below it."""
        if line.kind == MORE:
            return sum(
                (0 if part.kind in (STEP, REPEAT) else len(part.rows)) + self.all_hidden(part)
                for part in line.parts
            )
        if line.kind == HELPERS:
            return sum(self.all_hidden(part) for part in line.parts)
        return sum(self._all(run) for run in line.runs)

    def _all(self, rows: Iterable[int]) -> int:
        return sum(self.marks.size[row] + 1 for row in rows)

    def leads_to_module(self, line: Line) -> bool:
        """Whether the line is a method that runs a module somewhere, but no decoding loop."""
        if line.kind != CALL or self.chain(line):
            return False
        row = line.rows[0]
        site = self._columns.sites[self._columns.site[row]]
        return site.kind == "method" and not self.marks.small[row]

    def chain(self, line: Line) -> bool:
        """Whether the line leads to the steps of a decoding loop."""
        rows: Iterable[int] = line.runs[0] if line.kind in (STEP, REPEAT) else line.rows[:1]
        return any(self.marks.chain[row] for row in rows)
