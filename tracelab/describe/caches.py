"""Generation caches: how many tokens they hold, read from attributes alone.

`get_seq_length()` is code of the cache, raises for state-space caches and gives a tensor for static ones.
The length kept is that of the **last** layer that holds keys: layers are updated one after another during
a forward, so each layer of a step finds there the length from before the step.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

from .reflection import dict_getter, named
from .tensors import counter, shape_of

DictGetter = Callable[[Any], dict[str, Any]]


CacheKey = tuple[str, "int | None", int, "int | None"]
"""Type, length, layers, cross length: the arguments of a CacheSpec, and the key that it is interned by."""


class CacheReader:
    """Reads caches; remembers for each class how to get at the dictionary of its instances."""

    def __init__(self) -> None:
        self._getters: dict[int, tuple[DictGetter, Any]] = {}

    def read(self, kind: str, cache: Any) -> CacheKey:
        """The state of a cache whose class is called `kind`."""
        data = self._dict(cache)
        layers = data.get("layers")
        if type(layers) is list:
            return kind, self._length(layers), len(layers), None
        keys = data.get("key_cache")
        if type(keys) is list:
            return kind, _list_length(keys), len(keys), None
        own = self._dict(data.get("self_attention_cache")).get("layers")
        cross = self._dict(data.get("cross_attention_cache")).get("layers")
        if type(own) is not list or type(cross) is not list:
            return kind, None, 0, None
        return kind, self._length(own), len(own), self._length(cross)

    def _length(self, layers: list[Any]) -> int | None:
        """Tokens held; None where no layer counts tokens (state-space models)."""
        for layer in reversed(layers):
            length = _layer_length(self._dict(layer))
            if length is not None:
                return length
        return None if layers else 0

    def _dict(self, value: Any) -> dict[str, Any]:
        cls = type(value)
        known = self._getters.get(id(cls))
        if known is None:
            getters, key = self._getters, id(cls)
            known = getters[key] = dict_getter(cls), weakref.ref(cls, lambda _: getters.pop(key, None))
        return named(known[0](value))


def growing_cache_reader(cls: type) -> Callable[[Any], CacheKey] | None:
    """A shorter way for the library's own growing cache, which every layer of most models is given.

    The exact classes alone: their attributes are plain ones, and a subclass may count in another way.
    """
    library: Any = sys.modules.get("transformers.cache_utils")
    layer_class = getattr(library, "DynamicLayer", None)
    if cls is not getattr(library, "DynamicCache", None) or layer_class is None:
        return None
    careful = CacheReader()
    tensor_class: Any = sys.modules["torch"].Tensor

    def read(cache: Any) -> CacheKey:
        try:
            layers = cache.layers
            last: Any = layers[-1] if type(layers) is list and layers else None
            filled = type(last) is layer_class and last.is_initialized is True
            if filled and type(last.keys) is tensor_class and last.keys.ndim > 1:
                return "DynamicCache", last.keys.shape[-2], len(layers), None
        except Exception:  # half built
            return careful.read("DynamicCache", cache)
        return careful.read("DynamicCache", cache)

    return read


def _layer_length(layer: dict[str, Any]) -> int | None:
    """Tokens seen by one cache layer; None where it does not count them."""
    if "keys" not in layer:
        return None
    if layer.get("is_initialized") is not True:
        return 0
    if "cumulative_length" in layer:
        counted = layer.get("cumulative_length_int", layer["cumulative_length"])
        return counted if type(counted) is int else counter(counted)
    if "max_cache_len" in layer:
        return None  # static in transformers 4.57: room for all from the beginning, and no count
    keys = layer["keys"]
    if keys is None:
        return None  # a placeholder layer that shares the keys of another one
    shape = shape_of(keys)
    return shape[-2] if len(shape) > 1 and type(shape[-2]) is int else 0


_HYBRIDS = ("MambaAttentionDynamicCache", "HybridDynamicCache", "HybridConvCache", "Qwen3NextDynamicCache")


def is_hybrid(home: tuple[str, str]) -> bool:
    """Whether a class is a cache that a hybrid model of transformers 4.57 brings along; it is no `Cache`."""
    return home[0].startswith("transformers.models.") and home[1].endswith(_HYBRIDS)


def _list_length(keys: list[Any]) -> int:
    """Tokens held by such a cache: a list of keys, with None or an empty tensor where a layer has none."""
    for tensor in reversed(keys):
        shape = shape_of(tensor)
        if len(shape) == 4 and type(shape[-2]) is int:
            return shape[-2]
    return 0
