"""The moves inside one watched call: statement by statement, with the calls that each made in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..calls import Call
from ..passes import Pass
from .executions import Execution, executions
from .flows import RETURNED, Flow, Given, Load, Target, flows
from .functiontext import FunctionText
from .move import KEPT, LINE, RETURN, Move
from .placing import Placed, Places, placed


class Frame:
    """One watched call while its moves are put together.  `book` knows the calls and takes the moves."""

    def __init__(self, book: Any, call: Call, seen: Pass, text: FunctionText) -> None:
        self._book = book
        self._call = call
        self._text = text
        self._seen = seen
        self._held: dict[str, Places] = {}
        self._here: Sequence[Placed] = ()
        self._line = 0

    def moves(self) -> Iterator[Call]:
        """Adds the moves; gives the calls that are made, each when its turn comes."""
        ran = executions(self._seen, self._text.outline)
        made = placed(self._call, self._seen, ran, self._text, self._book.inputs)
        for at, execution in enumerate(ran):
            self._line = self._text.outline.units[execution.unit].first
            self._here = made.get(at, ())
            statement = self._text.statements.get(self._line)
            known = frozenset(id(one.node) for one in self._here if one.node is not None)
            ways = [] if statement is None else self._nearest(flows(statement, known))
            for one in self._here:
                self._give(one, ways)
                yield one.call
            self._bind(execution, ways)
        for one in made.get(len(ran), ()):
            yield one.call

    # --- what goes into a call ------------------------------------------------------------------

    def _give(self, one: Placed, ways: Sequence[Flow]) -> None:
        """What is made on the way into a call: `self.o_proj(x.reshape(...))`."""
        inputs = self._book.inputs(one.call.id)
        old = self._known()
        for way in ways:
            end = way.end
            if not isinstance(end, Given) or end.call is not one.node or not way.operations:
                continue
            parameter = _parameter(end.argument, one.call)
            for target in _under(inputs, parameter):
                for source, loaded in self._sources(way):
                    if target not in old or target == source:
                        self._add(LINE, source, target, parameter, way.operations, loaded)

    # --- what a statement binds -----------------------------------------------------------------

    def _bind(self, execution: Execution, ways: Sequence[Flow]) -> None:
        """The moves of a statement, once it has run."""
        old = self._known()
        for way in _apart(ways):
            if isinstance(way.end, Target):
                if way.end.name == RETURNED:
                    self._return(way, way.end, old)
                else:
                    self._into(way, way.end, execution, old)
        told = {(move.target, move.name) for move in self._book.recent(self._call.id, self._line)}
        for places in execution.same.values():
            for place, number in places:
                self._book.see(number, execution.bound.get(place.partition("[")[0]), place)
                if (number, place) not in told:
                    self._add(LINE, number, number, place, (), self._name_of(number))
        self._held.update(execution.same)

    def _nearest(self, ways: Sequence[Flow]) -> Sequence[Flow]:
        """Without `outputs.logits` as something made of `outputs`, where that holds just this."""
        held = {
            (way.begin.name, way.operations, way.end)
            for way in ways
            if isinstance(way.begin, Load) and way.begin.key is not None and self._sources(way)
        }
        if not held:
            return ways
        return [
            way
            for way in ways
            if not isinstance(way.begin, Load)
            or way.begin.key is not None
            or (way.begin.name, way.operations[1:], way.end) not in held
            or not way.operations
        ]

    def _into(self, way: Flow, target: Target, execution: Execution, old: set[int]) -> None:
        """A name is bound, or something is written into what it holds, or kept under it."""
        if target.stored and not target.inplace:
            for source, loaded in self._sources(way):
                self._add(KEPT, source, source, target.name, way.operations, loaded)
            return
        numbers = execution.same.get(target.name)
        if numbers is None and target.inplace:
            numbers = self._held.get(target.name)
        for place, number in numbers or ():
            for source, loaded in self._sources(way):
                is_new = number not in old or (target.inplace and number != source)
                if way.operations and (is_new or number == source):
                    self._add(LINE, source, number, place, way.operations, loaded)

    def _return(self, way: Flow, target: Target, old: set[int]) -> None:
        """Something is given back."""
        outputs: Places = self._book.outputs(self._call.id)
        there = [number for place, number in outputs if target.key in (None, place)]
        for source, loaded in self._sources(way):
            for number in there:
                if number == source or (way.operations and number not in old):
                    self._add(RETURN, source, number, "", way.operations, loaded)

    # --- what is known at this line -------------------------------------------------------------

    def _sources(self, way: Flow) -> list[tuple[int, str]]:
        """The tensors that a way begins at, each with the name that it has there."""
        begin = way.begin
        if isinstance(begin, Load):
            held = self._held.get(begin.name, ())
            if begin.key is not None:
                return [
                    (number, begin.name) for place, number in held if place == f"{begin.name}[{begin.key}]"
                ]
            return [(number, begin.name) for _, number in held]
        rows = [one.call.id for one in self._here if one.node is begin]
        return [(number, "") for row in rows for _, number in self._book.outputs(row)]

    def _known(self) -> set[int]:
        """The tensors that were there before."""
        made = [number for one in self._here for _, number in self._book.outputs(one.call.id)]
        return {number for places in self._held.values() for _, number in places} | set(made)

    def _name_of(self, number: int) -> str:
        names = [name for name, places in self._held.items() if number in [one for _, one in places]]
        return names[-1] if names else ""

    def _add(self, kind: str, source: int, target: int, name: str, how: tuple[str, ...], loaded: str) -> None:
        row = self._call.id
        self._book.all.append(Move(kind, source, target, row, row, self._line, name, how, loaded))


def _apart(ways: Sequence[Flow]) -> Sequence[Flow]:
    """Without the ways across in `q, k = rotate(q, k, angle)`: each is taken to be made from itself."""
    own = {
        way.end.name
        for way in ways
        if isinstance(way.end, Target) and isinstance(way.begin, Load) and way.begin.name == way.end.name
    }
    if len(own) < 2:
        return ways
    return [way for way in ways if _names(way)[0] == _names(way)[1] or not own.issuperset(_names(way))]


def _names(way: Flow) -> tuple[str, str]:
    begin = way.begin.name if isinstance(way.begin, Load) else ""
    return begin, way.end.name if isinstance(way.end, Target) else ""


def _parameter(argument: int | str, call: Call) -> str:
    """The parameter of a call that an argument is for."""
    if isinstance(argument, str):
        return argument
    names = call.site.parameters
    return (
        names[argument]
        if argument < len(names)
        else f"{call.site.varargs or 'args'}[{argument - len(names)}]"
    )


def _under(places: Places, name: str) -> list[int]:
    """The tensors at a place, or in it."""
    return [number for place, number in places if place == name or place.startswith(f"{name}[")]
