"""What becomes of sounds, images and chats before the tokenizer or the model sees them, as facts.

    pad                   rows, ids, padded, padding_side
    feature extractor     sounds, samples, sampling_rate, seconds, frames, padded_to
    image processor       images, size
    apply_chat_template   chats, messages, generation_prompt, starts_with_bos

`samples` are those of the longest sound that came in.  `starts_with_bos`: the template has written the token
of the beginning itself, so a tokenizer that adds one to this text would make two.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ..describe import fields_of, instance_dict, lengths_in, padding_in, shape_of
from ..recorder import Tells
from .spelled import content_of

Facts = dict[str, Any]


def _padded(
    tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    fields = fields_of(output)
    lengths = lengths_in(fields.get("input_ids")) if fields else None
    if lengths is None:
        return None
    found: Facts = {"rows": len(lengths), "ids": sum(lengths)}
    padding = padding_in(fields["attention_mask"]) if "attention_mask" in fields else None
    if padding is not None:
        found["padded"] = sum(padding.rows)
        if padding.side:
            found["padding_side"] = padding.side
    return found


def _heard(
    extractor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    given: Any = args[0] if args else kwargs.get("raw_speech", kwargs.get("audio"))
    several = _is_listed(given) and given and type(given[0]) is not float
    sounds: list[Any] = list(given) if several else [given]
    lengths = [_samples(sound) for sound in sounds]
    own = instance_dict(extractor)
    found: Facts = {}
    rate = kwargs.get("sampling_rate", own.get("sampling_rate"))
    if None not in lengths:
        found = {"sounds": len(lengths), "samples": max(length for length in lengths if length is not None)}
    if type(rate) is int:
        found["sampling_rate"] = rate
        if found.get("samples"):
            found["seconds"] = round(found["samples"] / rate, 3)
    shape = _shape(fields_of(output).get("input_features"))
    if len(shape) == 3:
        found["frames"] = max(shape[1:]) if own.get("feature_size") in shape[1:] else shape[1]
    wide, hop = found.get("frames"), own.get("hop_length")
    if wide and type(hop) is int and found.get("samples", wide * hop) < wide * hop and type(rate) is int:
        found["padded_to"] = round(wide * hop / rate, 3)
    return found or None


def _samples(sound: Any) -> int | None:
    if type(sound) is list:
        return len(sound)
    shape = _shape(sound)
    return shape[-1] if shape and type(shape[-1]) is int else None


def _shape(value: Any) -> tuple[Any, ...]:
    if type(value) is getattr(sys.modules.get("numpy"), "ndarray", None):
        shape: tuple[Any, ...] = value.shape
        return shape
    if type(value) is list and value:
        return (len(value), *_shape(value[0]))
    return shape_of(value) if "torch" in sys.modules else ()


def _seen(
    processor: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    shape = _shape(fields_of(output).get("pixel_values"))
    return {"images": shape[0], "size": (shape[-2], shape[-1])} if len(shape) == 4 else None


def _templated(
    tokenizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    given = args[0] if args else kwargs.get("conversation")
    if not _is_listed(given) or not given:
        return None
    chats = list(given) if _is_listed(given[0]) else [given]
    found: Facts = {"chats": len(chats), "messages": sum(len(chat) for chat in chats if _is_listed(chat))}
    if kwargs.get("add_generation_prompt") is True:
        found["generation_prompt"] = True
    written = output[0] if type(output) is list and output else output
    names = instance_dict(tokenizer).get("_special_tokens_map")
    begin = content_of(names.get("bos_token")) if type(names) is dict else None
    if type(written) is str and begin:
        found["starts_with_bos"] = written.startswith(begin)
    return found


def _is_listed(value: Any) -> bool:
    return type(value) is list or type(value) is tuple


PADDED = Tells(after=_padded)
HEARD = Tells(after=_heard)
SEEN = Tells(after=_seen)
TEMPLATED = Tells(after=_templated)
