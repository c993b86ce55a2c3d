"""All that happened to the tensors of a recording that follows them, one move after another, in order.

Which objects are the same is known by their numbers.  That one was made from another is read from the text of
the statement that loads the one and binds the other (`frames`), and of a call whose lines are not known from
what went in and came out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..calls import Call, Trace
from ..events import UNKNOWN
from ..passes import IDENTITIES, LINES, Pass
from ..values import ContainerSpec, Spec
from .frames import Frame
from .functiontext import FunctionTexts
from .move import BACK, CALL, GIVEN, Move
from .placing import Places

PATIENCE = 20_000_000
"""So many moves are looked at again, in all, to tell whether what came out of a call was made in it."""


class Moves:
    """The moves of a trace.  `begins`, `ends`: how many there were when a call began, and when it ended."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.texts = FunctionTexts(trace.columns.sources)
        self.all: list[Move] = []
        self.begins: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.specs: dict[int, Spec] = {}
        self.by_source: dict[int, list[int]] = {}
        self._patience = PATIENCE
        for row in self.followed():
            if not self.is_followed(trace.columns.parent[row]):
                self._run(row)
        for at, move in enumerate(self.all):
            self.by_source.setdefault(move.source, []).append(at)

    # --- what is known of a call ----------------------------------------------------------------

    def followed(self) -> list[int]:
        """The calls whose tensors have numbers."""
        facts = self.trace.columns.facts
        return [row for row in sorted(facts) if IDENTITIES in facts[row]]

    def is_followed(self, row: int) -> bool:
        """Whether the tensors of a call have numbers."""
        return row != UNKNOWN and IDENTITIES in self.trace.columns.facts.get(row, {})

    def lines(self, row: int) -> Pass | None:
        """The lines of a call, where they are known."""
        seen = self.trace.columns.facts.get(row, {}).get(LINES)
        return seen if isinstance(seen, Pass) else None

    def inputs(self, row: int) -> Places:
        """The tensors that went into a call."""
        return self._side(row, "inputs")

    def outputs(self, row: int) -> Places:
        """The tensors that it gave back."""
        return self._side(row, "output")

    def _side(self, row: int, side: str) -> Places:
        found: Places = self.trace.columns.facts.get(row, {}).get(IDENTITIES, {}).get(side, ())
        return found

    # --- what frames tell -----------------------------------------------------------------------

    def see(self, number: int, spec: Spec | None, place: str) -> None:
        """Note the spec of a tensor that is at a place of a value with that spec."""
        if number in self.specs or spec is None:
            return
        found: Spec | None = spec
        if isinstance(spec, ContainerSpec):
            key = place.rpartition("[")[2].removesuffix("]")
            found = spec.get(int(key)) if key.isdecimal() and key not in spec else spec.get(key)
        if found is not None:
            self.specs[number] = found

    def recent(self, frame: int, line: int) -> Iterator[Move]:
        """The last moves, as long as they are of that line."""
        for move in reversed(self.all):
            if (move.row, move.line) != (frame, line):
                return
            yield move

    # --- one call after another -----------------------------------------------------------------

    def _run(self, row: int) -> None:
        """The moves of a call and of all in it; calls may stand in each other very deep."""
        waiting = [self._call(Call(self.trace, row), UNKNOWN)]
        while waiting:
            following = next(waiting[-1], None)
            if following is None:
                waiting.pop()
            else:
                waiting.append(self._call(*following))

    def _call(self, call: Call, frame: int) -> Iterator[tuple[Call, int]]:
        """The moves of a call; gives the calls in it, with the watched call that they are in."""
        row, given = call.id, call.inputs
        place_of = call.call_site
        line = None if place_of is None else place_of.line
        self.begins[row] = begin = len(self.all)
        for place, number in self.inputs(row):
            self.see(number, given.get(place, given.get(place.partition("[")[0])), place)
            self.all.append(Move(GIVEN, number, number, row, frame, line, place))
        seen = self.lines(row)
        inside = iter(call.children) if seen is None else Frame(self, call, seen, self.texts.of(seen)).moves()
        for child in inside:
            yield child, frame if seen is None else row
        for place, number in self.outputs(row):
            self.see(number, call.output, place)
        self.all += self._came_out(row, frame, line, begin)
        self.ends[row] = len(self.all)

    def _came_out(self, row: int, frame: int, line: int | None, begin: int) -> Iterator[Move]:
        """What a call gave back: something that went in, or something new."""
        inputs, outputs, seen = self.inputs(row), self.outputs(row), self.lines(row)
        doubtful = seen is not None and not seen.cut and self.texts.of(seen).problem is None
        went_in = {number: place for place, number in reversed(inputs)}
        made = [number for _, number in outputs if number not in went_in]
        for source, name in reversed(went_in.items()):
            reached = self._reached(source, begin) if made else None
            for target in made:
                if reached is not None and target not in reached:
                    yield Move(CALL, source, target, row, frame, line, name, doubtful=doubtful)
        for place, number in outputs:
            if number in went_in:
                yield Move(BACK, number, number, row, frame, line, place)

    def _reached(self, source: int, begin: int) -> set[int] | None:
        """What was made of a tensor since then, as far as the moves tell; None if it took too long."""
        self._patience -= len(self.all) - begin
        if self._patience < 0:
            return None
        reached = {source}
        for move in self.all[begin:]:
            if move.source in reached:
                reached.add(move.target)
        return reached


def moves(trace: Trace) -> Moves:
    """The moves of a trace, kept until it changes."""
    found: Moves = trace.memo("moves", lambda: Moves(trace))
    return found
