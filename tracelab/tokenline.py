"""The token line of a batch that a program holds: text → id → special or padding → position → mask → label.

    tracelab.show_batch(tokenizer(texts, padding=True), tokenizer)

Nothing is recorded for it.  Unlike everything that records, it asks the tokenizer: for the names of ids.
"""

from __future__ import annotations

import io
from typing import IO, Any


def show_batch(
    batch: Any, tokenizer: Any, labels: Any = None, width: int | None = None, file: IO[str] | None = None
) -> None:
    """Print each row of `batch`: ids with their tokens, which are special or padding, mask and labels.

    batch: what a tokenizer or a collator gives, or any mapping with `input_ids`: lists, arrays or tensors.
    tokenizer: the tokenizer (or processor) that made it; None where ids are enough.
    labels: in place of those in the batch.
    width: columns, None for those of the terminal.  BatchError for what is no batch.
    """
    from .analyses.heldbatch import token_batch  # who only records needs none of it
    from .renderers.tokenline import show

    show([token_batch(batch, tokenizer, labels)], width=width, file=file)


def batch_text(batch: Any, tokenizer: Any, labels: Any = None, width: int | None = None) -> str:
    """The same as plain text."""
    page = io.StringIO()
    show_batch(batch, tokenizer, labels, width, page)
    return page.getvalue()
