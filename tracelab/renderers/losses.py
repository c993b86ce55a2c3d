"""The table of losses, and below it what each of them counted.

loss             model           logits      labels  shift   counted  ignored  divided by
ForCausalLMLoss  GPT2LMHeadModel [2,6,32]    [2,6]   inside  8 of 12  4        8

1  cross_entropy on [12,32] and [12] · mean · ignores -100 · loss 3.507
1  label out of range: row 1, position 3 (32 classes: 0 to 31)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from ..calls import BY_INPUTS, Loss, Trace
from ..values import Dim
from .clean import clean
from .guest import Table
from .headline import many
from .screen import Screen
from .theme import STYLES

NO_LOSS = "No loss was recorded: none of torch or transformers was computed inside the trace."
NOTHING = "-"
MOST = 24
"""So many losses are shown; of equal ones the first stands for all."""


def show_losses(
    trace: Trace,
    *,
    fold: bool = True,
    width: int | None = None,
    ascii: bool | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print the table; `fold=False` gives each loss a row of its own."""
    screen = Screen(file, width, ascii)
    losses = trace.losses()
    groups = _groups(losses) if fold else [[loss] for loss in losses]
    if not groups:
        screen.write([screen.page.words(NO_LOSS, "note")])
        return
    shown = groups[:MOST] if fold else groups
    screen.write_table(table(shown))
    for number, group in enumerate(shown):
        for text, style in _about(group[0]):
            screen.write([screen.page.words(clean(f"{number}  {text}"), style)])
    if len(groups) > len(shown):
        words = f"{many(len(groups) - len(shown), 'more loss')}, --no-fold lists every one"
        screen.write([screen.page.words(words, "note")])


_SAID = [name for name in Loss.__dataclass_fields__ if name not in ("call", "model", "value")]


def _groups(losses: list[Loss]) -> list[list[Loss]]:
    """Losses that say the same but for their value share a row."""
    found: dict[Any, list[Loss]] = {}
    for loss in losses:
        model = loss.model and (loss.model.root, loss.model.path)
        key = [getattr(loss, name) for name in _SAID]
        found.setdefault((loss.call.site, model, *map(repr, key)), []).append(loss)
    return list(found.values())


COLUMNS: dict[str, Callable[[Loss], str]] = {
    "loss": lambda loss: loss.function,
    "model": lambda loss: NOTHING if loss.model is None else loss.model.root or loss.model.owner,
    "logits": lambda loss: _shape(loss.logits),
    "labels": lambda loss: _shape(loss.labels_shape),
    "shift": lambda loss: loss.shifted or NOTHING,
    "counted": lambda loss: _counted(loss),
    "ignored": lambda loss: NOTHING if loss.ignored is None else str(loss.ignored),
    "divided by": lambda loss: _divisor(loss),
}


def table(groups: list[list[Loss]]) -> Table:
    """The table of some losses, each with those that say the same."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=STYLES["header"])
    for head in ("#", *COLUMNS):
        made.add_column(head, overflow="fold")
    for number, group in enumerate(groups):
        times = f" ×{len(group)}" if len(group) > 1 else ""
        made.add_row(f"{number}{times}", *[clean(cell(group[0])) for cell in COLUMNS.values()])
    return made


def _shape(shape: tuple[Dim, ...] | None) -> str:
    return NOTHING if shape is None else f"[{','.join(map(str, shape))}]"


def _counted(loss: Loss) -> str:
    if loss.labels is None:
        return NOTHING
    return f"? of {loss.labels}" if loss.ignored is None else f"{loss.labels - loss.ignored} of {loss.labels}"


def _divisor(loss: Loss) -> str:
    if loss.denominator is None:
        return "nothing" if loss.reduction == "none" else NOTHING
    parts = loss.denominator if isinstance(loss.denominator, tuple) else (loss.denominator,)
    return ", ".join(_number(part) for part in parts)


def _number(value: float) -> str:
    return f"{value:g}" if type(value) is float else str(value)


def _about(loss: Loss) -> Iterator[tuple[str, str]]:
    """What does not fit into the table, each a line and its style."""
    yield " · ".join(_words(loss)), "note"
    if loss.labels and loss.ignored == loss.labels:
        yield "every label is ignored: a mean over nothing is nan", "warning"
    if loss.wrong:
        places = "; ".join(map(str, loss.out_of_range))
        unnamed = loss.wrong - len(loss.out_of_range)
        more = f" and {unnamed} more" if unnamed else ""
        classes = f" ({loss.classes} classes: 0 to {loss.classes - 1})" if loss.classes else ""
        yield f"{many(loss.wrong, 'label')} out of range: {places}{more}{classes}", "error"


def _words(loss: Loss) -> Iterator[str]:
    computes = ", ".join(loss.computes) or loss.function
    yield f"{computes} on {_shape(loss.logits_after)} and {_shape(loss.labels_after)}"
    if loss.reduction == "none":
        yield "one number for each label: the caller weights and divides"
    elif loss.reduction:
        yield loss.reduction
    if loss.problem_type:
        yield loss.problem_type
    if loss.ignore_index is not None:
        yield f"ignores {loss.ignore_index}"
    if loss.smoothing:
        yield f"label smoothing {loss.smoothing:g}"
    if loss.weighted:
        yield "classes have weights"
    if loss.num_items_in_batch is not None:
        yield f"num_items_in_batch {_number(loss.num_items_in_batch)}"
    if loss.shifted == BY_INPUTS:
        yield "not shifted here: the decoder's inputs are the labels, one place to the right"
    if loss.value is not None:
        yield f"loss {loss.value:.4g}"
    if loss.file is not None:
        yield f"{loss.file.rpartition('/')[2]}:{loss.line}"
