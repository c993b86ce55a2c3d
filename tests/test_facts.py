"""The facts that a trace must get right, each on the smallest real model that shows it."""

from __future__ import annotations

from typing import Any

import torch

import tracelab

from .models import ZOO
from .models.words import WORDS


def test_text_classification_pipeline() -> None:
    """Three texts in batches of two: the tokenizer runs once a text, the model once a batch."""
    from transformers import pipeline

    def classifier() -> Any:
        model, tokenizer = ZOO["bert"].build(), WORDS["wordpiece"]()
        return pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")

    texts = ["the cat sat", "a dog", "the unseen cats sat on the mat"]
    expected = classifier()(texts, batch_size=2)
    ready = classifier()
    with tracelab.trace() as trace:
        assert ready(texts, batch_size=2) == expected
    assert trace.count("BertTokenizer.__call__") == 3
    assert trace.count("TextClassificationPipeline.preprocess") == 3
    assert trace.count("TextClassificationPipeline.forward") == 2
    assert trace.count("TextClassificationPipeline.postprocess") == 3
    models = trace.find("BertForSequenceClassification.forward")
    # [CLS] the cat sat [SEP] = 5, padded with the 4 of the second text;
    # [CLS] the un ##seen cat ##s sat on the mat [SEP] = 11 alone
    assert [call.inputs["input_ids"].shape for call in models] == [(2, 5), (1, 11)]
    assert [call.output["logits"].shape for call in models] == [(2, 2), (1, 2)]
    assert trace.count("BertLayer.forward") == 2 * 3


def test_beams_multiply_the_rows_of_the_batch() -> None:
    model = ZOO["llama"].build()
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    arguments = {"num_beams": 2, "max_new_tokens": 3, "do_sample": False, "eos_token_id": None}
    expected = model.generate(ids, **arguments)
    with tracelab.trace() as trace:
        assert torch.equal(model.generate(ids, **arguments), expected)
    steps = trace.steps()
    # 2 prompts x 2 beams = 4 rows
    assert [step.input for step in steps] == [(4, 3), (4, 1), (4, 1)]
    assert {(step.facts["batch"], step.facts["beams"]) for step in steps} == {(2, 2)}
    assert "2×2 beams" in str(trace)


def test_without_a_cache_the_input_grows() -> None:
    model = ZOO["llama"].build()
    with tracelab.trace() as trace:
        model.generate(**{**ZOO["llama"].generate_arguments(), "use_cache": False})
    steps = trace.steps()
    assert [step.input for step in steps] == [(1, 5), (1, 6), (1, 7), (1, 8)]
    assert {step.cache_before for step in steps} == {None}
    # The keys are computed for every token again: 4 steps of 2 layers, with 5, 6, 7, 8 tokens.
    keys = trace.find(path="*.self_attn.k_proj")
    assert [call.output.shape[1] for call in keys] == [5, 5, 6, 6, 7, 7, 8, 8]


def test_prefill_computes_the_cross_attention_keys_and_decode_steps_do_not() -> None:
    model = ZOO["whisper"].build()
    with tracelab.trace() as trace:
        model.generate(**ZOO["whisper"].generate_arguments())
    for name in ("k_proj", "v_proj"):
        calls = trace.find(path=f"*.encoder_attn.{name}")
        assert [call.step for call in calls] == [0] * 4  # once in each of 4 layers
        assert {call.output.shape for call in calls} == {(1, 50, 32)}
    assert trace.count("WhisperEncoder.forward") == 1
    chain = [call.name for call in reversed(trace.step(1).call.ancestors)]
    owner = "WhisperForConditionalGeneration"
    assert chain == [
        f"{owner}.generate",
        f"{owner}.generate_with_fallback",
        f"{owner}.generate",
        f"{owner}._sample",
    ]
    defined = [call.defined_in for call in reversed(trace.step(1).call.ancestors)]
    assert defined == [
        "WhisperGenerationMixin",
        "WhisperGenerationMixin",
        "GenerationMixin",
        "GenerationMixin",
    ]


def test_steps_keep_their_numbers_where_the_prefill_was_cut_off() -> None:
    """depth=3 keeps generate, the loop and what the loop calls: `_prefill`, but not the forward in it."""
    entry = ZOO["llama"]
    model = entry.build()
    arguments = {**entry.generate_arguments(), "max_new_tokens": 4, "min_new_tokens": 4}
    with tracelab.trace() as whole:
        model.generate(**arguments)
    with tracelab.trace(depth=3) as cut:
        model.generate(**arguments)
    # 4 tokens are 4 passes; of the first one only `_prefill` itself is there.
    assert [step.index for step in whole.steps()] == [0, 1, 2, 3]
    assert [step.index for step in cut.steps()] == [1, 2, 3]
    assert [step.cache_before for step in cut.steps()] == [step.cache_before for step in whole.steps()][1:]
