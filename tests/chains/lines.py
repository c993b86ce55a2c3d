"""The line of a source text, found by reading the function: no test knows a line number."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from tracelab.calls import Chain, Link


def line_of(function: Callable[..., Any], text: str) -> int:
    """The number of the one line of `function` that holds `text`."""
    lines, first = inspect.getsourcelines(inspect.unwrap(function))
    found = [number for number, line in enumerate(lines, first) if text in line]
    assert len(found) == 1, (text, found)
    return found[0]


def step(function: Callable[..., Any], text: str) -> tuple[str, int]:
    """A function and the line in it that calls on, as `steps` gives it."""
    return inspect.unwrap(function).__qualname__, line_of(function, text)


def steps(chain: Chain) -> list[tuple[str, int]]:
    """The start and the links of a chain."""
    start = () if chain.start is None else (chain.start,)
    return [(link.function, link.line) for link in (*start, *chain.links)]


def noise(chain: Chain) -> list[tuple[str, str]]:
    """What was hidden: why, and the function, without what stands around the start."""
    return [(link.noise, link.function) for link in chain.noise if link.noise != "around"]


def ends(link: Link, file: str) -> bool:
    """Whether a link stands in a file."""
    return link.file.endswith(file)
