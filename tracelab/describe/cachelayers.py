"""The layers of a generation cache with the shapes of what they hold, read from attributes alone.

Looked into where an instrument asks for it, once for each loop: doing so at every call would cost more than
all else.  Layers that are alike follow one another as one entry.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import Any

from .reflection import class_name, instance_dict
from .tensors import is_readable, shape_of

CacheLayerFacts = tuple[int, str, tuple[int, ...], tuple[int, ...], str, int, "int | None", "int | None"]
"""How many layers, their class, shapes of keys and of values, dtype, bytes of a number, tokens held (None
where the layer does not grow), window (None where it does not slide)."""


def layers_of_cache(cache: Any) -> tuple[CacheLayerFacts, ...]:
    """The layers of the self-attention part of a cache; empty for what is no cache of the library."""
    data = instance_dict(cache)
    layers = instance_dict(data.get("self_attention_cache", cache)).get("layers")
    if type(layers) is not list:
        return ()
    with sys.modules["torch"]._C.DisableTorchFunction():  # a cache with layers came from a loaded torch
        found = list(map(_layer, list.__iter__(layers)))
    return tuple((len(list(equal)), *facts) for facts, equal in groupby(found))


def _layer(layer: Any) -> tuple[str, tuple[int, ...], tuple[int, ...], str, int, int | None, int | None]:
    data, kind = instance_dict(layer), class_name(type(layer))
    keys, values = data.get("keys"), data.get("values")
    if keys is None:
        keys, values = _states(data, "conv_states"), _states(data, "recurrent_states")
    ours, theirs = _shape(keys), _shape(values)
    grows = bool(ours) and len(ours) > 1 and type(data.get("max_cache_len")) is not int and "keys" in data
    window = data.get("sliding_window")
    return (
        kind,
        ours,
        theirs,
        str(keys.dtype).removeprefix("torch.") if ours else "",
        keys.element_size() if ours else 0,
        ours[-2] if grows else None,
        window if type(window) is int else None,
    )


def _states(data: dict[str, Any], name: str) -> Any:
    """The one tensor of a state that is kept as a mapping, or as it is."""
    states = data.get(name)
    return states.get(0) if type(states) is dict else states


def _shape(tensor: Any) -> tuple[int, ...]:
    if not is_readable(tensor):
        return ()
    return tuple(size for size in shape_of(tensor) if isinstance(size, int))
