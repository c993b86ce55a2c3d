"""The chains of library models: each line is that of the installed source, found by reading it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from transformers import masking_utils, pytorch_utils
from transformers.integrations import moe
from transformers.models.bert import modeling_bert as bert
from transformers.models.llama import modeling_llama as llama
from transformers.models.mixtral import modeling_mixtral as mixtral
from transformers.models.t5 import modeling_t5 as t5
from transformers.models.whisper import modeling_whisper as whisper

import tracelab

from ..models import ZOO
from .lines import ends, step, steps

Steps = list[tuple[str, int]]


def recorded(name: str, act: Callable[[Any], Any] | None = None, **attributes: str) -> tracelab.Trace:
    """A forward of a model of the zoo, or what is done with it."""
    model = ZOO[name].build()
    for attribute, value in attributes.items():
        getattr(model, f"set_{attribute}_implementation")(value)
    with torch.no_grad(), tracelab.trace(chain=True) as trace:
        model(**ZOO[name].inputs()) if act is None else act(model)
    assert trace.internal_errors == 0
    return trace


def found(trace: tracelab.Trace, pattern: str) -> Steps:
    """The chain of the calls that match, which is the same for all of them."""
    calls = trace.find(pattern)
    assert len({str(call.chain()) for call in calls}) == 1, pattern
    return steps(calls[0].chain())


def test_generate_to_sample_to_forward() -> None:
    def generate(model: Any) -> None:
        model.generate(**ZOO["llama"].inputs(), max_new_tokens=3, do_sample=False)

    mixin = transformers.GenerationMixin
    trace = recorded("llama", generate)
    (root,) = trace.roots
    assert steps(root.chain())[-1] == step(generate, "model.generate")
    assert found(trace, "*._sample") == [step(mixin.generate, "result = decoding_method(")]
    prefill, *decode = trace.find("LlamaForCausalLM.forward")
    assert steps(prefill.chain()) == [step(mixin._prefill, "return self(**model_inputs, return_dict=True)")]
    loop = step(mixin._sample, "outputs = model_forward(**model_inputs, return_dict=True)")
    assert [steps(call.chain()) for call in decode] == [[loop]] * 2
    # `no_grad` stands around generate, `can_return_tuple` around the forward: hidden, but there.
    around = [link.function for link in trace.find("*._sample")[0].chain().noise]
    assert around == ["context_decorator.<locals>.decorate_context"]
    inner = [link.function for link in trace.find("LlamaModel.forward")[0].chain().noise]
    assert inner == ["Module._wrapped_call_impl", "Module._call_impl", "can_return_tuple.<locals>.wrapper"]


@pytest.mark.parametrize(
    ("kind", "name", "file"),
    [
        ("sdpa", "sdpa_attention_forward", "integrations/sdpa_attention.py"),
        ("eager", "eager_attention_forward", "llama/modeling_llama.py"),
    ],
)
def test_the_attention_function_that_ran_is_a_call(kind: str, name: str, file: str) -> None:
    trace = recorded("llama", attn=kind)
    functions = [call for call in trace.calls if call.facts.get("registry", "").startswith("attention")]
    layers = trace.find("LlamaAttention.forward")
    assert [call.parent for call in functions] == layers
    assert {call.facts["registry"] for call in functions} == {f"attention: {kind}"}
    first = functions[0]
    assert (first.name, first.kind, first.status) == (name, "function", "ok")
    assert first.file is not None
    assert first.file.endswith(file)
    assert list(first.inputs)[:4] == ["module", "query", "key", "value"]
    assert first.output is not None
    assert found(trace, name) == [
        step(llama.LlamaAttention.forward, "attn_output, attn_weights = attention_interface(")
    ]


def test_what_is_no_python_is_told_from_the_source_line() -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    sdpa = recorded("llama").find("sdpa_attention_forward")[0]
    line = step(sdpa_attention_forward, "torch.nn.functional.scaled_dot_product_attention(")[1]
    assert sdpa.facts["functional"] == (("scaled_dot_product_attention", line),)
    eager = recorded("llama", attn="eager").find("eager_attention_forward")[0]
    softmax = step(llama.eager_attention_forward, "nn.functional.softmax(")[1]
    dropout = step(llama.eager_attention_forward, "nn.functional.dropout(")[1]
    assert eager.facts["functional"] == (("softmax", softmax), ("dropout", dropout))


def test_masks_are_made_by_the_function_of_the_config() -> None:
    trace = recorded("llama", attn="eager")
    assert found(trace, "create_causal_mask") == [step(llama.LlamaModel.forward, "create_causal_mask(")]
    assert found(trace, "eager_mask") == [
        step(masking_utils.create_causal_mask, "causal_mask = mask_interface(")
    ]
    (mask,) = trace.find("eager_mask")
    assert mask.facts["registry"] == "mask: eager"


@pytest.mark.parametrize("kind", ["grouped_mm", "batched_mm"])
def test_experts_run_the_registered_function(kind: str) -> None:
    trace = recorded("mixtral", experts=kind)
    functions = trace.find(f"{kind}_experts_forward")
    assert len(functions) == 2  # one in each layer
    assert {call.facts["registry"] for call in functions} == {f"experts: {kind}"}
    assert {call.parent.name for call in functions if call.parent} == {"MixtralExperts.forward"}
    # The decorator of the class has called it: the written forward of MixtralExperts never ran.
    assert {steps(call.chain()) == [] for call in functions} == {True}
    (around,) = [link for link in functions[0].chain().noise if link.noise == "decorator"]
    assert around.function == "use_experts_implementation.<locals>.wrapper.<locals>.forward"
    function = getattr(moe, f"{kind}_experts_forward")
    gate = step(moe._default_apply_gate, "self.act_fn(")
    assert found(trace, "SiLUActivation.forward") == [step(function, "self._apply_gate("), gate]


def test_eager_experts_run_the_written_forward() -> None:
    trace = recorded("mixtral", experts="eager")
    assert not [call for call in trace.calls if "experts" in call.facts.get("registry", "")]
    assert found(trace, "SiLUActivation.forward") == [step(mixtral.MixtralExperts.forward, "self.act_fn(")]


def test_bert_chunks_its_feed_forward() -> None:
    trace = recorded("bert")
    layer, chunk = bert.BertLayer, bert.BertLayer.feed_forward_chunk
    chunking = step(pytorch_utils.apply_chunking_to_forward, "return forward_fn(*input_tensors)")
    called = step(layer.forward, "apply_chunking_to_forward(")
    assert found(trace, "BertIntermediate.forward") == [called, chunking, step(chunk, "self.intermediate(")]
    assert found(trace, "BertOutput.forward") == [called, chunking, step(chunk, "self.output(")]
    chain = trace.find("BertOutput.forward")[0].chain()
    assert [ends(link, "pytorch_utils.py") for link in chain.links] == [True, False]


def test_t5_computes_its_position_bias_in_a_method() -> None:
    trace = recorded("t5")
    attention = t5.T5Attention
    bias = [
        call for call in trace.find("Embedding.forward") if "relative_attention_bias" in (call.path or "")
    ]
    assert len(bias) == 2  # in the first block of the encoder, and of the decoder
    way = [step(attention.compute_bias, "self.relative_attention_bias(")]
    for call in bias:
        start, *links = steps(call.chain())
        assert start[0] == "T5Attention.forward"
        assert links == way


def test_whisper_attends_by_the_registry_in_both_of_its_halves() -> None:
    trace = recorded("whisper")
    attention = step(whisper.WhisperAttention.forward, "attn_output, attn_weights = attention_interface(")
    functions = trace.find("sdpa_attention_forward")
    assert [steps(call.chain()) for call in functions] == [[attention]] * len(functions)
    assert [call.parent for call in functions] == trace.find("WhisperAttention.forward")


def test_gpt2_and_a_loss() -> None:
    from transformers.loss import loss_utils

    model, inputs = ZOO["gpt2"].build(), ZOO["gpt2"].inputs()
    with tracelab.trace(chain=True) as trace:
        model(**inputs, labels=inputs["input_ids"]).loss.backward()
    assert found(trace, "fixed_cross_entropy") == [step(loss_utils.ForCausalLMLoss, "fixed_cross_entropy(")]
    (loss,) = trace.find("ForCausalLMLoss")
    assert loss.kind == "loss"
    start = loss.chain().start
    assert start is not None
    assert start.function == "GPT2LMHeadModel.forward"


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_chain_of_every_architecture_is_in_one_piece(name: str) -> None:
    """It begins in the function of the call above, and ends at the line that made the call."""
    trace = recorded(name)
    for call in trace.calls:
        chain, place = call.chain(), call.call_site
        assert chain.known
        assert not chain.cut or call.parent is None
        assert place is not None
        assert (chain.frames[-1].file, chain.frames[-1].line) == (place.file, place.line)
        above = call.parent
        if above is not None and chain.start is not None:
            assert chain.start.file == above.file
            assert chain.start.function.rpartition(".")[2] in (above.function, "forward")
