"""Values for readers: classes of the host's, caches, and strategies for sequences of values and sizes."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy
import torch
from hypothesis import strategies as st
from torch import nn
from transformers import DynamicCache, StaticCache
from transformers.cache_utils import EncoderDecoderCache
from transformers.configuration_utils import PretrainedConfig
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutput

Make = Callable[[int], Any]
"""A value of which some sizes are so much more than a running number."""

Pair = namedtuple("Pair", "left right")


class Listed(list[Any]):
    """A list of the host's."""


class Paired(tuple[Any, ...]):
    """A tuple of the host's."""


class Named(dict[str, Any]):
    """A mapping of the host's."""


class Ordered(OrderedDict[str, Any]):
    """A mapping of the host's that keeps an order."""


class MyOutput(CausalLMOutput):
    """A model output of the host's."""


def cache(length: int, layers: int, kind: type = DynamicCache) -> Any:
    """A growing cache; without tokens it has no layers yet."""
    made = kind()
    for layer in range(layers if length else 0):
        made.update(torch.empty(1, 2, length, 3), torch.empty(1, 2, length, 3), layer)
    return made


CONFIG = PretrainedConfig(
    num_hidden_layers=2, num_attention_heads=2, hidden_size=4, num_key_value_heads=2, head_dim=2
)


def static(length: int) -> Any:
    """A cache with room for all from the beginning."""
    made = StaticCache(CONFIG, max_cache_len=64)
    for layer in range(2):
        states = torch.zeros(1, 2, max(1, length % 30), 2)
        made.update(states, states, layer, {"cache_position": torch.arange(max(1, length % 30))})
    return made


def moved(mapping: OrderedDict[str, Any]) -> OrderedDict[str, Any]:
    """The same with its first entry last."""
    if mapping:
        mapping.move_to_end(next(iter(mapping)))
    return mapping


def nested(*sizes: int, layout: torch.layout = torch.strided) -> torch.Tensor:
    """A tensor of rows of these lengths."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that nested tensors are a prototype
        return torch.nested.nested_tensor([torch.zeros(size) for size in sizes], layout=layout)


def quantised(n: int) -> torch.Tensor:
    """A tensor of small numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that these will go
        return torch.quantize_per_tensor(torch.zeros(2, n), 0.1, 0, torch.quint8)


DTYPES = st.sampled_from([torch.float32, torch.float16, torch.int64, torch.bool])
DIMS = st.lists(st.sampled_from([0, 1, 2, 3, "n", "n+1"]), max_size=4)
NAMES = st.sampled_from(["a", "b", "logits", "x y", "ü", "class"])


def shape(dims: list[Any], n: int) -> list[int]:
    return [n if dim == "n" else n + 1 if dim == "n+1" else dim for dim in dims]


TENSORS: st.SearchStrategy[Make] = st.one_of(
    st.builds(
        lambda dims, dtype, device: lambda n: torch.empty(shape(dims, n), dtype=dtype, device=device),
        DIMS,
        DTYPES,
        st.sampled_from(["cpu", "cpu", "cpu", "meta"]),
    ),
)
OTHERS: st.SearchStrategy[Make] = st.sampled_from(
    [
        lambda n: nn.Parameter(torch.empty(2, n)),
        quantised,
        lambda n: torch.zeros(2, n).to_sparse(),
        lambda n: nested(n, 2),
        lambda n: nested(n, 2, layout=torch.jagged),
        lambda n: numpy.zeros((2, n)),
        lambda n: None,
        lambda n: n,
        lambda n: bool(n % 2),
        lambda n: float(n),
        lambda n: "n" * n,
        lambda n: n and None,
        lambda n: torch.float32,
        lambda n: torch.Size([n]),
        lambda n: Pair(torch.empty(n), None),
        lambda n: Listed([torch.empty(n)]),
        lambda n: Paired((torch.empty(n),)),
        lambda n: Named(a=torch.empty(n)),
        lambda n: object(),
        lambda n: {1: torch.empty(n)},
        lambda n: [torch.empty(n)] * n,
        lambda n: [torch.empty(n)] * 70,
        lambda n: (torch.empty(n), [None] * 70),
        lambda n: [[torch.empty(n)] * 9] * 9,
        lambda n: cache(n, 2),
        lambda n: cache(n, 1 + n % 2),
        lambda n: cache(0, 2),
        static,
        lambda n: EncoderDecoderCache(cache(n, 2), cache(4, 2)),
        lambda n: BaseModelOutputWithPast(
            last_hidden_state=torch.empty(1, n, 4), past_key_values=cache(n, 2)
        ),
    ]
)


def containers(inner: st.SearchStrategy[Make]) -> st.SearchStrategy[Make]:
    """Containers of what `inner` makes."""
    lists = st.lists(inner, max_size=3)
    named = st.dictionaries(NAMES, inner, max_size=3)
    return st.one_of(
        lists.map(lambda makes: lambda n: [make(n) for make in makes]),
        lists.map(lambda makes: lambda n: tuple(make(n) for make in makes)),
        named.map(lambda makes: lambda n: {name: make(n) for name, make in makes.items()}),
        named.map(lambda makes: lambda n: dict(reversed([(a, make(n)) for a, make in makes.items()]))),
        named.map(lambda makes: lambda n: OrderedDict((a, make(n)) for a, make in makes.items())),
        named.map(lambda makes: lambda n: moved(OrderedDict((a, make(n)) for a, make in makes.items()))),
        named.map(lambda makes: lambda n: Ordered((a, make(n)) for a, make in makes.items())),
        inner.map(lambda make: lambda n: CausalLMOutput(logits=make(n))),
        inner.map(lambda make: lambda n: MyOutput(loss=None, logits=make(n))),
    )


MAKES: st.SearchStrategy[Make] = st.recursive(TENSORS | OTHERS, containers, max_leaves=6)
SIZES = st.one_of(
    st.builds(range, st.integers(0, 3), st.integers(4, 12)),  # growing by one
    st.builds(range, st.integers(0, 3), st.integers(4, 20), st.integers(2, 3)),
    st.builds(range, st.integers(9, 12), st.integers(0, 3), st.integers(-2, -1)),  # shrinking
    st.lists(st.integers(0, 9), max_size=10),
    st.integers(0, 4).map(lambda n: [n] * 5),
)


@st.composite
def regimes(draw: Any, makes: st.SearchStrategy[Any]) -> list[tuple[Any, int]]:
    """A few kinds of values in turn, each for a while, with sizes that follow some rule."""
    kinds = draw(st.lists(makes, min_size=1, max_size=3))
    found: list[tuple[Any, int]] = []
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4)):
        found += [(kind, size) for size in draw(SIZES)]
    return found
