"""Caches: the tokens that they hold, by attributes alone, and as they were at entry."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tracelab
from tracelab.values import CacheSpec

from ..models import ZOO
from .described import described


def keys(length: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.ones(1, 2, length, 8), torch.ones(1, 2, length, 8)


def dynamic(lengths: list[int]) -> Any:
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer, length in enumerate(lengths):
        cache.update(*keys(length), layer)
    return cache


def test_a_growing_cache() -> None:
    assert described(dynamic([])) == CacheSpec("DynamicCache", 0, 0)
    assert described(dynamic([3, 3])) == CacheSpec("DynamicCache", 3, 2)
    # Within a step the first layers are ahead of the last one, which still says the step's length.
    assert described(dynamic([4, 3])) == CacheSpec("DynamicCache", 3, 2)


def test_a_cache_of_encoder_and_decoder() -> None:
    from transformers import EncoderDecoderCache

    spec = described(EncoderDecoderCache(dynamic([3, 3]), dynamic([50, 50])))
    assert spec == CacheSpec("EncoderDecoderCache", 3, 2, 50)
    spec = described(EncoderDecoderCache(dynamic([]), dynamic([])))
    assert spec == CacheSpec("EncoderDecoderCache", 0, 0, 0)


def test_a_static_cache_says_what_it_holds_and_not_its_size() -> None:
    from transformers import StaticCache

    model = ZOO["llama"].build()
    ids = ZOO["llama"].inputs()["input_ids"]
    cache = StaticCache(model.config, max_cache_len=16)
    lengths = [described(cache).length]
    with torch.no_grad():
        for tokens in (ids, ids[:, :1], ids[:, :1]):
            model(tokens, past_key_values=cache)
            lengths.append(described(cache).length)
    assert lengths == [0, 5, 6, 7]  # the prompt has five tokens


def test_a_sliding_cache_counts_what_it_has_seen() -> None:
    model = ZOO["gemma2"].build()
    ids = ZOO["gemma2"].inputs()["input_ids"]
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(ids, past_key_values=cache)
        assert described(cache).length == 5  # the window of the sliding layers is 4
        model(ids[:, :1], past_key_values=cache)
        assert described(cache).length == 6


def test_a_state_space_cache_counts_no_tokens() -> None:
    model = ZOO["mamba"].build()
    with tracelab.trace() as trace:
        model.generate(**ZOO["mamba"].generate_arguments())
    caches = [
        spec
        for call in trace.find("MambaForCausalLM.forward")
        for spec in call.inputs.values()
        if isinstance(spec, CacheSpec)
    ]
    assert caches
    assert {spec.length for spec in caches} <= {None, 0}


@pytest.mark.parametrize("name", ["llama", "gemma2", "falcon_h1"])
def test_the_length_is_the_one_at_entry(name: str) -> None:
    """The prompt of 5 tokens is not in the cache when the first step begins; each step adds one."""
    model = ZOO[name].build()
    with tracelab.trace() as trace:
        model.generate(**ZOO[name].generate_arguments())
    entries = [
        call.inputs["past_key_values"].length
        for call in trace.find(f"{type(model).__name__}.forward")
    ]  # fmt: skip
    assert entries == [0, 5, 6, 7]


def test_half_built_caches() -> None:
    from transformers import DynamicCache, EncoderDecoderCache

    for cls in (DynamicCache, EncoderDecoderCache):
        empty = object.__new__(cls)
        assert described(empty) == CacheSpec(cls.__name__, None, 0)
