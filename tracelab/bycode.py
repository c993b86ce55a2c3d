"""Remembering what was found out about a code object, of that very object.

`functools.lru_cache` asks codes whether they are equal, and codes of two files are: a copy of a
modeling file would be told to be the original.  Python 3.11 does not even compare the lines of a body.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType
from typing import Any, Concatenate, ParamSpec, TypeVar

Rest = ParamSpec("Rest")
Found = TypeVar("Found")
About = Callable[Concatenate[CodeType, Rest], Found]


def by_code(most: int) -> Callable[[About[Rest, Found]], About[Rest, Found]]:
    """Keep the answers of a function about codes, at most so many."""

    def keeping(function: About[Rest, Found]) -> About[Rest, Found]:
        known: dict[tuple[Any, ...], tuple[CodeType, Found]] = {}

        @functools.wraps(function)
        def asked(code: CodeType, /, *rest: Rest.args, **named: Rest.kwargs) -> Found:
            key = id(code), rest, tuple(named.items())
            found = known.get(key)
            if found is None:
                if len(known) >= most:
                    known.clear()
                # With the code, so that its id stays its own.
                found = known[key] = code, function(code, *rest, **named)
            return found[1]

        return asked

    return keeping
