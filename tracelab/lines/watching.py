"""What a recorder asks of the lines: is this callee watched; one of its calls begins, and ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import CodeType
from typing import Any

from ..describe import file_name
from ..events import Site
from ..passes import Line, Pass
from ..values import Spec
from .choice import Choice
from .gate import the_gate
from .hunting import Hunt, Predicate
from .identities import Identities
from .stores import runs_later
from .watch import Raw, Watch


class Watched:
    """A callee whose lines are wanted: the code that its calls run, and of how many of them.

    `predicate`: what says which lines; None for all.
    """

    __slots__ = ("_code", "_count", "_most", "predicate")

    def __init__(self, code: CodeType, most: int | None, predicate: Predicate | None) -> None:
        self._code = code
        self.predicate = predicate
        self._most = most
        self._count = itertools.count()

    def code(self) -> CodeType | None:
        """Of the next call; None once enough calls were watched."""
        number = next(self._count)
        return self._code if self._most is None or number < self._most else None


class Watching:
    """The choices of one recording.  `lost`: how often somebody else took the tracer's place, by name.

    `identities`: the tensors that are followed, where they are.
    """

    def __init__(self, chosen: tuple[Choice, ...], follow: bool = False) -> None:
        self._chosen = chosen
        self.identities = Identities() if follow else None
        self._gate = the_gate()
        self.lost: dict[str, int] = {}

    def watched(self, site: Site, code: CodeType | None) -> Watched | None:
        """The callee at `site`, whose function has this code, if somebody wants its lines."""
        fitting = [choice for choice in self._chosen if choice.fits(site)]
        if not fitting or code is None or runs_later(code):
            return None
        most = None if None in [choice.most for choice in fitting] else 1
        asked = [choice.predicate for choice in fitting]
        return Watched(code, most, None if None in asked else asked[0])

    def begin(
        self, watched: Watched, see: Callable[[Any], int], fault: Callable[[str, Exception], None]
    ) -> Watch | None:
        """A call begins, on this thread."""
        code = watched.code()
        if code is None:
            return None
        predicate = watched.predicate
        places = None if self.identities is None else self.identities.places
        if predicate is None:
            watch = Watch(code, see, fault, places)
        else:
            watch = Hunt(code, see, fault, predicate, places)
        self._gate.open(watch)
        return watch

    def end(self, watch: Watch, failed: bool) -> Raw | None:
        """It has ended: what was seen of it."""
        instead = self._gate.close(watch)
        if instead is not None:
            self.lost[instead] = self.lost.get(instead, 0) + 1
            watch.lose()
        return watch.raw(failed)

    def passed(self, raw: Raw, spec: Callable[[int], Spec]) -> Pass:
        """A pass with specs in place of their numbers."""
        code, ended, cut, lines = raw
        made = [
            Line(number, tuple([(name, spec(of)) for name, of in bound]), *same)
            for number, bound, *same in lines
        ]
        file = file_name(code.co_filename)
        return Pass(file, code.co_firstlineno, code.co_qualname, tuple(made), ended, cut)

    def close(self) -> None:
        """The recording is over."""
        if self.identities is not None:
            self.identities.forget()
        self._gate.tidy()


def watching(chosen: tuple[Choice, ...], follow: bool = False) -> Watching | None:
    """For what was given as `source=`; None if nothing was.  `follow`: tell tensors apart."""
    return Watching(chosen, follow) if chosen else None
