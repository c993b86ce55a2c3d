"""What a line of source says: the function around it, and where the name that it calls was bound."""

from __future__ import annotations

import pytest

from tracelab.analyses.statements import binding, function_at

SOURCE = tuple(
    """\
import os
os.getcwd()
class Mixin:
    def generate(self, x, f):
        method = self.first
        method = getattr(type(self), "second")
        result = method(
            x,
        )
        for part in self.parts:
            x = part(x)
        with open(x) as file: file(x)
        if (walrus := self.get()): walrus(x)
        self.method(x)
        f(x)
        g(method(part(x)))
        method = later(x)
        def inner():
            def innermost():
                return method(x)
            return innermost
    @decorated
    async def other(self):
        return [each(y) for each in self]
""".splitlines()
)


@pytest.mark.parametrize(
    ("line", "function"),
    [
        (1, ""),
        (2, ""),
        (3, "Mixin"),
        (5, "Mixin.generate"),
        (8, "Mixin.generate"),
        (20, "Mixin.generate.inner.innermost"),
        (21, "Mixin.generate.inner"),
        (22, "Mixin"),
        (24, "Mixin.other"),
        (99, ""),
        (-1, ""),
    ],
)
def test_the_function_around_a_line(line: int, function: str) -> None:
    assert function_at(SOURCE, line) == function


@pytest.mark.parametrize(
    ("line", "bound"),
    [
        (2, None),
        (7, 6),  # the last one before it
        (11, 10),  # a loop
        (12, None),  # bound in the same line
        (14, None),  # an attribute
        (15, None),  # a parameter
        (16, None),  # two of them
        (20, 17),  # from the function around the function around it
        (24, None),
    ],
)
def test_where_the_name_was_bound(line: int, bound: int | None) -> None:
    assert binding(SOURCE, line) == bound


@pytest.mark.parametrize("lines", [("def f(:",), ("(" * 5000,), ("\0",), ("x = 1\\",), ()])
def test_what_cannot_be_parsed_says_nothing(lines: tuple[str, ...]) -> None:
    assert function_at(lines, 1) in (None, "")
    assert binding(lines, 1) is None


def test_a_warning_about_somebody_s_text_is_not_shown() -> None:
    assert function_at(('x = "\\d"',), 1) == ""
