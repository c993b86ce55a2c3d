"""What it costs to see the lines of one function out of two hundred, beside tools that are made for it.

A chain of 200 tiny modules of as many classes, in which nearly all that is measured is the tracer.  All tools
look at the `forward` of one of them: its lines, and what they bound.  hunter, snoop and pysnooper print what
they see, into nothing.

`python -m tests.benchmarks.linewise` prints the table.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch
from torch import nn

import tracelab

from .measure import rounds_of

FUNCTIONS = 200
LINES = 6
"""Line events of one call of the forward below: five lines, and the entry."""


class Plain(nn.Module):
    """Does as little as five lines can."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        hidden = x
        if mask is not None:
            hidden = hidden * mask
        kept = hidden
        return kept  # noqa: RET504 - a line of its own


class Watched(nn.Module):
    """The same in another place."""

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        hidden = x
        if mask is not None:
            hidden = hidden * mask
        kept = hidden
        return kept  # noqa: RET504 - a line of its own


class Chain(nn.Module):
    """One after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Plain() for _ in range(FUNCTIONS - 1)] + [Watched()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for one in self.layers:
            x = one(x)
        return x


def programs(passes: int) -> dict[str, Callable[[], object]]:
    """The chain, so many times: plain, traced, and under each tool that is installed."""
    model, x = Chain(), torch.ones(1, 2)

    def run() -> None:
        for _ in range(passes):
            model(x)

    def within(around: Callable[[], contextlib.AbstractContextManager[Any]]) -> Callable[[], None]:
        def program() -> None:
            with around():
                run()

        return program

    found = {
        "not traced": run,
        "tracelab": within(tracelab.trace),
        "tracelab, source= of one": within(lambda: tracelab.trace(source="Watched.forward")),
        "tracelab, source= of all": within(lambda: tracelab.trace(source=["Plain.*", "Watched.*"])),
    }
    for name, around in others().items():
        found[name] = within(around)
    return found


def others() -> dict[str, Callable[[], contextlib.AbstractContextManager[Any]]]:
    """Other tools that show lines with values, by name, if they are installed."""
    import hunter

    code = Watched.forward.__code__
    names = ("hidden", "kept", "x", "mask")

    @contextlib.contextmanager
    def by_hunter() -> Iterator[None]:
        printer = hunter.VarsPrinter(*names, stream=io.StringIO())
        where = {"filename": code.co_filename, "lineno_gte": code.co_firstlineno}
        with hunter.trace(**where, lineno_lt=code.co_firstlineno + LINES, action=printer):
            yield

    found: dict[str, Any] = {"hunter, its own printer": by_hunter}
    with contextlib.suppress(ImportError):
        import pysnooper

        found["pysnooper"] = _decorated(lambda: pysnooper.snoop(output=io.StringIO().write))
    with contextlib.suppress(ImportError):
        import snoop

        found["snoop"] = _decorated(lambda: snoop.Config(out=io.StringIO()).snoop)
    return found


def _decorated(decorator: Callable[[], Any]) -> Callable[[], contextlib.AbstractContextManager[Any]]:
    @contextlib.contextmanager
    def around() -> Iterator[None]:
        original = Watched.forward
        Watched.forward = decorator()(original)  # type: ignore[method-assign]
        try:
            yield
        finally:
            Watched.forward = original  # type: ignore[method-assign]

    return around


def measured(passes: int, rounds: int) -> dict[str, float]:
    """Seconds of each program: the median of so many rounds, in which they alternate."""
    every = programs(passes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for program in every.values():
            program()
        return {name: median(taken) for name, taken in rounds_of(every, rounds).items()}


def microseconds_a_line(took: dict[str, float], passes: int) -> float:
    """What a line event of the one function adds, over a plain trace."""
    added = took["tracelab, source= of all"] - took["tracelab"]
    return added / (passes * FUNCTIONS * LINES) * 1e6


def main() -> None:
    """Print the table in Markdown."""
    passes = 40
    took = measured(passes, 9)
    print("| one forward of 200 | × the untraced run | × a plain trace |\n| --- | ---: | ---: |")
    for name, seconds in took.items():
        print(f"| {name} | {seconds / took['not traced']:.2f}× | {seconds / took['tracelab']:.2f}× |")
    print(f"\n{microseconds_a_line(took, passes):.1f} µs a line event.")


if __name__ == "__main__":
    main()
