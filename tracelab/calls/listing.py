"""The source text of a function that ran, each line with what was seen of it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from ..values import Spec
from .call import Call

Condition = Union[bool, str, None]
"""True or False, `"varied"`, or None where a line asks nothing or it cannot be told."""


SIGNATURE, STATEMENT, CONTINUED, WORD = "signature", "statement", "continued", "word"
COMMENT, EMPTY, DOCUMENTATION = "comment", "empty", "documentation"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of source, and what was seen of it in one call, or in all calls of a column.

    `role`: signature, statement, continued (a further line of a statement), comment, empty, documentation or
    word (`else:`).  `hits`: how often its statement ran; of a loop, how often its body was entered; a text
    (`4…8`, `varied`, `≥9`) where the calls of a column differ, or not all lines were kept.  `reached`: False
    for a statement that never ran, None for a line that never runs by itself (a comment, `else:`), or where
    that is not known.  `bound`: what each name held after the
    line; sizes that differ in a loop, or over the calls of a column, are texts: `f32[1,4…8]`.  `condition`:
    which way a test went.  `calls`: the recorded calls that the line made, in the first call of a column.
    """

    number: int
    text: str = ""
    role: str = STATEMENT
    hits: int | str = 0
    reached: bool | None = None
    bound: Mapping[str, Spec] = field(default_factory=dict)
    condition: Condition = None
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """Calls that ran the same lines, with sizes that are equal or in progression.

    `label`: `prefill`, `decode 1–5`, `calls 2–4`; empty where there is nothing to tell apart.  `steps`: the
    indices of their steps.  `ended`: return, exception, open, or varied.  `cut`: so many events of lines were
    not kept.  `last`: the statement that ran last in the first call, by its line.  `returned`: what it gave
    to the caller, where that is a `return` of a function without decorators, which could have changed it.
    """

    label: str
    calls: tuple[Call, ...]
    lines: tuple[SourceLine, ...]
    steps: tuple[int, ...] = ()
    ended: str = "return"
    cut: int = 0
    last: int = 0
    returned: Spec | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One function that ran, with its lines.

    `call`: the first of `calls`, which are all that the listing stands for.  `name`, `file`, `first`: of the
    function; `first` is the line of its first decorator, `start` that of the `def`.  `lines`: as in the first
    column.  `columns`: the calls side by side, one column for those that went alike.  `place`: where the
    object stands in its model, `model.layers.(0-3).self_attn`.  `problem`: why there is no text.
    `certain`: the text is known to be what ran; without a digest it is what is installed under that name.
    """

    call: Call
    name: str
    file: str
    first: int
    start: int
    columns: tuple[Column, ...]
    place: str = ""
    problem: str | None = None
    certain: bool = True

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls of all columns."""
        return tuple(call for column in self.columns for call in column.calls)

    @property
    def lines(self) -> tuple[SourceLine, ...]:
        """The lines as they were in the first column."""
        return self.columns[0].lines

    def line(self, number: int) -> SourceLine:
        """The line with that number in its file, as it was in the first column."""
        for line in self.lines:
            if line.number == number:
                return line
        first, last = self.lines[0].number, self.lines[-1].number
        raise KeyError(f"{self.name} has the lines {first} to {last}, not {number!r}")

    def text(self, width: int = 80, all: bool = False) -> str:
        """The listing as plain text, cut to a width.  `all`: with the lines that are folded otherwise."""
        found: str = _room().text(self, width, all)
        return found

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Listing of {self.name} in {len(self.calls)} calls>"

    def __rich__(self) -> Any:
        return _room().renderable(self)


class Listings(list[Listing]):
    """The listings of a trace; an empty one says what to record."""

    def __init__(self, found: Iterable[Listing], explanation: str = "") -> None:
        super().__init__(found)
        self.explanation = explanation

    def __str__(self) -> str:
        return "\n\n".join(map(str, self)) or self.explanation

    def __repr__(self) -> str:
        return super().__repr__() if self else f"<{self.explanation}>"


def _room() -> Any:
    return importlib.import_module("tracelab.renderers.source")
