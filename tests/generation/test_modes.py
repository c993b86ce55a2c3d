"""Every decoding mode of transformers: its steps, worked out by hand from the config and the arguments.

The models of `tests/models` have 2 layers, width 32, 4 heads of width 8 with 2 key-value heads, 64 words.
Prompts are 5 tokens long.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tracelab

from ..models import ZOO
from .runs import both, build, prompts, table


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "qwen3"])
def test_greedy(name: str) -> None:
    trace = both(build(name), prompts(), max_new_tokens=4, min_new_tokens=4, do_sample=False)
    assert table(
        trace.steps(), "index", "phase", "input", "positions", "cache_before", "cache_after", "logits"
    ) == [
        # The whole prompt, then the token that the step before chose; `generate` asks for the last logits.
        (0, "prefill", (1, 5), (0, 4), 0, 5, (1, 1, 64)),
        (1, "decode", (1, 1), (5, 5), 5, 6, (1, 1, 64)),
        (2, "decode", (1, 1), (6, 6), 6, 7, (1, 1, 64)),
        (3, "decode", (1, 1), (7, 7), 7, 8, (1, 1, 64)),
    ]
    (run,) = trace.generations()
    assert (run.mode, run.stopped_by, len(run.steps)) == ("greedy", ("max length",), 4)
    (generate,) = trace.find("*.generate")
    assert generate.facts == {
        "mode": "greedy",
        "beams": 1,
        "return_sequences": 1,
        "stopped_by": ("max length",),
    }


def test_sampling_and_returned_sequences() -> None:
    trace = both(
        build("llama"), prompts(2), max_new_tokens=3, min_new_tokens=3, do_sample=True, num_return_sequences=2
    )
    # 2 inputs with 2 samples each are 4 rows from the prefill on.
    assert table(trace.steps(), "input", "cache_before") == [((4, 5), 0), ((4, 1), 5), ((4, 1), 6)]
    assert {step.facts["batch"] for step in trace.steps()} == {2}
    assert trace.generations()[0].stopped_by == ("max length",) * 4


def test_beam_search_reorders_its_cache() -> None:
    trace = both(build("llama"), prompts(2), max_new_tokens=3, min_new_tokens=3, do_sample=False, num_beams=3)
    steps = trace.steps()
    # 2 inputs with 3 beams: 6 rows.  The cache is put in the order of the surviving beams after each step.
    assert table(steps, "input", "cache_before", "cache_after") == [
        ((6, 5), 0, 5),
        ((6, 1), 5, 6),
        ((6, 1), 6, 7),
    ]
    assert [step.facts["reordered"] for step in steps] == [True, True, True]
    assert trace.count("DynamicCache.reorder_cache") == 3
    assert {step.finished for step in steps} == {None}  # criteria are asked about candidates, not sequences
    assert trace.generations()[0].stopped_by == ("max length",)


def test_assisted_decoding_with_an_assistant_that_is_always_right() -> None:
    model, assistant = build("llama"), build("llama")  # equal weights: every draft is accepted
    assistant.generation_config.num_assistant_tokens = 3
    assistant.generation_config.num_assistant_tokens_schedule = "constant"
    assistant.generation_config.assistant_confidence_threshold = 0.0
    trace = both(
        model, prompts(), assistant_model=assistant, max_new_tokens=8, do_sample=False, eos_token_id=None
    )
    (run,) = [one for one in trace.generations() if one.mode == "assisted"]
    # Each round gives its accepted draft and one token more: 3 + 1, 3 + 1 make the 8 tokens.
    assert [(step.facts["drafted"], step.facts["accepted"]) for step in run.steps] == [(3, 3), (3, 3)]
    assert (run.drafted, run.accepted) == (6, 6)
    # The prompt and 3 drafted tokens; then the token that came on top, and 3 drafted ones.
    assert table(run.steps, "phase", "input", "cache_before", "logits") == [
        ("prefill", (1, 8), 0, (1, 4, 64)),
        ("verify", (1, 4), 8, (1, 4, 64)),
    ]
    drafts = [step for step in trace.steps() if step.phase == "draft"]
    assert len(drafts) == 6
    # The assistant is called first; a second model of one class has a number.
    assert {step.call.root for step in drafts + list(run.steps)} == {"LlamaForCausalLM", "LlamaForCausalLM#2"}


def test_prompt_lookup_takes_its_draft_from_the_prompt() -> None:
    repeated = torch.cat([prompts(), prompts()], dim=1)  # 5 6 7 8 9 5 6 7 8 9
    trace = both(
        build("llama"),
        repeated,
        prompt_lookup_num_tokens=3,
        max_new_tokens=6,
        min_new_tokens=6,
        do_sample=False,
    )
    steps = trace.steps()
    # The last tokens of the prompt stood there before, and the 3 behind them are the draft.
    assert (steps[0].input, steps[0].facts["drafted"]) == ((1, 13), 3)
    for step, last in zip(steps[1:], steps, strict=False):
        # What was rejected is taken out of the cache again: n rejected tokens, n fewer.
        rejected = last.facts["drafted"] - last.facts["accepted"]
        assert step.cache_before == last.cache_after - rejected
        assert step.facts.get("cache") == (f"cropped {rejected}" if rejected else None)
    # Each step gives what it accepted and one more.
    assert sum(step.facts["accepted"] + 1 for step in steps) == 6


def test_static_cache() -> None:
    trace = both(
        build("llama"),
        prompts(2),
        cache_implementation="static",
        max_new_tokens=4,
        min_new_tokens=4,
        do_sample=False,
    )
    assert table(trace.steps(), "input", "cache_before") == [
        ((2, 5), 0),
        ((2, 1), 5),
        ((2, 1), 6),
        ((2, 1), 7),
    ]
    # Room for 5 + 4 - 1 tokens from the beginning (the last token is never fed): 2 rows, 2 heads, width 8.
    layers = trace.step(-1).cache()
    assert [(layer.type, layer.keys) for layer in layers] == [("StaticLayer", (2, 2, 8, 8))] * 2
    assert {step.facts["cache_type"] for step in trace.steps()} == {"StaticCache"}


def test_layers_of_a_growing_cache() -> None:
    trace = both(build("llama"), prompts(), max_new_tokens=4, min_new_tokens=4, do_sample=False)
    for index, length in enumerate((5, 6, 7, 8)):
        assert [layer.keys for layer in trace.step(index).cache()] == [(1, 2, length, 8)] * 2
    # Keys and values of 2 heads, 8 tokens, width 8, in 2 layers, 4 bytes each.
    assert sum(layer.bytes for layer in trace.step(3).cache()) == 2 * 2 * 8 * 8 * 2 * 4


def test_a_cache_with_a_window() -> None:
    trace = both(build("gemma2"), prompts(), max_new_tokens=4, min_new_tokens=4, do_sample=False)
    # Layers alternate: one keeps the 4 - 1 tokens before the present one, the other all of them.
    window, whole = trace.step(-1).cache()
    assert (window.type, window.keys[-2]) == ("DynamicSlidingWindowLayer", 3)
    assert (whole.type, whole.keys[-2]) == ("DynamicLayer", 8)
    assert table(trace.steps(), "cache_before") == [(0,), (5,), (6,), (7,)]


def test_no_cache_reads_everything_again() -> None:
    trace = both(
        build("llama"), prompts(), use_cache=False, max_new_tokens=4, min_new_tokens=4, do_sample=False
    )
    steps = trace.steps()
    assert table(steps, "input", "positions", "cache_before", "cache_after") == [
        ((1, 5), (0, 4), None, None),
        ((1, 6), (0, 5), None, None),
        ((1, 7), (0, 6), None, None),
        ((1, 8), (0, 7), None, None),
    ]
    assert [step.facts.get("cache") for step in steps] == [None, "not used", "not used", "not used"]
    assert steps[1].cache() == []


def test_embeddings_instead_of_ids() -> None:
    model = build("llama")
    with torch.no_grad():
        embedded = model.get_input_embeddings()(prompts(2))
    trace = both(model, inputs_embeds=embedded, max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert table(trace.steps(), "input", "cache_before") == [((2, 5), 0), ((2, 1), 5), ((2, 1), 6)]


def test_left_padding_keeps_the_mask_and_ones_are_dropped() -> None:
    arguments: dict[str, Any] = {"max_new_tokens": 3, "min_new_tokens": 3, "do_sample": False}
    padded = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    trace = both(build("llama"), prompts(2), attention_mask=padded, **arguments)
    # One more column for each token.
    assert table(trace.steps(), "mask") == [((2, 5),), ((2, 6),), ((2, 7),)]
    assert not trace.generations()[0].mask_dropped

    trace = both(build("llama"), prompts(2), attention_mask=torch.ones_like(padded), **arguments)
    assert table(trace.steps(), "mask") == [(None,)] * 3
    assert trace.generations()[0].mask_dropped


def test_a_prompt_in_chunks() -> None:
    trace = both(
        build("llama"), prompts(), prefill_chunk_size=2, max_new_tokens=3, min_new_tokens=3, do_sample=False
    )
    # 5 = 2 + 2 + 1
    assert table(trace.steps(), "phase", "input", "cache_before") == [
        ("prefill", (1, 2), 0),
        ("prefill", (1, 2), 2),
        ("prefill", (1, 1), 4),
        ("decode", (1, 1), 5),
        ("decode", (1, 1), 6),
    ]
    chunks = [(step.facts.get("chunk"), step.facts.get("chunks")) for step in trace.steps()]
    assert chunks == [(1, 3), (2, 3), (3, 3), (None, None), (None, None)]


def test_a_state_counts_no_tokens() -> None:
    trace = both(build("mamba"), prompts(), max_new_tokens=3, min_new_tokens=3, do_sample=False)
    assert table(trace.steps(), "input", "positions", "cache_before", "cache_after") == [
        ((1, 5), (0, 4), None, None),
        ((1, 1), (5, 5), None, None),
        ((1, 1), (6, 6), None, None),
    ]
    assert [step.facts["state_cache"] for step in trace.steps()] == [True] * 3
    first, last = trace.step(0).cache(), trace.step(-1).cache()
    assert first == last  # a state has one size, however long the text
    assert len(first) == 2


def test_a_custom_loop() -> None:
    def twice(model: Any, input_ids: torch.Tensor, **rest: Any) -> torch.Tensor:
        for _ in range(2):
            logits = model(input_ids, use_cache=False).logits
            input_ids = torch.cat([input_ids, logits[:, -1:].argmax(-1)], dim=1)
        return input_ids

    trace = both(build("llama"), prompts(), custom_generate=twice, max_new_tokens=2)
    assert table(trace.steps(), "phase", "input", "logits") == [
        ("prefill", (1, 5), (1, 5, 64)),
        ("decode", (1, 6), (1, 6, 64)),
    ]
    assert {step.loop.function for step in trace.steps()} == {"generate"}


@pytest.mark.parametrize("name", ["t5", "bart", "whisper"])
def test_an_encoder_runs_once_before_the_loop(name: str) -> None:
    architecture = ZOO[name]
    model, arguments = architecture.build(), architecture.generate_arguments()
    trace = both(model, **{key: value for key, value in arguments.items() if key != "pad_token_id"})
    encode, *steps = trace.steps()
    assert (encode.index, encode.phase, encode.call.step) == (-1, "encode", None)
    assert encode.call.path in ("encoder", "model.encoder")
    assert [step.phase for step in steps] == ["prefill"] + ["decode"] * (len(steps) - 1)
    # The cross-attention cache holds one place for each state of the encoder, and never grows.
    assert {step.cross_length for step in steps} == {encode.facts["output"][1]}
    assert trace.step(0) == steps[0]


def test_beams_widen_the_decoder_and_not_the_encoder() -> None:
    architecture = ZOO["t5"]
    arguments = {**architecture.generate_arguments(), "num_beams": 3}
    arguments.pop("pad_token_id", None)
    encode, *steps = both(architecture.build(), **arguments).steps()
    rows = encode.input[0] if encode.input else None
    assert rows == arguments["input_ids"].shape[0]
    assert {step.input[0] for step in steps if step.input} == {3 * rows}


def test_continuous_batching() -> None:
    from transformers import GenerationConfig
    from transformers.generation.configuration_utils import ContinuousBatchingConfig

    config = GenerationConfig(max_new_tokens=3, do_sample=False, eos_token_id=63, pad_token_id=0)
    # Few pages: by default they take a share of the machine's memory.
    pages = ContinuousBatchingConfig(num_blocks=8, max_batch_tokens=32)
    arguments = {"generation_config": config, "continuous_batching_config": pages}
    prompts_of = [[5, 6, 7, 8], [9, 10]]
    plain = build("llama").generate_batch(prompts_of, **arguments)
    with tracelab.trace() as trace:
        traced = build("llama").generate_batch(prompts_of, **arguments)
    assert sorted(one.generated_tokens for one in plain.values()) == sorted(
        one.generated_tokens for one in traced.values()
    )
    # Prompts of 4 and 2 tokens are one row of 6; then one token of each sequence.
    assert table(trace.steps(), "phase", "input") == [
        ("prefill", (1, 6)),
        ("decode", (1, 2)),
        ("decode", (1, 2)),
    ]
    assert {step.facts["packed"] for step in trace.steps()} == {2}
    assert {step.call.thread for step in trace.steps()} != {"MainThread"}
    assert trace.generations()[0].mode == "continuous"
