"""The table of steps, and below it what a whole loop says.

    step  phase    input     at      cache         cross  logits    time
    -     encode   [1,80,100] -      -             -      -         3.1 ms
    0     prefill  [1,4]     0–3     0 → 4         50     [1,1,99]  3.1 ms
    1–5   decode   [1,1]     4…8     4…8 → 5…9     50     [1,1,99]  5 × 1.2 ms

    greedy · no mask: all ones, dropped by generate · stopped by max length
    prefill 3.4 ms · 1.5 ms a token (95 % under 1.8 ms) · 81 % in the model · tracelab about 9 %

`at` are the places in the sequence that the input takes, `cache` the tokens in the self-attention cache
before and after the step, `cross` the positions in the cross-attention cache.  A column that holds nothing
in any row is left out.  Steps that follow one rule share a row; their time is the mean.  Where there are
several loops (windows of audio, drafts of an assistant), each row says which loop it is of, and of which
model or window: `1 again` is another attempt at the first 30 seconds.  Loops of two threads stand one
behind the other.  What is said of steps of training stands in `training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from ..analyses.repeats import Sizes, stretches
from ..analyses.steps import unseen_passes
from ..calls import Step, Trace
from .clean import clean
from .generations import lines_about
from .glyphs import to_ascii
from .guest import Table, Text
from .headline import many
from .screen import Screen
from .stepcolumns import NOTHING, Column, Run, columns_of, finished, note
from .theme import STYLES
from .training import is_training, lines_about_training

NO_STEPS = (
    "No generation step was recorded: no decoding loop of transformers ran inside the trace, and no training."
)
MOST = 18
"""Rows of a folded table; what is between the first and the last of more is counted."""
LAST = 6
DISPENSABLE = [
    "at",
    "model",
    "tokens",
    "rate",
    "batch",
    "mask",
    "note",
    "finished",
    "cross",
    "chosen",
    "logits",
]
"""Columns that a narrow screen can do without, the first to go first."""


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
    steps, unseen = _by_thread(trace), unseen_passes(trace)
    if steps:
        drawn, dropped = table(steps, fold, screen.page.ascii, screen.page.width)
        screen.write_table(drawn)
        if dropped:
            words = f"not shown for lack of room: {', '.join(dropped)}"
            screen.write([screen.page.words(words, "note")])
    elif not unseen:
        screen.write([screen.page.words(NO_STEPS, "note")])
    below = [*lines_about_training(steps), *lines_about(trace, screen.page.width)]
    screen.write(screen.page.words(line, "note") for line in below)
    if unseen:
        words = f"{many(unseen, 'step')} more: no model call was recorded in them (compiled or dropped)"
        screen.write([screen.page.words(words, "warning")])


def table(
    steps: Sequence[Step], fold: bool = True, ascii: bool = False, width: int | None = None
) -> tuple[Table, list[str]]:
    """The table of some steps, if it can be at most `width` wide, and the columns left out for that."""
    runs = _runs(steps) if fold else [[step] for step in steps]
    shown = [*runs[: MOST - LAST], *runs[-LAST:]] if fold and len(runs) > MOST else runs
    columns, dropped = _fitting(columns_of(steps), shown, width)
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=STYLES["header"])
    for column in columns:
        made.add_column(column.head, justify="right" if column.head == "time" else "left", overflow="fold")
    for number, run in enumerate(shown):
        if len(shown) < len(runs) and number == MOST - LAST:
            left_out = sum(map(len, runs[number:-LAST]))
            made.add_row(Text(to_ascii("…") if ascii else "…"), Text(f"{left_out} more"))
        cells = (clean(column.cell(run)) for column in columns)
        made.add_row(*(Text(to_ascii(cell) if ascii else cell) for cell in cells))
    return made, dropped


def _fitting(
    columns: Sequence[Column], runs: Sequence[Run], width: int | None
) -> tuple[list[Column], list[str]]:
    """The columns that say something and fit, and the heads of those that would not."""
    texts = {column.head: [column.cell(run) for run in runs] for column in columns}
    kept = [column for column in columns if column.always or set(texts[column.head]) != {NOTHING}]
    dropped: list[str] = []
    for head in DISPENSABLE:
        wide = sum(2 + max(len(column.head), *map(len, texts[column.head])) for column in kept) - 2
        if width is None or wide <= width:
            break
        dropped += [column.head for column in kept if column.head == head]
        kept = [column for column in kept if column.head != head]
    return kept, dropped


def _by_thread(trace: Trace) -> list[Step]:
    """The steps of each thread together, in the order in which the threads began to generate."""
    steps, thread = trace.steps(), trace.columns.thread
    first: dict[int, int] = {}
    for step in steps:
        lane = thread[step.call.id]
        row = (step.loop or step.call).id
        first[lane] = min(row, first.get(lane, row))
    return sorted(steps, key=lambda step: (first[thread[step.call.id]], step.call.id))


# --- runs of steps that follow one rule ---------------------------------------------------------------


def _runs(steps: Sequence[Step]) -> list[Run]:
    """Neighbours of one loop and phase that follow one rule."""
    runs: list[Run] = []
    start = 0
    for stop in range(1, len(steps) + 1):
        if stop < len(steps) and _alike(steps[stop - 1], steps[stop]):
            continue
        group = steps[start:stop]
        if is_training(group[0]):
            runs.append(group)
        else:
            runs += [group[first:last] for first, last in stretches([_sizes(step) for step in group])]
        start = stop
    return runs


def _alike(one: Step, other: Step) -> bool:
    same = one.loop == other.loop and one.phase == other.phase and one.index + 1 == other.index
    same = same and (not is_training(one) or one.call.root == other.call.root)
    return same and _remarks(one) == _remarks(other) and _known(one) == _known(other)


def _remarks(step: Step) -> tuple[object, ...]:
    return (finished([step]), note([step]), step.facts.get("chunk"))


def _known(step: Step) -> list[bool]:
    sizes = (step.input, step.mask, step.logits, step.cache_before, step.cache_after, step.cross_length)
    return [size is None for size in sizes]


def _sizes(step: Step) -> Sizes:
    shapes = (*(step.input or ()), NOTHING, *(step.mask or ()), NOTHING, *(step.logits or ()))
    return (*shapes, step.cache_before, step.cache_after, step.cross_length)
