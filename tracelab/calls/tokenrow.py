"""One row of a batch, token by token: what the text became, and what the model makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

IGNORED = -100
"""The label that a loss leaves out."""

SPECIAL, PAD, UNKNOWN_TOKEN = "special", "pad", "unk"

Number = Union[int, float]


@dataclass(frozen=True, slots=True)
class Token:
    """One id of a row.

    `text`: the letters that it stands for, where the tokenizer says so; `token`: its name in the vocabulary.
    `kind`: special, pad, unk, or nothing.  `position`: its place as the model counts; None where the batch
    does not say, then it is the place in the row.  `mask`: 1 where the model attends to it.  `label`: of -100
    it is ignored by the loss.  `type`: which text of a pair it is of, 0 or 1 (`token_type_ids`).
    """

    id: int
    token: str | None = None
    text: str | None = None
    kind: str = ""
    position: int | None = None
    mask: int | None = None
    label: Number | None = None
    type: int | None = None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A row of a batch.  `label`: that of the whole row.  `cut`: the end at which its text was cut."""

    row: int
    tokens: tuple[Token, ...]
    label: Number | None = None
    cut: str | None = None
    name: str = "row"


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """The rows of one batch, what is odd about it, and where it was seen."""

    rows: tuple[TokenRow, ...]
    notes: tuple[str, ...] = ()
    seen: str = ""
