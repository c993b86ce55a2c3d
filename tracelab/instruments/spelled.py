"""The tokens themselves, only where values are kept: for each id its token and the letters behind it.

    tokens, token_ids       one tuple for each row
    special_mask            1 for an id that the tokenizer added (padding is such an id too)
    cut                     the end at which the text was cut, "" where it was not
    spans                   the letters in the text, "" for what was added
    added_tokens            (id, token) of the special tokens in rows of a backend that keeps no `Encoding`

The first rows and the first tokens of each are kept: a batch of thousands costs no more than a screen.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ..describe import Padding, cut_end, instance_dict, numbers_in
from ..recorder import Tells

ROWS = 16
TOKENS = 256
"""So many rows are kept, and so many tokens of each."""


def spelled(encodings: list[Any], given: Any, pair: Any, split: bool, texts: Sequence[int]) -> dict[str, Any]:
    """The rows of a tokenizer in Rust.  `texts`: for each row the text that it was made of."""
    kept = encodings[:ROWS]
    return {
        "tokens": tuple(tuple(encoding.tokens[:TOKENS]) for encoding in kept),
        "token_ids": tuple(tuple(encoding.ids[:TOKENS]) for encoding in kept),
        "special_mask": tuple(tuple(encoding.special_tokens_mask[:TOKENS]) for encoding in kept),
        "cut": tuple(map(cut_end, kept)),
        "spans": tuple(
            _spans(encoding, *_sources(given, pair, text, split))
            for encoding, text in zip(kept, texts, strict=False)
        ),
    }


def numbered(tokenizer: Any, ids: Any) -> dict[str, Any]:
    """The rows of any other tokenizer: the ids, and the names of those that were added to its vocabulary."""
    rows = numbers_in(ids)
    if rows is None or not any(rows):
        return {}
    kept = tuple(tuple(row[:TOKENS]) for row in rows[:ROWS])
    names = instance_dict(tokenizer).get("_added_tokens_decoder")
    known = getattr(sys.modules.get("tokenizers"), "AddedToken", None)
    found: dict[str, Any] = {"token_ids": kept}
    if type(names) is dict and known is not None:
        seen = sorted({number for row in kept for number in row if type(names.get(number)) is known})
        found["added_tokens"] = tuple((number, names[number].content) for number in seen)
    return found


def special_ends(tokenizer: Any, ids: Any, padding: Padding | None) -> dict[str, Any]:
    """How many ids at the start and at the end of the first row are special tokens, added or not."""
    rows, names = numbers_in(ids), instance_dict(tokenizer).get("_special_tokens_map")
    numbers: Any = instance_dict(tokenizer).get("_added_tokens_encoder")
    if not rows or not rows[0] or type(names) is not dict or type(numbers) is not dict:
        return {}
    special = {numbers.get(content_of(token)) for token in names.values()} - {None}
    row, pads = list(rows[0]), 0 if padding is None else padding.rows[0]
    if pads and padding is not None:
        row = row[pads:] if padding.side == "left" else row[:-pads]
    start = next((place for place, number in enumerate(row) if number not in special), len(row))
    end = next((place for place, number in enumerate(row[::-1]) if number not in special), len(row))
    return {"special_ends": (start, end)} if start + end <= len(row) else {}


def content_of(token: Any) -> str | None:
    """A special token as the tokenizer keeps it: a text, or one of Rust's added tokens."""
    if type(token) is getattr(sys.modules.get("tokenizers"), "AddedToken", None):
        token = token.content
    return token if type(token) is str else None


def _sources(given: Any, pair: Any, text: int, split: bool) -> tuple[Any, Any]:
    """The two texts that a row was made of, where they are plain ones."""
    single = type(given) is str or (split and _is_listed(given) and type(given[0]) is str)
    if single:
        return given, pair
    first: Any = given[text] if _is_listed(given) and text < len(given) else None
    if pair is not None:
        return first, pair[text] if _is_listed(pair) and text < len(pair) else None
    if _is_listed(first) and len(first) == 2 and not (split and type(first[0]) is str):
        return first[0], first[1]
    return first, None


def _spans(encoding: Any, first: Any, second: Any) -> tuple[str, ...]:
    found = []
    places = zip(encoding.offsets, encoding.word_ids, encoding.sequence_ids, strict=True)
    for (start, stop), word, sequence in list(places)[:TOKENS]:
        source: Any = (first, second)[sequence] if sequence in (0, 1) else None
        if _is_listed(source) and type(word) is int and word < len(source):
            source = source[word]
        found.append(source[start:stop] if type(source) is str else "")
    return tuple(found)


def _is_listed(value: Any) -> bool:
    return type(value) is list or type(value) is tuple


def _looked_up(
    tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> dict[str, Any] | None:
    """Which token has which id: the vocabulary of a tokenizer that keeps no `Encoding`."""
    tokens: Any = args[0] if args else kwargs.get("tokens")
    if type(tokens) is str and type(output) is int:
        tokens, output = [tokens], [output]
    plain = type(tokens) is list and type(output) is list and len(tokens) == len(output)
    if not plain or not all(type(token) is str for token in tokens):
        return None
    return {"tokens": (tuple(tokens[:TOKENS]),), "token_ids": (tuple(output[:TOKENS]),)}


LOOKED_UP = Tells(after=_looked_up, of_values=True)
