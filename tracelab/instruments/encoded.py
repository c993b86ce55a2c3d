"""What a tokenizer did with its texts, as facts of the call: ids, special tokens, truncation, padding.

    texts, ids              how many went in and came out, special tokens and padding included
    special_added           ids that the tokenizer added; `special_at`: at the start, inside, at the end
    truncated               texts that were cut; `truncated_from`: ids that the longest of them would have had
    padded, padding_side    ids of padding, and where
    pairs, type_ids         texts that were pairs, and what tells the two apart
    overflow, stride        rows that were made of what was cut off, and by how much they overlap
    offsets                 whether each id says which letters it stands for
    bos_twice, eos_twice    rows with a special token of the tokenizer's next to the same one in the text

All of it comes from Rust's `Encoding`s and from lists, tensors and arrays of ids.  Where there are more than
EACH texts only the first and the last are looked at for what is the same in all of them.  What is not known
is left out: how many ids a text had before another backend cut it, see `analyses/added`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..describe import (
    class_name,
    dict_of_class,
    encodings_of,
    fields_of,
    home,
    instance_dict,
    lengths_in,
    mro_of,
    padding_in,
    texts_in,
)
from ..recorder import Tells
from .spelled import numbered, special_ends, spelled

EACH = 64
"""Of so many texts each is looked at."""

CUT = 8
"""Of more texts, only so many that were cut are looked at: each look copies what was cut off."""

_BACKENDS = {
    "TokenizersBackend": "rust",
    "PreTrainedTokenizerFast": "rust",
    "SentencePieceBackend": "sentencepiece",
    "PythonBackend": "python",
    "PreTrainedTokenizer": "python",
}
"""The classes of transformers 4.57 to 5 that a tokenizer has its backend from."""

Facts = dict[str, Any]


def argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, *names: str) -> Any:
    """An argument by position or by one of its names; None where it was not given."""
    if len(args) > position:
        return args[position]
    return next((kwargs[name] for name in names if name in kwargs), None)


def _encoded(
    tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any]:
    given = argument(args, kwargs, 0, "text", "batch_text_or_text_pairs")
    pair = argument(args, kwargs, 1, "text_pair")
    fields, encodings = fields_of(output), encodings_of(output)
    found: Facts = {"backend": backend_of(tokenizer)}
    ids = fields.get("input_ids") if fields else output  # `encode` gives nothing but the ids
    lengths = list(map(len, encodings)) or lengths_in(ids)
    if lengths is None:
        return found
    rows, split = len(lengths), kwargs.get("is_split_into_words") is True
    mapping = fields.get("overflow_to_sample_mapping")
    over = rows - 1 - max(mapping) if type(mapping) is list and mapping else 0
    if given is None and "text_target" in kwargs:
        given, pair = kwargs["text_target"], kwargs.get("text_pair_target")
        found["target"] = True
    stride = kwargs["stride"] if type(kwargs.get("stride")) is int else 0
    texts = rows - over if encodings else texts_in(given, split)
    found |= {"texts": rows if texts is None else texts, "ids": sum(lengths)}
    found |= _padded(fields, encodings)
    if encodings:
        found |= _in_rust(encodings, stride)
    else:
        found |= _elsewhere(tokenizer, fields, ids, lengths, pair, kwargs)
    if over:
        found["overflow"] = over
    if stride:
        found["stride"] = stride
    if fields and found.get("pairs"):
        found["type_ids"] = _type_ids(tokenizer, fields, encodings, kwargs)
    if "offset_mapping" in fields:
        found["offsets"] = True
    elif kwargs.get("return_offsets_mapping") is True:
        found["offsets"] = False
    if values and encodings:
        made_of = mapping if type(mapping) is list else range(rows)
        found |= spelled(encodings, given, pair, split, made_of)
    elif values:
        found |= numbered(tokenizer, ids)
    return found


def backend_of(tokenizer: Any) -> str:
    """rust, python or sentencepiece; the name of the class where it is another one."""
    for cls in mro_of(type(tokenizer)):
        module, name = home(cls)
        if module.partition(".")[0] == "transformers" and name in _BACKENDS:
            return _BACKENDS[name]
    return class_name(type(tokenizer))


def _padded(fields: Mapping[str, Any], encodings: list[Any]) -> Facts:
    mask = fields.get("attention_mask")
    if mask is None and 0 < len(encodings) <= EACH:  # asked not to give one
        mask = [encoding.attention_mask for encoding in encodings]
    padding = None if mask is None else padding_in(mask)
    if padding is None:
        return {}
    return {"padded": sum(padding.rows), **({"padding_side": padding.side} if padding.side else {})}


# --- Rust -------------------------------------------------------------------------------------------------


def _in_rust(encodings: list[Any], stride: int) -> Facts:
    looked = encodings if len(encodings) <= EACH else [encodings[0], encodings[-1]]
    rows = [_Row(encoding) for encoding in looked]
    whole = len(looked) == len(encodings)
    found: Facts = {}
    special = [row.special for row in rows]
    if whole:
        found["special_added"] = sum(special)
    elif special[0] == special[1]:
        found["special_added"] = special[0] * len(encodings)
    places = {row.places for row in rows if row.places is not None}
    if len(places) == 1:
        found["special_at"] = places.pop()
    sequences = [encoding.n_sequences for encoding in looked]
    if max(sequences) > 1 and (whole or sequences[0] == sequences[1]):
        found["pairs"] = sum(number > 1 for number in sequences) if whole else len(encodings)
    for name, twice in (
        ("bos_twice", sum(row.starts_twice for row in rows)),
        ("eos_twice", sum(row.ends_twice for row in rows)),
    ):
        if twice:
            found[name if whole else f"{name}_at_least"] = twice
    return {**found, **_cut(encodings, stride, max(sequences) == 1)}


def _cut(encodings: list[Any], stride: int, single: bool) -> Facts:
    """How many texts were cut: of what was cut off Rust keeps the rest."""
    most = CUT if len(encodings) > EACH else EACH + 1
    cut: list[tuple[Any, list[Any]]] = []
    for encoding in encodings:
        rest = encoding.overflowing
        if rest:
            cut.append((encoding, rest))
            if len(cut) == most:
                break
    if not cut:
        return {"truncated": 0}
    found: Facts = {"truncated" if len(cut) < most else "truncated_at_least": len(cut)}
    if single:
        found["truncated_from"] = max(_before(encoding, rest, stride) for encoding, rest in cut)
    return found


def _before(encoding: Any, rest: list[Any], stride: int) -> int:
    """How many ids a text would have had: neighbouring pieces of it share `stride` tokens."""
    own = _Row(encoding)
    before: int = own.special + own.ordinary + sum([_Row(piece).ordinary - stride for piece in rest])
    return before


class _Row:
    """One encoding: how many of its ids are special and ordinary, and where the special ones stand."""

    __slots__ = ("ends_twice", "ordinary", "places", "special", "starts_twice")

    def __init__(self, encoding: Any) -> None:
        mask, ids = encoding.special_tokens_mask, encoding.ids
        if ids and 0 in (attended := encoding.attention_mask):
            kept = [place for place, one in enumerate(attended) if one]
            mask, ids = [mask[place] for place in kept], [ids[place] for place in kept]
        self.special = sum(mask)
        self.ordinary = len(mask) - self.special
        self.places = None
        self.starts_twice = self.ends_twice = False
        if self.ordinary:
            start = mask.index(0)
            end = mask[::-1].index(0)
            self.places = start, self.special - start - end, end
            self.starts_twice = start > 0 and ids[start] == ids[start - 1]
            self.ends_twice = end > 0 and ids[-end] == ids[-end - 1]


# --- the other backends -----------------------------------------------------------------------------------


def _elsewhere(
    tokenizer: Any,
    fields: Mapping[str, Any],
    ids: Any,
    lengths: Sequence[int],
    pair: Any,
    kwargs: dict[str, Any],
) -> Facts:
    """What lists of ids say.  How many are special, `analyses/added` finds out from the calls below."""
    found: Facts = {}
    if pair is not None:
        found["pairs"] = len(lengths)
    rust: Any = instance_dict(tokenizer).get("_tokenizer")
    if kwargs.get("add_special_tokens") is False:
        found["special_added"] = 0
    elif type(rust) is getattr(sys.modules.get("tokenizers"), "Tokenizer", None):
        found["special_added"] = rust.num_special_tokens_to_add(pair is not None) * len(lengths)
    elif (fields or not _asked(kwargs.get("padding"))) and len(lengths) <= EACH:
        padding = padding_in(fields["attention_mask"]) if "attention_mask" in fields else None
        pads = [0] * len(lengths) if padding is None else padding.rows
        if len(pads) == len(lengths):
            found["lengths"] = tuple(length - pad for length, pad in zip(lengths, pads, strict=True))
            found |= special_ends(tokenizer, ids, padding)
    if not _asked(kwargs.get("truncation")) and kwargs.get("max_length") is None:
        found["truncated"] = 0
    else:
        longest = kwargs.get("max_length") or instance_dict(tokenizer).get("model_max_length")
        if type(longest) is int:
            found["max_length"] = longest
    return found


def _asked(option: Any) -> bool:
    return option is not None and option is not False


def _type_ids(tokenizer: Any, fields: Mapping[str, Any], encodings: list[Any], kwargs: dict[str, Any]) -> str:
    """What tells the two texts of a pair apart, or why nothing does."""
    if "token_type_ids" in fields:
        if encodings:
            return "0 and 1" if 1 in encodings[0].type_ids else "all 0"
        given = fields["token_type_ids"]
        row = given[0] if type(given) is list and given and type(given[0]) is list else given
        return "given" if type(row) is not list else "0 and 1" if 1 in row else "all 0"
    if kwargs.get("return_token_type_ids") is False:
        return "not asked for"
    names: Any = instance_dict(tokenizer).get("model_input_names")
    if names is None:
        classes = (dict_of_class(cls).get("model_input_names") for cls in mro_of(type(tokenizer)))
        names = next((one for one in classes if one is not None), None)
    known = type(names) in (list, tuple) and "token_type_ids" not in names
    return "none: the model takes none" if known else "none"


def _tokenized(
    tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    """`tokenize` gives tokens and no ids, and adds none unless it is asked to."""
    if type(output) is not list:
        return None
    found: Facts = {"backend": backend_of(tokenizer), "texts": 1, "pieces": len(output)}
    if "add_special_tokens" not in kwargs or kwargs["add_special_tokens"] is False:
        found["special_added"] = 0
    return found


ENCODED = Tells(after=_encoded)
TOKENIZED = Tells(after=_tokenized)
