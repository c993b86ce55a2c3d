"""What the codes of a segment say by themselves: who called whom, which end is whose.

Most segments are clean: whatever begins inside ends inside, and all calls that stand at the top have one
depth.  Then parents and ends are the same for every instance, whatever is open around it, and are found
once.  A segment in which `generate` begins, to end a thousand segments later, is not clean; its events have
to be followed one by one, in the order of the lane.

The rules are those of `fold`: an entry at some depth ends nothing but forgets the deeper calls that wait (an
interrupt swallowed their ends); an end closes the latest call of its depth.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ..events import UNKNOWN, Visits
from .codes import depth_of, is_fact
from .picker import picker


class Nest:
    """The calls of a segment, in the order of their entries."""

    __slots__ = ("clean", "depth", "entries", "exits", "facts", "keep", "kept", "parents", "tops")

    def __init__(self, codes: Sequence[int], visits: Visits) -> None:
        self.entries = array("i")
        """Position of each call's entry, counted in events."""
        self.exits = array("i")
        self.parents = array("i")
        """The number of the call above inside the segment; UNKNOWN for calls at the top."""
        self.facts: list[tuple[int, int]] = []
        """(call, position) of each fact."""
        self.depth = UNKNOWN
        """How deep the calls at the top stand."""
        self.clean = self._follow(codes, visits)
        self.tops = array("i", [call for call, above in enumerate(self.parents) if above == UNKNOWN])
        tops = [at for call in self.tops for at in (self.entries[call], self.exits[call])]
        self.kept = array("i", sorted(tops) if self.clean else range(len(codes)))
        """The positions whose clocks are kept where times are summed up."""
        self.keep = picker(self.kept)

    def _follow(self, codes: Sequence[int], visits: Visits) -> bool:
        waiting: list[list[int]] = []
        clean = True
        for at, code in enumerate(codes):
            if code >= 0:
                clean &= self._enter(waiting, at, visits[code].depth)
                continue
            depth = depth_of(code)
            if depth >= len(waiting) or not waiting[depth]:
                return False
            if is_fact(code):
                self.facts.append((waiting[depth][-1], at))
            else:
                self.exits[waiting[depth].pop()] = at
        return clean and UNKNOWN not in self.exits

    def _enter(self, waiting: list[list[int]], at: int, depth: int) -> bool:
        del waiting[depth + 1 :]
        while len(waiting) <= depth:
            waiting.append([])
        above = nearest(waiting, depth)
        waiting[depth].append(len(self.entries))
        self.entries.append(at)
        self.exits.append(UNKNOWN)
        self.parents.append(above)
        if above != UNKNOWN:
            return True
        if self.depth == UNKNOWN:
            self.depth = depth
        return self.depth == depth


def nearest(waiting: list[list[int]], depth: int) -> int:
    """The latest waiting call above `depth`: the parent of a call that begins there."""
    for above in range(depth - 1, -1, -1):
        if waiting[above]:
            return waiting[above][-1]
    return UNKNOWN
