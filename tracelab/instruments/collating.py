"""What a collator knows: the rows before, the batch after, how much of it is padding, what became of labels.

    rows, columns   how many rows of which columns came in
    lengths         of the column that the model reads (`input_ids`), for the first 64 rows
    batch           the shape of that column afterwards
    made            columns of the batch that no row had: labels made of the ids, `decoder_input_ids`
    padding_share   the part of the batch that is padding: zeros of the mask where there is one on the CPU,
                    else what the lengths leave over
    padding         none, dynamic (to the longest row, or to a multiple), fixed (longer than any row, or the
                    rows came padded)
    mask            False for a batch with padding and without an `attention_mask`
    label_lengths   where labels are sequences
    labels_padded   how many labels the collator added to make these equally long
    labels_ignored  how many of all labels are -100, which no loss counts
    labels_masked   for masked language modelling: how many tokens are to be predicted

Counting reads the mask and the labels, so it is done where these are on the CPU, as they are when they are
made.  The tokenizer and the collator are asked nothing: `mlm` and `pad_to_multiple_of` are read from the
instance's dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from ..describe import home, how_many, instance_dict, mro_of, sizes_of
from ..recorder import Tells
from .features import MAX_ROWS, columns_of, label_column, lengths_of, main_column, row_of, rows_of
from .misfits import LEFT_OUT, PADDED, misfits

IGNORED = -100

Given = tuple[Any, ...]


def features_in(args: Given, kwargs: dict[str, Any]) -> Any:
    """The rows that a collator was called with."""
    for name in ("features", "examples", "batch"):
        if name in kwargs:
            return kwargs[name]
    return args[0] if args else None


def _before(collator: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Mapping[str, Any] | None:
    rows = rows_of(features_in(args, kwargs))
    if rows is None:
        return None
    columns = columns_of(rows[:MAX_ROWS])
    found: dict[str, Any] = {"rows": len(rows)}
    if columns:
        found["columns"] = columns
    lengths = lengths_of(rows[:MAX_ROWS], main_column(columns))
    if lengths:
        found["lengths"] = lengths
    labels = label_column(columns)
    label_lengths = lengths_of(rows[:MAX_ROWS], labels) if labels else None
    if label_lengths:
        found["label_lengths"] = label_lengths
    return found


def _after(
    collator: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    rows, batch = rows_of(features_in(args, kwargs)), row_of(output)
    if not rows or batch is None:
        return None
    column = main_column([name for name in batch if type(name) is str])
    shape = () if column is None else _whole(sizes_of(batch[column]))
    if column is None or not shape:
        return None
    given = columns_of(rows[:MAX_ROWS])
    lengths = lengths_of(rows, column if column in given else main_column(given))
    made = _made(batch, given)
    return {
        "batch": shape,
        **({"made": made} if made else {}),
        **_padding(collator, batch, shape, lengths),
        **_labels(collator, batch, rows),
    }


def _made(batch: dict[str, Any], given: Sequence[str]) -> tuple[str, ...]:
    """The columns that no row had; a column of labels may have got another name."""
    renamed = {"labels"} if label_column(given) else set()
    return tuple([name for name in batch if type(name) is str and name not in {*given, *renamed}])


def _padding(
    collator: Any, batch: dict[str, Any], shape: tuple[int, ...], lengths: tuple[int, ...] | None
) -> dict[str, Any]:
    if len(shape) < 2 or lengths is None or len(lengths) != shape[0]:
        return {}
    width = shape[1]
    mask = batch.get("attention_mask")
    hidden = how_many(mask, 0, waits=False) if sizes_of(mask) == shape[:2] else None
    padding = hidden if hidden is not None else len(lengths) * width - sum(lengths)
    share = padding / (shape[0] * width) if shape[0] * width else 0.0
    kind = _kind(collator, padding, max(lengths), min(lengths), width)
    unmasked = {"mask": False} if padding and "input_ids" in batch and mask is None else {}
    return {"padding_share": share, "padding": kind, **unmasked}


def _kind(collator: Any, padding: int, longest: int, shortest: int, width: int) -> str:
    multiple = instance_dict(collator).get("pad_to_multiple_of")
    up_to = -(-longest // multiple) * multiple if type(multiple) is int and multiple > 0 else longest
    if not padding:
        return "none"
    return "dynamic" if width == up_to and (shortest < width) else "fixed"


def _labels(collator: Any, batch: dict[str, Any], rows: Sequence[Any]) -> dict[str, Any]:
    labels = batch.get("labels", batch.get("label"))
    shape = _whole(sizes_of(labels))
    if not shape:
        return {}
    found: dict[str, Any] = {}
    name = label_column(columns_of(rows[:MAX_ROWS]))
    lengths = lengths_of(rows, name) if name else None
    if lengths and len(shape) == 2:
        found["labels_padded"] = prod(shape) - sum(lengths)
    ignored = how_many(labels, IGNORED, waits=False)
    if ignored is not None:
        found["labels_ignored"] = ignored
        if instance_dict(collator).get("mlm") is True:
            found["labels_masked"] = prod(shape) - ignored
    return found


def _whole(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """The sizes, if all are plain numbers."""
    return sizes if all(type(size) is int for size in sizes) else ()


def _failed(
    collator: Any, args: Given, kwargs: dict[str, Any], error: Exception, values: bool
) -> Mapping[str, Any] | None:
    rows = rows_of(features_in(args, kwargs))
    return None if rows is None else misfits(rows, _padded_by(collator))


def _padded_by(collator: Any) -> frozenset[str]:
    """The columns that a collator of this class makes equally long."""
    names = {name for _, name in map(home, mro_of(type(collator)))}
    if "DataCollatorForTokenClassification" in names or "DataCollatorForSeq2Seq" in names:
        return PADDED | {"labels", "label"}
    return frozenset() if "DefaultDataCollator" in names else PADDED


def _failed_default(
    module: Any, args: Given, kwargs: dict[str, Any], error: Exception, values: bool
) -> Mapping[str, Any] | None:
    rows = rows_of(features_in(args, kwargs))
    return None if rows is None else misfits(rows, frozenset(), LEFT_OUT)


COLLATED = Tells(before=_before, after=_after, failed=_failed)
COLLATED_BY_DEFAULT = Tells(before=_before, after=_after, failed=_failed_default)
