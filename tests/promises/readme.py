"""The README's table of promises: what is promised, and how often it was attacked in vain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PAGE = Path(__file__).resolve().parent.parent.parent / "README.md"

PROMISES = tuple(
    f"tests.promises.test_{name}"
    for name in (
        "same_results",
        "nothing_kept",
        "undone",
        "own_faults",
        "hostile_values",
        "death",
        "lost_files",
        "concurrency",
        "turns",
        "processes",
        "one_path",
        "bounded",
        "private",
        "inert_output",
        "safe_reading",
        "wrapped_models",
    )
)
"""The test modules, in the order of the README."""


class Attacked(NamedTuple):
    """One promise after a run."""

    promise: str
    tests: int
    figures: Mapping[str, int]

    @classmethod
    def of(cls, module: ModuleType, tests: int, figures: Mapping[str, int]) -> Attacked:
        return cls(promise_of(module), tests, figures)


def promise_of(module: ModuleType) -> str:
    """The first paragraph of a test module: what it tries to break."""
    return " ".join((module.__doc__ or "").partition("\n\n")[0].split())


def section(attacked: Sequence[Attacked]) -> str:
    """The whole section without its two comments."""
    rows = ["| promise | attacked by |", "| --- | --- |"]
    rows += [f"| {one.promise} | {counts(one)} |" for one in attacked]
    return "\n" + "\n".join(rows) + "\n"


def counts(one: Attacked) -> str:
    """`12 tests; 3,812 faults injected`."""
    tests = "1 test" if one.tests == 1 else f"{one.tests} tests"
    return "; ".join([tests, *(f"{number:,} {what}" for what, number in one.figures.items())])
