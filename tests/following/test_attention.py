"""Where q, k and v go in real attention: short lines, derived by hand from the source of transformers 5."""

from __future__ import annotations

import gc
import weakref
from importlib import metadata
from typing import Any

import pytest
import torch

import tracelab
from tests.models import ZOO
from tracelab.calls import Trace
from tracelab.calls.path import CALL, RETURN, SAME

pytestmark = pytest.mark.skipif(
    metadata.version("transformers").startswith("4."), reason="the lines of transformers 5 are meant"
)

# What each attention does with what comes out of the interface, and before it with q, k, v:
#   whisper  (self.q_proj(x) * self.scaling).view(..).transpose(1, 2).contiguous(), k and v not scaled
#   llama    self.q_proj(x).view(..).transpose(1, 2), apply_rotary_pos_emb(q, k, cos, sin), cache.update(k, v)
#   bert     self.query(x).view(..).transpose(1, 2)       (no cache in an encoder, no projection at the end)
#   t5       self.q(x).view(..).transpose(1, 2)
#   gpt2     self.c_attn(x).split(..) gives q, k and v
AFTER = ["attention_interface", "reshape", "contiguous"]
PATHS = [
    (
        *("whisper", "WhisperAttention.forward", "model.decoder.layers.0.self_attn.q_proj"),
        ["*", "view", "transpose", "contiguous", *AFTER, "out_proj"],
    ),
    (
        *("whisper", "WhisperAttention.forward", "model.decoder.layers.0.self_attn.k_proj"),
        ["view", "transpose", "contiguous", "update", *AFTER, "out_proj"],
    ),
    (
        *("whisper", "WhisperAttention.forward", "model.encoder.layers.0.self_attn.v_proj"),
        ["view", "transpose", "contiguous", *AFTER, "out_proj"],
    ),
    (
        *("llama", "LlamaAttention.forward", "model.layers.1.self_attn.q_proj"),
        ["view", "transpose", "apply_rotary_pos_emb", *AFTER, "o_proj"],
    ),
    (
        *("llama", "LlamaAttention.forward", "model.layers.1.self_attn.k_proj"),
        ["view", "transpose", "apply_rotary_pos_emb", "update", *AFTER, "o_proj"],
    ),
    (
        *("llama", "LlamaAttention.forward", "model.layers.1.self_attn.v_proj"),
        ["view", "transpose", "update", *AFTER, "o_proj"],
    ),
    (
        *("bert", "BertSelfAttention.forward", "bert.encoder.layer.0.attention.self.query"),
        ["view", "transpose", *AFTER],
    ),
    (
        *("t5", "T5Attention.forward", "decoder.block.0.layer.0.SelfAttention.q"),
        ["view", "transpose", *AFTER, "o"],
    ),
    (
        *("gpt2", "GPT2Attention.forward", "transformer.h.0.attn.c_attn"),
        ["split", "view", "transpose", *AFTER, "c_proj", "resid_dropout"],
    ),
]


def traced(name: str, source: Any, implementation: str = "sdpa", **options: Any) -> Trace:
    entry = ZOO[name]
    model, inputs = entry.build(), entry.inputs()
    model.set_attn_implementation(implementation)  # type: ignore[operator]
    with torch.no_grad(), tracelab.trace(source=source, follow=True, **options) as trace:
        model(**inputs)
    assert trace.internal_errors == 0
    return trace


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize(("name", "source", "path", "words"), PATHS, ids=lambda value: str(value)[-20:])
def test_the_short_line(name: str, source: str, path: str, words: list[str], implementation: str) -> None:
    found = traced(name, source, implementation).follow(path)
    assert list(found.words) == [path.rpartition(".")[2], *words]
    last = found.hops[-1]
    assert (last.what, last.how, last.call.name) == (RETURN, SAME, source)
    assert found.notes == ()


def test_q_k_and_v_of_gpt2_meet_again_in_attention() -> None:
    found = traced("gpt2", "GPT2Attention.forward").follow("transformer.h.0.attn.c_attn")
    told = [
        ([word for hop in one.hops for word in hop.words], one.after, one.joins) for one in found.branches
    ]
    # k and v take the cache on their way; attention is hop 3 of the main path: split, view → transpose, it.
    way = ["split", "view", "transpose", "update", "attention_interface"]
    assert told == [(way, 0, 3), (way, 0, 3)]
    # In evaluation dropout gives back what it is given.
    (dropout,) = [hop for hop in found.hops if hop.words == ("resid_dropout",)]
    assert (dropout.what, dropout.how) == (CALL, SAME)


def test_weights_of_eager_attention_are_a_way_of_their_own() -> None:
    found = traced("llama", "LlamaAttention.forward", "eager").follow("model.layers.0.self_attn.q_proj")
    (branch,) = found.branches
    assert [hop.name for hop in branch.hops] == ["attn_weights", ""]
    assert branch.hops[-1].what == RETURN


def test_through_a_whole_model() -> None:
    found = traced("llama", "Llama*.forward").follow("model.layers.1.self_attn.o_proj")
    # Out of attention, over the residual, norm, feed forward, its residual, the last norm and the head.
    norm = ["to", "*", "to", "*"]
    assert list(found.words) == [
        *("o_proj", "+", "post_attention_layernorm", *norm),
        *("mlp", "gate_proj", "act_fn", "*", "down_proj", "+"),
        *(
            "norm",
            *norm,
            "BaseModelOutputWithPast",
            "slice_logits_to_keep",
            "lm_head",
            "CausalLMOutputWithPast",
        ),
    ]
    assert found.ended == "returned by LlamaForCausalLM.forward; its caller is not watched"
    assert len(str(traced("llama", "Llama*.forward").follow("*.layers.0.input_layernorm")).splitlines()) <= 42


def test_generation_follows_too_and_results_are_the_same() -> None:
    entry = ZOO["llama"]
    model, arguments = entry.build(), entry.generate_arguments()
    plain = model.generate(**arguments)  # type: ignore[operator]
    with tracelab.trace(source="LlamaAttention.forward", follow=True) as trace:
        followed = model.generate(**arguments)  # type: ignore[operator]
    assert torch.equal(plain, followed)
    last = trace.find("Linear.forward", path="model.layers.1.self_attn.k_proj")[-1]
    assert trace.follow(last).words[-1] == "o_proj"
    assert str(trace.follow(last).hops[2].spec) != str(trace.follow(last).hops[1].spec)  # the cache was added


def test_nothing_outlives_the_model() -> None:
    entry = ZOO["bert"]
    model, inputs = entry.build(), entry.inputs()
    seen: list[weakref.ref[Any]] = []
    for layer in model.modules():
        layer.register_forward_hook(lambda _, __, output: seen.append(_weak(output)))
    gc.collect()
    gc.disable()
    try:
        with torch.no_grad(), tracelab.trace(source="*.forward", follow=True) as trace:
            output = model(**inputs)
            alive = [one for one in seen if one() is not None]
            del output
            assert len(alive) > 0
            assert [one for one in seen if one() is not None] == []
    finally:
        gc.enable()
    assert trace.recorded > 0


def _weak(output: Any) -> weakref.ref[Any]:
    return weakref.ref(output if isinstance(output, torch.Tensor) else output[0])
