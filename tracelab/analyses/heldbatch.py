"""A batch that the program holds, as rows of tokens: tensors, arrays or lists, with the tokenizer's names.

The user has handed over batch and tokenizer to be shown, so both may be asked here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..calls import TokenBatch
from ..describe import cut_end
from ..errors import BatchError
from .tokenrows import Known, Names, batch_of, checked

FIELDS = ("attention_mask", "token_type_ids", "position_ids")


def token_batch(batch: Any, tokenizer: Any, labels: Any = None) -> TokenBatch:
    """The rows of a batch; BatchError for what is none."""
    given = _mapping(batch)
    ids = _numbers("input_ids", given["input_ids"])
    flat = bool(ids) and not isinstance(ids[0], (list, tuple))
    fields: dict[str, Any] = {"input_ids": _whole([ids] if flat else ids)}
    for name in FIELDS:
        if given.get(name) is not None:
            values = _numbers(name, given[name])
            fields[name] = values if values and isinstance(values[0], (list, tuple)) else [values]
    if fields.get("attention_mask") and isinstance(_first(_first(fields["attention_mask"])), (list, tuple)):
        del fields["attention_mask"]  # one of four dimensions says nothing of single ids
    told = labels if labels is not None else given.get("labels", given.get("label"))
    if told is not None:
        values = _numbers("labels", told)
        fields["labels"] = (
            [values] if flat and not (values and isinstance(values[0], (list, tuple))) else values
        )
    return batch_of(checked(fields), _names(batch, fields["input_ids"]), _known(tokenizer, fields))


def _mapping(batch: Any) -> Mapping[str, Any]:
    if isinstance(batch, (list, tuple)) and batch and isinstance(batch[0], Mapping):
        raise BatchError(
            f"this is a list of {len(batch)} examples and no batch; a collator or tokenizer.pad() makes one"
        )
    if not isinstance(batch, Mapping):
        raise BatchError(
            f"this is of type {type(batch).__name__}; a batch is a mapping with input_ids, "
            "as a tokenizer or a collator gives it"
        )
    if batch.get("input_ids") is None:
        raise BatchError(f"this batch has no input_ids; it has {', '.join(map(str, batch)) or 'nothing'}")
    return batch


def _numbers(name: str, value: Any) -> Any:
    """Lists of plain numbers, of whatever holds them."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_numbers(name, one) if hasattr(one, "tolist") else one for one in value]
    if name == "labels" and isinstance(value, (int, float, str)):
        return [value]
    raise BatchError(
        f"{name} is of type {type(value).__name__}; it is a tensor, an array or a list of numbers"
    )


def _whole(ids: Sequence[Any]) -> Sequence[Sequence[int]]:
    for number, row in enumerate(ids):
        if not isinstance(row, (list, tuple)):
            raise BatchError(f"input_ids of row {number} is {row!r} and no row of ids")
        for place, one in enumerate(row):
            if not isinstance(one, int):
                raise BatchError(
                    f"id {place} of row {number} is {one!r}, of type {type(one).__name__}, and no id"
                )
    return ids


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) and value else None


def _names(batch: Any, ids: Sequence[Sequence[int]]) -> list[Names | None]:
    """What Rust's encodings behind a batch say of its rows; they stay what they were when ids are changed."""
    encodings = getattr(batch, "encodings", None)
    if not isinstance(encodings, list) or len(encodings) != len(ids):
        return []
    return [
        Names(tokens=encoding.tokens, special=encoding.special_tokens_mask, cut=cut_end(encoding) or None)
        if encoding.ids == list(row)
        else None
        for encoding, row in zip(encodings, ids, strict=True)
    ]


def _known(tokenizer: Any, fields: Mapping[str, Any]) -> Known:
    """The names of all ids in the batch, and which of them are special."""
    if tokenizer is None:
        return Known()
    asked = getattr(tokenizer, "tokenizer", tokenizer)
    if not hasattr(asked, "convert_ids_to_tokens"):
        raise BatchError(
            f"{type(tokenizer).__name__} has no names for ids; possible are a tokenizer, a processor or None"
        )
    labels = [one for row in fields.get("labels", ()) if isinstance(row, (list, tuple)) for one in row]
    numbers = {one for row in fields["input_ids"] for one in row} | {
        one for one in labels if type(one) is int
    }
    inside = sorted(number for number in numbers if 0 <= number < len(asked))
    names = zip(inside, asked.convert_ids_to_tokens(inside), strict=True)
    return Known(
        names={number: name for number, name in names if isinstance(name, str)},
        special=frozenset(asked.all_special_ids),
        pad=asked.pad_token_id,
        unknown=asked.unk_token_id,
    )
