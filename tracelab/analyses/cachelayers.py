"""The layers of a cache after a step, worked out from what they were after the prompt.

The cache is looked into once in each loop, when the prompt has gone in (see `instruments/decoding`).  From
there on a growing layer holds as many tokens as the cache has at that step, a sliding one at most its
window, and a static one or a state stays as it is.
"""

from __future__ import annotations

from ..calls import CacheLayer, Step
from .loops import PREFILL


def layers_of(step: Step) -> list[CacheLayer]:
    """The layers of the self-attention cache after `step`, first to last; empty where that is not known."""
    for call in step.loop.children if step.loop else ():
        if call.function == PREFILL:
            found: list[CacheLayer] = []
            for count, kind, keys, values, dtype, size, held, window in call.facts.get("cache_layers", ()):
                layer = CacheLayer(kind, keys, values, dtype, size)
                found += [_after(layer, held, window, step.cache_after)] * count
            return found
    return []


def _after(layer: CacheLayer, held: int | None, window: int | None, length: int | None) -> CacheLayer:
    """A layer that held `held` tokens after the prompt, now that the cache has `length` of them."""
    if length is None or held is None or len(layer.keys) < 2 or layer.keys[-2] != held:
        return layer
    now = length if window is None else min(length, window - 1)
    keys, values = ((*shape[:-2], now, *shape[-1:]) for shape in (layer.keys, layer.values))
    return CacheLayer(layer.type, keys, values, layer.dtype, layer.item_size)
