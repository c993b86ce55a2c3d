"""What the numbers of a recording mean whose tables hold every spec and signature."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..events import FACT, UNKNOWN, Recording, raised, returned
from ..forms import FACT_NUMBER, NOTHING, Given, Meaning, error, split, split_given
from .block import Block, loose_block
from .codes import sort_of
from .packer import packed_codes
from .tables import Tables
from .unpack import Event


class Listed:
    """Looks numbers up in the tables of a recording; each is split once."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._known: dict[tuple[bool, int], Meaning] = {}

    def given(self, number: int) -> Meaning:
        """What the number of a signature means."""
        found = self._known.get((True, number))
        if found is None:
            specs = self._recording.specs
            signature = self._recording.signatures[number]
            arguments = Given(
                tuple([specs[at] for at in signature.positional]),
                tuple([(name, specs[at]) for name, at in signature.keywords]),
            )
            found = self._known[True, number] = split_given(arguments)
        return found

    def came(self, code: int, number: int) -> Meaning:
        """What the number in a row with this code, which is no entry, means."""
        if number == UNKNOWN:
            return Meaning(NOTHING, ())
        if code == FACT:
            return Meaning(FACT_NUMBER, (number,))
        if code & 1:
            return Meaning(error(self._recording.errors[number]), ())
        found = self._known.get((False, number))
        if found is None:
            found = self._known[False, number] = split(self._recording.specs[number])
        return found


class Book(Protocol):
    """Says what numbers mean: `Listed`, or a `Packer` with the recorder behind it."""

    @property
    def given(self) -> Callable[[int], Meaning]:
        """What the number of a signature means."""
        ...

    @property
    def came(self) -> Callable[[int, int], Meaning]:
        """What the number in a row with some other code means."""
        ...


@dataclass(frozen=True, slots=True)
class Tail:
    """The events at the end of a lane that are not packed yet, as those of blocks are read."""

    codes: array[int]
    meanings: list[Meaning]
    clocks: list[int]

    def __iter__(self) -> Iterator[Event]:
        return zip(self.codes, self.meanings, self.clocks, strict=True)

    def block(self, tables: Tables) -> Block:
        """The same events as a block in which all are loose."""
        numbers = [tables.meaning(tables.form(form), sizes) for form, sizes in self.meanings]
        return loose_block(self.codes, array("i", numbers), self.clocks)


def tail(rows: list[int], book: Book) -> Tail:
    """The events of rows that are not packed yet."""
    whole = len(rows) // 3 * 3
    codes, numbers, clocks = rows[0:whole:3], rows[1:whole:3], rows[2:whole:3]
    packed = array("i", packed_codes(codes, clocks))
    came = book.came
    looks = (
        Once(book.given),
        Once(lambda number: came(returned(0), number)),
        Once(lambda number: came(raised(0), number)),
        Once(lambda number: came(FACT, number)),
    )
    look = {code: looks[sort_of(code)] for code in set(packed)}
    meanings = [look[code][number] for code, number in zip(packed, numbers, strict=True)]
    return Tail(packed, meanings, clocks)


class Once(dict[int, Meaning]):
    """What numbers of one sort mean; each is looked up once."""

    def __init__(self, look: Callable[[int], Meaning]) -> None:
        super().__init__({UNKNOWN: Meaning(NOTHING, ())})
        self._look = look

    def __missing__(self, number: int) -> Meaning:
        found = self[number] = self._look(number)
        return found
