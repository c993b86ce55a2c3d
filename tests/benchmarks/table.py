"""Figures as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from importlib import metadata

from .costs import Cost
from .measure import Spread
from .parts import VARIANTS, WHOLE, Parts
from .sizes import Answers, Size
from .workloads import Program, Workload

NO_FIGURE = "–"

COSTS = (
    "tracer",
    "× the untraced run (quartiles)",
    "added, empty hooks = 1",
    "added µs a call",
    "memory kept",
    "file",
    "remarks",
)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table: the first column is words, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def workload_table(workload: Workload, program: Program, costs: Sequence[Cost]) -> str:
    """All tracers on one workload."""
    title = f"### {workload.title}: {program.calls:,} module calls"
    return f"{title}\n\n{markdown(COSTS, [cost_row(cost) for cost in costs])}"


def cost_row(cost: Cost) -> list[str]:
    figures = [NO_FIGURE] * 3
    if cost.measured:
        figures = [times_with_spread(cost.ratio), in_hooks(cost), f"{cost.each:.2f}"]
    return [cost.tracer.title, *figures, in_bytes(cost.memory), in_bytes(cost.file), remarks(cost)]


def remarks(cost: Cost) -> str:
    """Trouble, and over how many rounds the medians are."""
    rounds = f"{cost.rounds} rounds" if cost.measured else ""
    return ", ".join(plain(word) for word in (cost.trouble, rounds) if word)


def plain(words: str) -> str:
    """What an exception says must not end the cell."""
    return words.replace("|", "/").replace("`", "'")


def times(figure: float) -> str:
    return f"{figure:.2f}×" if figure < 10 else f"{figure:.0f}×"


def times_with_spread(found: Spread) -> str:
    digits = 3 if found.middle < 10 else 1
    return f"{found.middle:.{digits}f}× ({found.low:.{digits}f}–{found.high:.{digits}f})"


def in_hooks(cost: Cost) -> str:
    """Noise where the hooks' own cost cannot be told from it."""
    if cost.tracer.name == "none":
        return NO_FIGURE
    return "noise" if cost.against_hooks is None else times(cost.against_hooks)


def in_bytes(count: int | None) -> str:
    if count is None:
        return NO_FIGURE
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def parts_table(parts: Parts) -> str:
    """Each variant, and how much less it is than the whole."""
    whole = parts.each(WHOLE).middle
    rows = []
    for part in VARIANTS:
        each = parts.each(part)
        figure = f"{each.middle:.2f} ({each.low:.2f}–{each.high:.2f})"
        rows.append([part.title, figure, NO_FIGURE if part is WHOLE else f"{whole - each.middle:.2f}"])
    begin = 1e6 * parts.empty.middle
    rows.append([f"a trace of nothing: {begin:.0f} µs once", f"{begin / parts.calls:.2f}", NO_FIGURE])
    rows.append(["two reads of the clock", f"{2e6 * parts.clock:.2f}", NO_FIGURE])
    head = ("tracelab, part by part", "added µs a call (quartiles)", "less than the whole")
    return markdown(head, rows)


def sizes_table(
    same: Size, different: Size, answers: Answers, import_seconds: float, empty_seconds: float
) -> str:
    """What many calls cost; `same` repeats its steps, `different` repeats nothing."""
    rows = [
        ("`import tracelab`", f"{1000 * import_seconds:.0f} ms"),
        ("`with tracelab.trace(): pass`", f"{1000 * empty_seconds:.2f} ms"),
        (f"memory of {same.calls:,} calls in equal steps", in_bytes(same.kept)),
        ("… their file", in_bytes(same.file)),
        ("… written and read", f"{same.write:.2f} s and {same.read:.2f} s"),
        (f"memory of {different.calls:,} calls of which no two follow alike", in_bytes(different.kept)),
        ("… their file", in_bytes(different.file)),
        ("… written and read", f"{different.write:.2f} s and {different.read:.2f} s"),
        (f"`find` of all {answers.calls:,} calls", f"{answers.find_all:.2f} s"),
        (f"`print` of {answers.calls:,} calls", f"{answers.text:.2f} s"),
    ]
    return markdown(("what", "cost"), rows)


def machine(costs: Iterable[Cost]) -> str:
    """One line on where the figures come from, and how many rounds are behind them."""
    rounds = {cost.rounds for cost in costs if cost.measured} or {0}
    several = " to ".join(str(number) for number in sorted({min(rounds), max(rounds)}))
    libraries = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    return (
        f"Measured by `python -m tests.benchmarks` on {os.cpu_count()} cores of {platform.machine()}, "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}: "
        f"CPU time of one torch thread, medians of {several} rounds in which traced and untraced runs "
        "alternate, the garbage collector quiet unless a row says otherwise."
    )
