"""Rows of ids, masks and labels become rows of tokens; what cannot be one batch is refused in data terms.

fields     input_ids, attention_mask, labels, position_ids, token_type_ids: rows of plain numbers
names      what is known of the ids of a row: their tokens, letters and special ones
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..calls import Token, TokenBatch, TokenRow
from ..calls.tokenrow import PAD, SPECIAL, UNKNOWN_TOKEN, Number
from ..errors import BatchError

Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Names:
    """What a tokenizer says of the ids of one row: for each its token and letters, and which are special."""

    tokens: Sequence[str | None] = ()
    texts: Sequence[str | None] = ()
    special: Sequence[int] = ()
    cut: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of ids anywhere: their names, which are special, which pads and which is unknown."""

    names: Mapping[int, str] = field(default_factory=dict)
    special: frozenset[int] = frozenset()
    pad: int | None = None
    unknown: int | None = None


def batch_of(
    fields: Mapping[str, Any], rows: Sequence[Names | None], known: Known, seen: str = ""
) -> TokenBatch:
    """The batch whose `fields` hold rows of numbers; `rows`: what is known of each row."""
    ids, mask, places = fields["input_ids"], fields.get("attention_mask"), fields.get("position_ids")
    types = fields.get("token_type_ids")
    labels: Any = fields.get("labels")
    each = labels is not None and all(isinstance(label, (list, tuple)) for label in labels)
    beside = each and all(len(label) == len(row) for label, row in zip(labels, ids, strict=True))
    made: list[TokenRow] = []
    for number, row in enumerate(ids):
        names = rows[number] if number < len(rows) else None
        attended = None if mask is None else mask[number]
        at = None if places is None else places[number if len(places) > 1 else 0]
        told = labels[number] if beside else None
        made.append(
            TokenRow(
                row=number,
                tokens=_tokens(row, names or Names(), known, attended, at, told, types and types[number]),
                label=None if labels is None or each else labels[number],
                cut=None if names is None else names.cut,
            )
        )
        if each and not beside:
            told = _tokens(labels[number], Names(), known, None, None, labels[number])
            made.append(TokenRow(number, told, name="labels"))
    return TokenBatch(tuple(made), tuple(_notes(fields, made)), seen)


def _tokens(
    row: Sequence[int],
    names: Names,
    known: Known,
    mask: Sequence[int] | None,
    places: Sequence[int] | None,
    labels: Sequence[Number] | None,
    types: Sequence[int] | None = None,
) -> tuple[Token, ...]:
    ends = _padding(row, known.pad, mask)
    return tuple(
        Token(
            id=number,
            token=_at(names.tokens, place) or known.names.get(number),
            text=_at(names.texts, place),
            kind=_kind(number, place in ends, _at(names.special, place), known),
            position=_at(places, place),
            mask=_at(mask, place),
            label=_at(labels, place),
            type=_at(types, place),
        )
        for place, number in enumerate(row)
    )


def _padding(row: Sequence[int], pad: int | None, mask: Sequence[int] | None) -> set[int]:
    """Which places of a row are padding: those that the mask leaves out, or pad tokens at one end."""
    if mask is not None:
        return {place for place, one in enumerate(mask) if not one}
    own = [place for place, number in enumerate(row) if number != pad]
    if pad is None or not own:
        return set()
    after = set(range(own[-1] + 1, len(row)))
    return after or set(range(own[0]))


def _kind(number: int, padding: bool, special: int | None, known: Known) -> str:
    if padding:
        return PAD
    if special or (special is None and number in known.special):
        return SPECIAL
    return UNKNOWN_TOKEN if number == known.unknown else ""


def _at(values: Sequence[Any] | None, place: int) -> Any:
    return values[place] if values is not None and place < len(values) else None


def _notes(fields: Mapping[str, Any], rows: Sequence[TokenRow]) -> list[str]:
    """What is odd about the batch."""
    if "attention_mask" in fields:
        return []
    padded = [row.row for row in rows if row.name == "row" and any(token.kind == PAD for token in row.tokens)]
    if padded:
        where = f"row {padded[0]}" if len(padded) == 1 else f"rows {', '.join(map(str, padded[:5]))}"
        return [f"no attention_mask: the model attends to the padding of {where} too"]
    return ["no attention_mask: the model attends to every id"]


# --- what is no batch -------------------------------------------------------------------------------------


def checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields, if their rows make one batch; BatchError with the place otherwise."""
    ids = fields["input_ids"]
    if not ids:
        raise BatchError("this batch has no row: input_ids is empty")
    _same_lengths("input_ids", ids, "pad them: tokenizer(texts, padding=True)")
    for name in ("attention_mask", "token_type_ids", "position_ids"):
        if name in fields:
            _beside(name, fields[name], ids)
    if "labels" in fields:
        _labels(fields["labels"], ids)
    return fields


def _same_lengths(name: str, rows: Rows, remedy: str) -> None:
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            sizes = f"row 0 has {len(rows[0])}, row {number} has {len(row)}"
            raise BatchError(f"{name} is ragged: {sizes}; {remedy}")


def _beside(name: str, rows: Rows, ids: Rows) -> None:
    if len(rows) != len(ids) and not (name == "position_ids" and len(rows) == 1):
        raise BatchError(f"{name} has {len(rows)} rows and input_ids has {len(ids)}")
    for number, row in enumerate(rows):
        if len(row) != len(ids[0]):
            raise BatchError(f"{name} of row {number} has {len(row)} numbers and input_ids has {len(ids[0])}")


def _labels(labels: Sequence[Any], ids: Rows) -> None:
    if len(labels) != len(ids):
        raise BatchError(f"labels has {len(labels)} rows and input_ids has {len(ids)}")
    for number, label in enumerate(labels):
        inner = label if isinstance(label, (list, tuple)) else [label]
        for place, one in enumerate(inner):
            if not isinstance(one, (int, float)):
                where = f"label {place} of row {number}" if inner is label else f"the label of row {number}"
                raise BatchError(
                    f"{where} is {one!r}, of type {type(one).__name__}; a label is a number, "
                    "a name needs its id from the model's label2id"
                )
    if any(isinstance(label, (list, tuple)) for label in labels):
        if not all(isinstance(label, (list, tuple)) for label in labels):
            raise BatchError(
                "labels holds rows and single numbers; it is one label a row, or one for each id"
            )
        _same_lengths(
            "labels", labels, "pad them with -100: DataCollatorForTokenClassification or ForSeq2Seq"
        )
