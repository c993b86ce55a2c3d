"""What stands in the result of a tokenizer: fields, rows of ids, and the Rust encodings behind them.

A tokenizer gives a `BatchEncoding`, a list of ids, or a list of such lists.  Only these plain containers of
the library and of Python are read, and Rust's own `Encoding`s; of a class of the host's nothing is asked.
Counting the ones of each mask would cost as much as a twentieth of the tokenizer's work, but a mask of a
tokenizer has its zeros at one end, so it is enough to look for the first one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .contents import looked_at
from .reflection import home, instance_dict
from .tensors import shape_of

_BATCHES = frozenset(
    {
        ("transformers.tokenization_utils_base", "BatchEncoding"),
        ("transformers.feature_extraction_utils", "BatchFeature"),
        ("transformers.image_processing_base", "BatchFeature"),
    }
)

LEFT, RIGHT = "left", "right"


class Padding(NamedTuple):
    """How many ids of each row are padding, and on which side; None where there is none."""

    rows: Sequence[int]
    side: str | None


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a batch of the library's, or of a plain dict; none for anything else."""
    if type(value) is dict:
        return value
    data = instance_dict(value).get("data") if home(type(value)) in _BATCHES else None
    return data if type(data) is dict else {}


def encodings_of(value: Any) -> list[Any]:
    """Rust's encodings behind a batch, one for each row; none where another backend made it."""
    found = instance_dict(value).get("_encodings") if home(type(value)) in _BATCHES else None
    rust = getattr(sys.modules.get("tokenizers"), "Encoding", None)
    return found if type(found) is list and rust is not None and _are(rust, found) else []


def numbers_in(value: Any) -> list[list[Any]] | None:
    """Rows of numbers, of lists, of a tensor on the CPU or of an array; a flat one is one row."""
    if type(value) is list:
        if not value or type(value[0]) is int:
            return [value]
        return value if _are(list, value) else None
    dimensions = len(_sizes(value))
    if dimensions not in (1, 2):
        return None
    if _is_array(value):
        found = sys.modules["numpy"].ndarray.tolist(value)
    else:
        found = looked_at(value, lambda tensor: tensor.tolist(), waits=False)
    return [found] if found is not None and dimensions == 1 else found


def lengths_in(value: Any) -> Sequence[int] | None:
    """The length of each row, without looking into the rows."""
    if type(value) is list:
        if not value or type(value[0]) is int:
            return [len(value)]
        return list(map(len, value)) if _are(list, value) else None
    shape = _sizes(value)
    if len(shape) not in (1, 2) or any(type(size) is not int for size in shape):
        return None
    return [shape[-1]] * (shape[0] if len(shape) == 2 else 1)


def padding_in(mask: Any) -> Padding | None:
    """The padding that an attention mask tells of; None where the mask cannot be read."""
    rows = numbers_in(mask)
    if rows is None:
        return None
    padded: list[int] = []
    side = None
    for row in rows:
        number = 0
        if row and row[0] == 0:
            side, number = LEFT, row.index(1) if 1 in row else len(row)
        elif row and row[-1] == 0:
            side, number = RIGHT, len(row) - row.index(0)
        padded.append(number)
    return Padding(padded, side)


def cut_end(encoding: Any) -> str:
    """The end at which a text was cut; what was cut off stands behind what is left, or before it."""
    rest = encoding.overflowing
    if not rest:
        return ""
    here, there = _begins(encoding), _begins(rest[0])
    return "left" if here is not None and there is not None and there < here else "right"


def _begins(encoding: Any) -> tuple[int, int] | None:
    """The word and letter of the text at which an encoding begins."""
    places = zip(encoding.word_ids, encoding.offsets, encoding.special_tokens_mask, strict=True)
    found = ((-1 if word is None else word, start) for word, (start, _), added in places if not added)
    return next(found, None)


def texts_in(value: Any, is_split: bool) -> int | None:
    """How many texts a tokenizer was given; None where that cannot be told from plain containers."""
    if type(value) is str:
        return 1
    if type(value) not in (list, tuple):
        return None
    if is_split and value and type(value[0]) is str:
        return 1
    return 1 if value and type(value[0]) is int else len(value)


def _sizes(value: Any) -> tuple[Any, ...]:
    """The shape of an array or tensor."""
    if _is_array(value):
        shape: tuple[Any, ...] = sys.modules["numpy"].ndarray.shape.__get__(value)
        return shape
    return shape_of(value) if "torch" in sys.modules else ()


def _is_array(value: Any) -> bool:
    return type(value) is getattr(sys.modules.get("numpy"), "ndarray", None)


def _are(cls: type, values: Iterable[Any]) -> bool:
    return {id(cls)}.issuperset(map(id, map(type, values)))  # hashing a class may run its metaclass
