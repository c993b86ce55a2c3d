"""Why rows could not be made one batch, in the words of the data: which column, which rows.

    missing   some rows do not have the column that others have
    text      it holds text, which no tensor can
    none      it holds None
    ragged    its rows differ in shape, and this collator does not pad the column

`tokenizer.pad` pads the columns that a tokenizer makes and no other, so labels of different lengths fail in
`DataCollatorWithPadding`, and any column of different lengths in `default_data_collator`.  The exception says
"Unable to create tensor"; the column and the rows have to be found in the data, which is done only then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .features import MAX_ROWS, columns_of, is_text, row_of, shape_in

PADDED = frozenset({"input_ids", "attention_mask", "token_type_ids", "special_tokens_mask", "position_ids"})
"""What `tokenizer.pad` makes equally long."""

REFUSED, LEFT_OUT, KEPT = "refused", "left out", "kept"
"""What a collator does with columns of text: the last two are those of transformers and of torch."""


def misfits(rows: Sequence[Any], padded: frozenset[str], text: str = REFUSED) -> dict[str, Any]:
    """The facts of a failed collation.

    `padded`: the columns that this collator pads; `text`: what it does with columns of text.
    """
    if not rows:
        return {"problem": "empty", "rows_at_fault": ()}
    found = [one for one in (_misfit(rows, name, padded, text) for name in columns_of(rows)) if one]
    if not found:
        return {}
    column, problem, at_fault = found[0]
    facts = {"column": column, "problem": problem, "rows_at_fault": at_fault[:MAX_ROWS]}
    if problem == "ragged":
        facts["shapes"] = tuple([shape_in(row_of(row)[column]) or "ragged" for row in rows[:MAX_ROWS]])  # type: ignore[index]
    if len(found) > 1:
        facts["other_columns"] = tuple([(name, problem) for name, problem, _ in found[1:]])
    return facts


def _misfit(
    rows: Sequence[Any], column: str, padded: frozenset[str], text: str
) -> tuple[str, str, tuple[int, ...]] | None:
    read = [row_of(feature) or {} for feature in rows]
    missing = [at for at, row in enumerate(read) if column not in row]
    if missing:
        return column, "missing", tuple(missing)
    values = [row[column] for row in read]
    texts = [at for at, value in enumerate(values) if is_text(value)]
    if texts:
        left_out = text == LEFT_OUT and type(values[0]) is str and column not in ("label", "label_ids")
        return None if left_out or text == KEPT else (column, "text", tuple(texts))
    nothing = [at for at, value in enumerate(values) if value is None]
    if nothing and not (text == LEFT_OUT and values[0] is None):
        return column, "none", tuple(nothing)
    shapes = [shape_in(value) for value in values]
    if None in shapes:
        return column, "ragged", tuple([at for at, shape in enumerate(shapes) if shape is None])
    usual = Counter(shapes).most_common(1)[0][0]
    if len(set(shapes)) > 1 and column not in padded:
        return column, "ragged", tuple([at for at, shape in enumerate(shapes) if shape != usual])
    return None
