"""Which execution of which statement made a call, and by which words.

A call knows the line that made it, a statement the calls that stand in it, in the order in which they are
made.  Both are gone through side by side: a call belongs to the next execution of its line, by the next words
that can mean it.  One that a helper made, whose lines are not known, comes once all that went into it is met.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..calls import Call
from ..events import Site
from ..passes import Pass
from .executions import Execution
from .expressions import label
from .flows import calls, parts_of
from .functiontext import FunctionText

Places = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A call, and the words that made it."""

    call: Call
    node: ast.Call | None = None


def placed(
    call: Call,
    seen: Pass,
    ran: Sequence[Execution],
    text: FunctionText,
    inputs: Callable[[int], Places],
) -> dict[int, list[Placed]]:
    """The calls that each execution made, by its place in the order."""
    found: dict[int, list[Placed]] = {}
    finder = _Finder(seen, ran, text)
    for child in call.children:
        place = child.call_site
        number = text.outline.at.get(place.line) if place is not None and place.file == seen.file else None
        if number is None:
            at, node = finder.once_known([one for _, one in inputs(child.id)]), None
        else:
            at, node = finder.next(number, child.site)
        found.setdefault(at, []).append(Placed(child, node))
    return found


class _Finder:
    """Goes through the executions.  `_at`: the one that made the last call; `_words`: so many are used."""

    def __init__(self, seen: Pass, ran: Sequence[Execution], text: FunctionText) -> None:
        self._ran = ran
        self._text = text
        self._at = 0
        self._words = 0
        self._tensors = {place for line in seen.lines for place, _ in line.same}
        self._met: dict[int, int] = {}
        for at, execution in enumerate(ran):
            for places in execution.same.values():
                for _, number in places:
                    self._met.setdefault(number, at)

    def once_known(self, numbers: Sequence[int]) -> int:
        """The first execution after all of these tensors were bound."""
        return max([self._at, *[self._met[number] + 1 for number in numbers if number in self._met]])

    def next(self, unit: int, site: Site) -> tuple[int, ast.Call | None]:
        """The execution of `unit` that makes the next call of a site."""
        first: tuple[int, ast.Call | None] | None = None
        for at in range(self._at, len(self._ran)):
            if self._ran[at].unit != unit:
                continue
            words = self._calls(unit)
            used = self._words if at == self._at else 0
            position = self._meant(words, used, site)
            if position is not None:
                self._at, self._words = at, position + 1
                return at, words[position]
            first = first or (at, words[used - 1] if words and used else None)
            if not words or at > self._at:
                break
        at, node = first or (self._at, None)
        self._at, self._words = at, self._words if at == self._at else 0
        return at, node

    def _calls(self, unit: int) -> list[ast.Call]:
        statement = self._text.statements.get(self._text.outline.units[unit].first)
        return [] if statement is None else calls(parts_of(statement))

    def _meant(self, words: Sequence[ast.Call], used: int, site: Site) -> int | None:
        """The words that can mean a site: by its name, else any that call no method of a tensor."""
        names = {(site.path or "").rpartition(".")[2], site.function, site.owner}
        after = range(used, len(words))
        named = [at for at in after if label(words[at]) in names]
        fitting = named or [at for at in after if self._is_open(words[at])]
        return fitting[0] if fitting else None

    def _is_open(self, words: ast.Call) -> bool:
        function: ast.expr = words.func
        while isinstance(function, (ast.Attribute, ast.Subscript)):
            function = function.value
        return isinstance(function, ast.Name) and function.id not in self._tensors
