"""Which lines of the tree are shown: all down to some level, or the best ones for one screen.

For a screen, the most instructive lines come first.  A line is opened (the lines below it are shown) only
if all of them still fit, and the line that is wanted most is always tried next.  How much is a number,
smaller is earlier, and it grows on the way down:

    + 1       for each level where the tree branches; a line alone below its parent costs nothing
    + 2       steps after the prefill, which mostly repeat it
    + 3       beside the steps (the encoder): the prefill step tells more
    + 5       further decoding loops: drafts of an assistant, later windows of audio

The way to the first decoding loop, and the methods beside it that run a module (the encoder), are opened
before everything else.  Among equals the earlier call comes first.  No line shows more than half a screen
of lines below it; the rest of them becomes one `more` line.  Times play no part, so two runs of one
program look alike.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from .lines import MORE, STEP, Line
from .outline import Outline
from .rows import Rows

ASIDE, LATER_STEPS, LATER_LOOPS = 3, 2, 5
FIRST = -1


@dataclass(frozen=True, slots=True)
class Shown:
    """A line that is shown, `depth` levels below the roots; `open` when the lines below it are shown too."""

    line: Line
    depth: int
    last: bool
    open: bool


def all_lines(outline: Outline, depth: int | None = None) -> Iterator[Shown]:
    """Every line, or those of the first `depth` levels, from top to bottom."""
    waiting = _stacked(outline.top(), 0)
    while waiting:
        line, level, last = waiting.pop()
        below = outline.below(line) if depth is None or level + 1 < depth else []
        yield Shown(line, level, last, bool(below))
        waiting += _stacked(below, level + 1)


def best_lines(outline: Outline, room: int) -> Iterator[Shown]:
    """The lines that tell most in `room` lines, from top to bottom."""
    plan = _Plan(outline, room, max(3, room // (2 if outline.reached is None else 4)))
    top = plan.top()
    waiting = _stacked(top, 0)
    while waiting:
        line, level, last = waiting.pop()
        below = plan.below.get(line, [])
        yield Shown(line, level, last, bool(below))
        waiting += _stacked(below, level + 1)


def _stacked(lines: list[Line], level: int) -> list[tuple[Line, int, bool]]:
    """Lines as a stack gives them back: the first one on top."""
    return [(line, level, at == 0) for at, line in enumerate(reversed(lines))]


@dataclass(slots=True)
class _Plan:
    outline: Outline
    room: int
    widest: int
    below: dict[Line, list[Line]] = field(default_factory=dict)
    queue: list[tuple[float, int, Line, float]] = field(default_factory=list)
    offered: int = 0
    has_steps: bool = False

    def top(self) -> list[Line]:
        """Decide about all lines; returns those of the first level."""
        lines = self._cut(self.outline.top())
        self.room -= self.outline.height(lines)
        self.has_steps = any(self.outline.chain(line) for line in lines)
        self._offer(lines, 0, on_way=True)
        while self.queue and self.room > 0:
            wanted, _, line, weight = heapq.heappop(self.queue)
            below = self._cut(self.outline.below(line))
            height = self.outline.height(below)
            if height <= self.room:
                self.room -= height
                self.below[line] = below
                self._offer(below, weight, on_way=wanted == FIRST)
        return lines

    def _offer(self, lines: list[Line], weight: float, on_way: bool) -> None:
        branches = sum(line.expandable for line in lines) > 1
        way = next(
            (line for line in lines if on_way and line.kind != STEP and self.outline.chain(line)), None
        )
        for line in lines:
            if not line.expandable:
                continue
            first = line is way or (on_way and self.has_steps and self.outline.leads_to_module(line))
            own = weight if first else weight + branches + self._extra(line, on_way)
            self.offered += 1
            heapq.heappush(self.queue, (FIRST if first else own, self.offered, line, own))

    def _extra(self, line: Line, on_way: bool) -> float:
        """What a line weighs on top of its level."""
        if line.kind == STEP:
            return 0 if line.phase == "prefill" else LATER_STEPS
        if self.outline.chain(line):
            return LATER_LOOPS
        return ASIDE if on_way and self.has_steps else 0

    def _cut(self, lines: list[Line]) -> list[Line]:
        """At most `widest` lines: the first ones and some ways to a loop; each gap becomes one line."""
        if len(lines) <= self.widest:
            return lines
        ways = [line for line in lines if self.outline.chain(line)][: self.widest // 4]
        kept = set(ways)
        for line in lines:
            if len(kept) + len(ways) + 1 >= self.widest:
                break
            kept.add(line)
        shown: list[Line] = []
        for line in lines:
            if line in kept:
                shown.append(line)
            elif shown and shown[-1].kind == MORE:
                shown[-1].parts.append(line)
            else:
                shown.append(Line(MORE, Rows.of(line.rows.first), parts=[line], parent=line.parent))
        return shown
