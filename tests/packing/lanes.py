"""Made-up lanes with made-up tables of numbers: what a recorder would give a packer."""

from __future__ import annotations

import random

from tracelab.events import FACT, Visit, raised, returned
from tracelab.forms import FACT_NUMBER, NOTHING, Form, Meaning, container, error, given, tensor

VISITS = [Visit(site, site % 3, depth) for depth in range(40) for site in range(10)]
"""Ten sites at every depth: the code of a site at a depth is `10 * depth + site`."""

_TENSOR = tensor(3, "float32")
_PAIR = container("tuple", (0, 1), (_TENSOR, _TENSOR), 2)
_FORMS: list[Form] = [
    given(1, (), (_TENSOR,)),
    given(1, ("mask",), (_TENSOR, _TENSOR)),
    given(2, ("mask", "cache"), (_TENSOR, _PAIR, _TENSOR, _PAIR)),
]


class Book:
    """Says what numbers mean: the form by the number's remainder, the sizes grow with it."""

    def __init__(self) -> None:
        self.asked = 0

    def given(self, number: int) -> Meaning:
        self.asked += 1
        form = _FORMS[number % 3]
        return Meaning(form, (1, number // 3, 64) * (form.width // 3))

    def came(self, code: int, number: int) -> Meaning:
        self.asked += 1
        if code == FACT:
            return Meaning(FACT_NUMBER, (number,))
        if code & 1:
            return Meaning(error(f"Error{number}"), ())
        form = _PAIR if number % 2 else _TENSOR
        return Meaning(form, (1, number // 2, 64) * (form.width // 3))

    def meaning(self, code: int, number: int) -> Meaning:
        """What a row with this code and number must mean after packing."""
        if number == -1:
            return Meaning(NOTHING, ())
        return self.given(number) if code >= 0 else self.came(code, number)


def told(rows: list[int]) -> list[tuple[int, Meaning, int]]:
    """The rows with meanings for numbers."""
    book = Book()
    whole = len(rows) // 3 * 3
    return [(rows[at], book.meaning(rows[at], rows[at + 1]), rows[at + 2]) for at in range(0, whole, 3)]


def step(calls: int, number: int, clock: int, depth: int = 2, growing: int = 10) -> list[int]:
    """One pass of a model of so many calls in layers of 8, where `growing` numbers grow."""
    rows: list[int] = []
    ticks = random.Random(number)
    constants = 3000

    def tick() -> int:
        nonlocal clock
        clock += ticks.randrange(1000, 5000)
        return clock

    rows += [10 * depth, 6 * number + 3_000_000, tick()]
    made, layer = 1, 0
    while made < calls:
        rows += [10 * (depth + 1) + 1, 3 * (layer % 3) + 3 * (number if growing > 4 else 0), tick()]
        made += 1
        for inner in range(min(7, calls - made)):
            grown = 3 * (number * 3 + inner) + 6_000_000 if layer == 0 and inner < growing else 0
            rows += [
                10 * (depth + 2) + inner,
                grown or constants + inner % 5,
                tick(),
            ]
            rows += [returned(depth + 2), constants + inner % 3, tick()]
            made += 1
        rows += [returned(depth + 1), constants, tick()]
        layer += 1
    rows += [returned(depth), 2 * number, tick()]
    return rows


def loop(calls: int, steps: int, growing: int = 10) -> list[int]:
    """A root that calls so many steps at depth 2."""
    rows = [0, 0, 5, 11, 1, 8]
    for number in range(steps):
        rows += step(calls, number, rows[-1], growing=growing)
    rows += [returned(1), 2, rows[-1] + 5]
    return rows + [raised(0), 1, rows[-1] + 9]


def grown(seed: int, calls: int) -> tuple[list[int], int]:
    """A random forest over 400 visits with random known numbers, of at least so many calls; and how many."""
    choice = random.Random(seed)
    rows: list[int] = []
    clock = 0

    def call(depth: int) -> None:
        nonlocal clock
        clock += choice.randrange(1000, 9000)
        rows.extend((10 * depth + choice.randrange(10), choice.randrange(300), clock))
        while depth < 39 and choice.random() < 0.45:
            call(depth + 1)
        clock += choice.randrange(1000, 9000)
        rows.extend((returned(depth), choice.randrange(300), clock))

    while len(rows) < calls * 6:
        call(0)
    return rows, len(rows) // 6
