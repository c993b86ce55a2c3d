"""The table of generation steps, and below it what a whole loop says.

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
behind the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, NamedTuple

from ..analyses.batches import batch_text
from ..analyses.repeats import Sizes, stretches, summary
from ..analyses.steps import unseen_passes
from ..calls import Call, Step, Trace
from ..values import Dim
from .clean import clean
from .generations import lines_about
from .glyphs import to_ascii
from .guest import Table, Text
from .headline import many, seconds
from .screen import Screen
from .theme import STYLES

NO_STEPS = "No generation step was recorded: no decoding loop of transformers ran inside the trace."
NOTHING = "-"
MOST = 18
"""Rows of a folded table; what is between the first and the last of more is counted."""
LAST = 6
MOST_IDS = 4
"""So many ids of a row of the table are shown."""

Run = Sequence[Step]


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
        screen.write_table(table(steps, fold, screen.page.ascii))
    elif not unseen:
        screen.write([screen.page.words(NO_STEPS, "note")])
    screen.write(screen.page.words(line, "note") for line in lines_about(trace, screen.page.width))
    if unseen:
        words = f"{many(unseen, 'step')} more: no model call was recorded in them (compiled or dropped)"
        screen.write([screen.page.words(words, "warning")])


class Column(NamedTuple):
    """One column: its head, and what it says of a run of steps that follow one rule."""

    head: str
    cell: Callable[[Run], str]
    always: bool = False


def table(steps: Sequence[Step], fold: bool = True, ascii: bool = False) -> Table:
    """The table of some steps."""
    runs = _runs(steps) if fold else [[step] for step in steps]
    shown = [*runs[: MOST - LAST], *runs[-LAST:]] if fold and len(runs) > MOST else runs
    columns = [column for column in _columns(steps) if column.always or _says(column, shown)]
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=STYLES["header"])
    for column in columns:
        made.add_column(column.head, justify="right" if column.head == "time" else "left", overflow="fold")
    for number, run in enumerate(shown):
        if len(shown) < len(runs) and number == MOST - LAST:
            left_out = sum(map(len, runs[number:-LAST]))
            made.add_row(Text(to_ascii("…") if ascii else "…"), Text(f"{left_out} more"))
        cells = (clean(column.cell(run)) for column in columns)
        made.add_row(*(Text(to_ascii(cell) if ascii else cell) for cell in cells))
    return made


def _columns(steps: Sequence[Step]) -> list[Column]:
    found = {step.loop.id: step.loop for step in steps if step.phase != "encode"}
    loops = [found[row] for row in sorted(found)]
    several, models = len(loops) > 1, len({loop.root for loop in loops}) > 1
    return [
        Column("loop", lambda run: _loop(run[0], loops) if several else NOTHING),
        Column("model", lambda run: (run[0].loop.root or NOTHING) if models else NOTHING),
        Column("window", lambda run: _window(run[0]) if several else NOTHING),
        Column("step", _number, True),
        Column("phase", _phase, True),
        Column("input", lambda run: _shape([step.input for step in run]), True),
        Column("tokens", lambda run: _ids(run, [step.tokens for step in run])),
        Column("at", _places),
        Column("mask", lambda run: _shape([step.mask for step in run])),
        Column("cache", _cache),
        Column("cross", lambda run: _size([step.cross_length for step in run])),
        Column("logits", lambda run: _shape([step.logits for step in run])),
        Column("chosen", lambda run: _ids(run, [_flat(step.chosen) for step in run])),
        Column("batch", _batch),
        Column("finished", _finished),
        Column("time", _time, True),
        Column("note", _note),
    ]


def _by_thread(trace: Trace) -> list[Step]:
    """The steps of each thread together, in the order in which the threads began to generate."""
    steps, thread = trace.steps(), trace.columns.thread
    first: dict[int, int] = {}
    for step in steps:
        lane = thread[step.call.id]
        first[lane] = min(step.loop.id, first.get(lane, step.loop.id))
    return sorted(steps, key=lambda step: (first[thread[step.call.id]], step.call.id))


def _says(column: Column, runs: Sequence[Run]) -> bool:
    return any(column.cell(run) != NOTHING for run in runs)


# --- runs of steps that follow one rule ---------------------------------------------------------------


def _runs(steps: Sequence[Step]) -> list[Run]:
    """Neighbours of one loop and phase that follow one rule."""
    runs: list[Run] = []
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
    return same and _remarks(one) == _remarks(other) and _known(one) == _known(other)


def _remarks(step: Step) -> tuple[object, ...]:
    return (_finished([step]), _note([step]), step.facts.get("chunk"))


def _known(step: Step) -> list[bool]:
    sizes = (step.input, step.mask, step.logits, step.cache_before, step.cache_after, step.cross_length)
    return [size is None for size in sizes]


def _sizes(step: Step) -> Sizes:
    shapes = (*(step.input or ()), NOTHING, *(step.mask or ()), NOTHING, *(step.logits or ()))
    return (*shapes, step.cache_before, step.cache_after, step.cross_length)


# --- cells --------------------------------------------------------------------------------------------


def _loop(step: Step, loops: Sequence[Call]) -> str:
    return NOTHING if step.phase == "encode" else str(loops.index(step.loop) + 1)


def _window(step: Step) -> str:
    window, attempt = (step.facts.get(name) for name in ("window", "attempt"))
    return NOTHING if window is None else f"{window}" if attempt == 1 else f"{window} again"


def _number(run: Run) -> str:
    if run[0].phase == "encode":
        return NOTHING
    return str(run[0].index) if len(run) == 1 else f"{run[0].index}–{run[-1].index}"


def _phase(run: Run) -> str:
    facts = run[0].facts
    return f"{run[0].phase} {facts['chunk']}/{facts['chunks']}" if "chunk" in facts else run[0].phase


def _places(run: Run) -> str:
    places = [step.positions for step in run]
    known = [place for place in places if place is not None]
    if len(known) < len(places):
        return NOTHING
    if all(first == last for first, last in known):
        return str(summary([first for first, _ in known]))
    return f"{known[0][0]}–{known[0][1]}" if len(known) == 1 else f"{known[0][0]}…{known[-1][1]}"


def _cache(run: Run) -> str:
    before, after = ([getattr(step, name) for step in run] for name in ("cache_before", "cache_after"))
    return NOTHING if set(before) == set(after) == {None} else f"{_size(before)} → {_size(after)}"


def _batch(run: Run) -> str:
    facts, rows = run[0].facts, {step.facts.get("rows") for step in run}
    if "packed" in facts:
        return f"{facts['packed']} in a row"
    return batch_text(rows.pop(), facts) if len(rows) == 1 and not rows & {None, 1} else NOTHING


def _finished(run: Run) -> str:
    ended, rows = run[0].finished, run[0].facts.get("rows")
    return NOTHING if ended is None or not isinstance(rows, int) or rows < 2 else f"{ended} of {rows}"


def _time(run: Run) -> str:
    if run[0].facts.get("compiled"):
        return NOTHING  # what is known took place before the model's call
    mean = seconds(sum(step.duration for step in run) / len(run))
    return mean if len(run) == 1 else f"{len(run)} × {mean}"


def _note(run: Run) -> str:
    facts = run[0].facts
    notes = []
    if run[0].phase == "encode":
        output = f" → {_shape([facts['output']])}" if "output" in facts else ""
        notes.append(f"{run[0].call.path}{output}")
    if "drafted" in facts:
        accepted = "?" if facts["accepted"] is None else facts["accepted"]
        notes.append(f"{accepted} of {facts['drafted']} accepted" if facts["drafted"] else "no draft")
    if "embeds" in facts:
        notes.append(f"fed as {facts['embeds']}")
    if "packed" in facts:
        notes.append("cache in pages")
    if "cache" in facts:
        notes.append(f"cache {facts['cache']}")
    if facts.get("reordered"):
        notes.append("cache reordered")
    if facts.get("state_cache"):
        notes.append("the cache is a state")
    if facts.get("compiled"):
        notes.append("compiled: not seen inside")
    if "ended" in facts:
        notes.append(f"ended by {facts['ended']}")
    return ", ".join(notes) or NOTHING


def _ids(run: Run, ids: Sequence[tuple[int, ...] | None]) -> str:
    """The first ids, step after step; a comma between steps that have several."""
    texts, room = [], MOST_IDS
    for step in ids:
        texts.append(" ".join(map(str, (step or ())[:room])))
        room -= len(step or ())
        if room <= 0:
            break
    if not any(texts):
        return NOTHING
    several = any(len(step or ()) > 1 for step in ids)
    text = (", " if several else " ").join(filter(None, texts))
    return f"{text} …" if sum(len(step or ()) for step in ids) > MOST_IDS else text


def _flat(rows: tuple[tuple[int, ...], ...] | None) -> tuple[int, ...] | None:
    return None if rows is None else tuple(token for row in rows for token in row)


def _size(values: Sequence[int | None]) -> str:
    return NOTHING if None in values else str(summary(values))


def _shape(shapes: Sequence[tuple[Dim, ...] | None]) -> str:
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return NOTHING
    if len({len(shape) for shape in known}) > 1:
        return "varied"
    return "[" + ",".join(str(summary(sizes)) for sizes in zip(*known, strict=True)) + "]"
