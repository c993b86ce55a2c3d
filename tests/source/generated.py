"""A trace of a generate with a toy attention in two layers: a prompt of 5 tokens, then single ones."""

from __future__ import annotations

from tests.builders import Node, build, call, t
from tests.source.attention import Attention
from tests.source.tracer import passes_of
from tracelab.calls import Trace
from tracelab.events import Place
from tracelab.passes import Pass
from tracelab.sourcetext import digests
from tracelab.values import CacheSpec, ContainerSpec

MODEL = "ToyForCausalLM"
LAYERS = 2
PROJECT = 29
"""The line of the call of `project`, counted from the `def`."""


def lines(tokens: int, held: int, window: int | None = None) -> Pass:
    """What runs in the attention for so many tokens, while the cache holds others."""
    attention, cache = Attention(), [1, 2, held, 8] if held else None
    (seen,) = passes_of(Attention.forward, lambda: attention.forward([1, tokens, 16], cache, window=window))
    return seen


def forward(seen: Pass, tokens: int, held: int) -> Node:
    """A step of the model, whose layers all run these lines."""
    layers = []
    for layer in range(LAYERS):
        path = f"model.layers.{layer}.attn"
        place = Place(seen.file, seen.first + PROJECT)
        out = call("Linear.forward", path=f"{path}.out", root=MODEL, place=place)
        facts = {"lines": seen}
        layers.append(
            call(
                "Attention.forward",
                path=path,
                root=MODEL,
                facts=facts,
                children=[out],
                output=t(1, tokens, 16),
                error=None if seen.ended == "return" else "TypeError",
            )
        )
    inputs = {"input_ids": t(1, tokens, dtype="int64"), "past_key_values": CacheSpec("DynamicCache", held, 2)}
    output = ContainerSpec("CausalLMOutput", (("logits", t(1, 1, 99)),), 1)
    return call(f"{MODEL}.forward", path="", root=MODEL, inputs=inputs, output=output, children=layers)


def method(name: str, *children: Node) -> Node:
    return call(f"{MODEL}.{name}", kind="method", path="", root=MODEL, children=list(children))


def generated(decoded: int = 3, sources: bool = True) -> Trace:
    """The trace; `sources`: with the digest of the file."""
    prefill = forward(lines(5, 0), 5, 0)
    steps = [forward(lines(1, held), 1, held) for held in range(5, 5 + decoded)]
    trace = build(method("generate", method("_sample", method("_prefill", prefill), *steps)))
    if sources:
        trace.columns.sources = digests([lines(1, 0).file])
    return trace
