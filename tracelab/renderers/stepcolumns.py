"""The columns of the table of steps: what each says of a run of steps that follow one rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..analyses.batches import batch_text
from ..analyses.repeats import summary
from ..calls import Call, Step
from ..values import Dim
from . import training
from .headline import seconds
from .training import is_training

NOTHING = "-"
MOST_IDS = 4
"""So many ids of a row of the table are shown."""

Run = Sequence[Step]


class Column(NamedTuple):
    """One column: its head, and what it says of a run of steps that follow one rule."""

    head: str
    cell: Callable[[Run], str]
    always: bool = False


def columns_of(steps: Sequence[Step]) -> list[Column]:
    """Every column that these steps could have, in order."""
    generated = [step for step in steps if step.phase != "encode" and not is_training(step)]
    found = {step.loop.id: step.loop for step in generated if step.loop}
    loops = [found[row] for row in sorted(found)]
    trained = {step.call.root for step in steps if is_training(step)}
    several, models = len(loops) > 1, len({loop.root for loop in loops}) > 1 or len(trained) > 1
    return [
        Column("loop", lambda run: _loop(run[0], loops) if several else NOTHING),
        Column("model", lambda run: _model(run[0]) if models else NOTHING),
        Column("window", lambda run: _window(run[0]) if several else NOTHING),
        Column("step", _number, True),
        Column("phase", _phase, True),
        Column("input", lambda run: _batches(run, [step.input for step in run]), True),
        Column("tokens", lambda run: _ids(run, [step.tokens for step in run])),
        Column("at", _places),
        Column("mask", lambda run: _batches(run, [step.mask for step in run])),
        Column("cache", _cache),
        Column("cross", lambda run: _size([step.cross_length for step in run])),
        Column("logits", lambda run: _batches(run, [step.logits for step in run])),
        Column("loss", training.loss),
        Column("grad norm", training.gradient),
        Column("rate", training.rate),
        Column("padding", training.padding),
        Column("chosen", lambda run: _ids(run, [_flat(step.chosen) for step in run])),
        Column("batch", _batch),
        Column("finished", finished),
        Column("time", _time, True),
        Column("note", note),
    ]


def _loop(step: Step, loops: Sequence[Call]) -> str:
    return str(loops.index(step.loop) + 1) if step.loop in loops else NOTHING


def _model(step: Step) -> str:
    return (step.call if is_training(step) or step.loop is None else step.loop).root or NOTHING


def _batches(run: Run, shapes: Sequence[tuple[Dim, ...] | None]) -> str:
    return training.shape(shapes) if is_training(run[0]) else _shape(shapes)


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


def finished(run: Run) -> str:
    """How many rows of the batch are finished after the steps."""
    ended, rows = run[0].finished, run[0].facts.get("rows")
    return NOTHING if ended is None or not isinstance(rows, int) or rows < 2 else f"{ended} of {rows}"


def _time(run: Run) -> str:
    if run[0].facts.get("compiled"):
        return NOTHING  # what is known took place before the model's call
    mean = seconds(sum(step.duration for step in run) / len(run))
    return mean if len(run) == 1 else f"{len(run)} × {mean}"


def note(run: Run) -> str:
    """What is odd about the steps, in words."""
    facts = run[0].facts
    notes = training.notes(run[0])
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
