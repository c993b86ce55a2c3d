"""Describing the usual way, with readers, held against describing each value anew.

`Callee` stands for one side of one callee; several of one class share a `Kin`.  `told` goes the way of the
recorder: the reader first, the describer where it says nothing.  `checked` reads all numbers back in the two
ways that there are, by tables (`settled_*`, `specs`) and by forms (`given`, `came`), and compares them with
what a describer says that has never seen anything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tracelab.describe import Describer, Habit, Kin
from tracelab.events import Signature
from tracelab.forms import Given
from tracelab.values import Spec


class Call(NamedTuple):
    """The arguments of one call."""

    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012


class Told(NamedTuple):
    """What came out for one value or call."""

    number: int
    by_reader: bool
    expected: Any


@dataclass
class Usual:
    """One describer, and callees of one class that share what they learn."""

    options: dict[str, bool] = field(default_factory=dict)
    callees: int = 1

    def __post_init__(self) -> None:
        self.describer = Describer(**self.options)
        self.takes, self.gives = Kin(), Kin()
        self.inputs = [Habit(self.takes) for _ in range(self.callees)]
        self.outputs = [Habit(self.gives) for _ in range(self.callees)]

    def call(self, given: Call, callee: int = 0) -> Told:
        """One call of a callee."""
        habit = self.inputs[callee]
        expected = alone(given, self.options)
        number = habit.read(*given)
        if number is not None:
            return Told(number, True, expected)
        known = any(reader(*given) is not None for reader in self.takes.readers)
        return Told(self.describer.usual_call(habit, *given), known, expected)

    def value(self, value: Any, callee: int = 0) -> Told:
        """One result of a callee."""
        habit = self.outputs[callee]
        expected = alone(value, self.options)
        number = habit.read(value)
        if number is not None:
            return Told(number, True, expected)
        known = any(reader(value) is not None for reader in self.gives.readers)
        return Told(self.describer.usual_value(habit, value), known, expected)

    def told(self, values: Sequence[Any], callees: Sequence[int] = ()) -> list[Told]:
        """All of them in order; calls and values may be mixed."""
        found = []
        for at, value in enumerate(values):
            callee = callees[at] % self.callees if at < len(callees) else 0
            found.append(self.call(value, callee) if type(value) is Call else self.value(value, callee))
        self.check(found)
        return found

    def check(self, told: Sequence[Told]) -> None:
        """Every number means what it should, in both ways of reading."""
        describer = self.describer
        forms = [filled(describer, one) for one in told]
        settled = [
            describer.settled_call(one.number)
            if isinstance(one.expected, Given)
            else describer.settled_value(one.number)
            for one in told
        ]
        specs, signatures = describer.specs(), describer.signatures()
        for one, form, number in zip(told, forms, settled, strict=True):
            is_call = isinstance(one.expected, Given)
            table = given(signatures[number], specs) if is_call else specs[number]
            assert table == one.expected
            assert form == one.expected


def alone(value: Any, options: dict[str, bool]) -> Any:
    """What a new describer says."""
    describer = Describer(**options)
    if type(value) is Call:  # a hostile value may answer `isinstance`
        number = describer.signature(*value)
        return given(describer.signatures()[number], describer.specs())
    number = describer.see(value)
    return describer.specs()[number]


def filled(describer: Describer, one: Told) -> Any:
    """What the form of a number says."""
    look = describer.given if isinstance(one.expected, Given) else describer.came
    form, sizes = look(one.number)
    return form.fill(sizes)


def given(signature: Signature, specs: list[Spec]) -> Given:
    """A signature with its specs."""
    return Given(
        tuple([specs[at] for at in signature.positional]),
        tuple([(name, specs[at]) for name, at in signature.keywords]),
    )
