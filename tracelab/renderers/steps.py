"""The table of generation steps.

    step  phase    input  mask   cache         cross  logits    batch           time
    0     prefill  [1,4]  -      0 → 4         50     [1,1,99]  1               3.1 ms
    1–5   decode   [1,1]  -      4…8 → 5…9     50     [1,1,99]  1           5 × 1.2 ms

`cache` is the number of tokens in the self-attention cache before and after the step, `cross` the positions
in the cross-attention cache, `-` where there is none or it is not known.  Steps that follow one rule share
a row; their time is the mean.  Where there are several loops (windows of audio, drafts of an assistant),
each row says which loop of which model it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from ..analyses.batches import batch_text
from ..analyses.repeats import Sizes, stretches, summary
from ..calls import Step, Trace
from ..values import Dim
from .clean import clean
from .glyphs import to_ascii
from .guest import Table, Text
from .headline import seconds
from .screen import Screen
from .theme import STYLES

NO_STEPS = "No generation step was recorded: no decoding loop of transformers ran inside the trace."
NOTHING = "-"


def show_steps(
    trace: Trace,
    *,
    fold: bool = True,
    width: int | None = None,
    ascii: bool | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print the table; `fold=False` gives each step a row of its own."""
    screen = Screen(file, width, ascii)
    steps = trace.steps()
    if not steps:
        screen.write([screen.page.words(NO_STEPS, "note")])
        return
    screen.write_table(table(steps, fold, screen.page.ascii))


def table(steps: Sequence[Step], fold: bool = True, ascii: bool = False) -> Table:
    """The table of some steps."""
    loops = list(dict.fromkeys(step.loop for step in steps))
    several = len(loops) > 1
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=STYLES["header"])
    for name in ("loop", "model") if several else ():
        made.add_column(name)
    for name in ("step", "phase", "input", "mask", "cache", "cross", "logits", "batch"):
        made.add_column(name)
    made.add_column("time", justify="right")
    for run in _runs(steps) if fold else [[step] for step in steps]:
        cells = [str(loops.index(run[0].loop) + 1), clean(run[0].loop.root or NOTHING)] if several else []
        cells += _cells(run)
        made.add_row(*(Text(to_ascii(clean(cell)) if ascii else clean(cell)) for cell in cells))
    return made


def _runs(steps: Sequence[Step]) -> list[Sequence[Step]]:
    """Neighbours of one loop and phase that follow one rule."""
    runs: list[Sequence[Step]] = []
    start = 0
    for stop in range(1, len(steps) + 1):
        if stop < len(steps) and _alike(steps[stop - 1], steps[stop]):
            continue
        group = steps[start:stop]
        runs += [group[first:last] for first, last in stretches([_sizes(step) for step in group])]
        start = stop
    return runs


def _alike(one: Step, other: Step) -> bool:
    same = one.loop == other.loop and one.phase == other.phase and one.index + 1 == other.index
    return same and [value is None for value in _values(one)] == [value is None for value in _values(other)]


def _values(step: Step) -> tuple[object, ...]:
    return (step.input, step.mask, step.logits, step.cache_before, step.cache_after, step.cross_length)


def _sizes(step: Step) -> Sizes:
    shapes = (*(step.input or ()), NOTHING, *(step.mask or ()), NOTHING, *(step.logits or ()))
    return (*shapes, step.cache_before, step.cache_after, step.cross_length)


def _cells(run: Sequence[Step]) -> list[str]:
    first, last = run[0], run[-1]
    mean = seconds(sum(step.duration for step in run) / len(run))
    before, after = ([getattr(step, name) for step in run] for name in ("cache_before", "cache_after"))
    rows = {step.facts.get("rows") for step in run}
    return [
        str(first.index) if len(run) == 1 else f"{first.index}–{last.index}",
        first.phase,
        _shape([step.input for step in run]),
        _shape([step.mask for step in run]),
        NOTHING if set(before) == set(after) == {None} else f"{_number(before)} → {_number(after)}",
        _number([step.cross_length for step in run]),
        _shape([step.logits for step in run]),
        batch_text(rows.pop(), first.facts) if len(rows) == 1 and None not in rows else NOTHING,
        mean if len(run) == 1 else f"{len(run)} × {mean}",
    ]


def _number(values: Sequence[int | None]) -> str:
    return NOTHING if None in values else str(summary(values))


def _shape(shapes: Sequence[tuple[Dim, ...] | None]) -> str:
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return NOTHING
    if len({len(shape) for shape in known}) > 1:
        return "varied"
    return "[" + ",".join(str(summary(sizes)) for sizes in zip(*known, strict=True)) + "]"
