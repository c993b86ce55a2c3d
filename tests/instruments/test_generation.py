"""Generation: which methods show, on which class, with which facts."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch

import tracelab
from tracelab.instruments.decoding import LOOPS, of_loop

from ..models import ZOO


def llama(**options: Any) -> tracelab.Trace:
    model = ZOO["llama"].build()
    with tracelab.trace() as trace:
        model.generate(**{**ZOO["llama"].generate_arguments(), **options})
    return trace


def test_the_order_of_the_methods_of_one_generate() -> None:
    trace = llama()
    (generate,) = trace.roots
    assert (generate.name, generate.defined_in) == ("LlamaForCausalLM.generate", "GenerationMixin")
    children = [call.function for call in generate.children]
    assert children.index("_prepare_generation_config") < children.index("_get_logits_processor")
    assert children.index("_prepare_cache_for_generation") < children.index("_sample")
    (loop,) = trace.find("*._sample")
    functions = [call.function for call in loop.children]
    # One prefill and three decode steps; each step but the prefill prepares its inputs here.
    assert functions.count("_prefill") == 1
    assert functions.count("forward") == 3
    assert functions.count("prepare_inputs_for_generation") == 3
    assert functions.count("_update_model_kwargs_for_generation") == 4
    (prefill,) = trace.find("*._prefill")
    assert [call.function for call in prefill.children] == ["prepare_inputs_for_generation", "forward"]


def test_a_method_is_described_by_the_function_under_its_decorators() -> None:
    from transformers.generation.utils import GenerationMixin

    (call,) = llama().find("LlamaForCausalLM.generate")
    written = GenerationMixin.generate.__wrapped__.__code__
    assert call.file is not None
    assert call.file.endswith("generation/utils.py")
    assert call.line is not None
    assert written.co_firstlineno <= call.line <= written.co_firstlineno + 20
    assert call.inputs["input_ids"].shape == (1, 5)


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ({}, {"mode": "greedy", "beams": 1, "return_sequences": 1}),
        ({"do_sample": True}, {"mode": "sample", "beams": 1, "return_sequences": 1}),
        ({"num_beams": 2}, {"mode": "beam", "beams": 2, "return_sequences": 1}),
        ({"num_beams": 3, "num_return_sequences": 2}, {"mode": "beam", "beams": 3, "return_sequences": 2}),
        (
            {"num_beams": 2, "do_sample": True},
            {"mode": "beam sample", "beams": 2, "return_sequences": 1},
        ),
        (
            {"do_sample": True, "temperature": 0.5},
            {"mode": "sample", "beams": 1, "return_sequences": 1, "temperature": 0.5},
        ),
    ],
    ids=str,
)
def test_facts_of_a_decoding_loop(options: dict[str, Any], facts: Mapping[str, Any]) -> None:
    with torch.random.fork_rng(devices=[]):
        trace = llama(**options)
    loops = [call for call in trace.calls if call.function in LOOPS]
    # All of 4 new tokens are asked for, so the length ends every sequence (of beams: the loop).
    assert [dict(call.facts) for call in loops] == [{**facts, "stopped_by": ("max length",)}]


def test_the_length_ends_beams_although_a_candidate_ended_by_itself() -> None:
    # Every even id ends a sequence, so some candidates of the last step are ended by both, but not all.
    with torch.random.fork_rng(devices=[]):
        trace = llama(num_beams=3, eos_token_id=list(range(0, 90, 2)), pad_token_id=0, length_penalty=9.0)
    (one,) = trace.generations()
    assert one.stopped_by == ("max length",)
    assert not any("stopped_by" in step.facts for step in one.steps)
    (*_, ended) = trace.find("EosTokenCriteria.__call__")
    assert (
        0 < len(ended.facts["finished"]) < len(trace.find("MaxLengthCriteria.__call__")[-1].facts["finished"])
    )


def test_facts_of_a_loop_without_a_configuration() -> None:
    for function, given, mode in (
        ("_sample", {}, "greedy"),
        ("_beam_search", {"generation_config": 3}, "beam"),
    ):
        before = of_loop(function).before
        assert before is not None
        assert before(None, (), given, False) == {"mode": mode}


def test_processors_criteria_and_streamers_show() -> None:
    from transformers.generation.streamers import BaseStreamer

    class Collecting(BaseStreamer):
        def __init__(self) -> None:
            self.puts = 0

        def put(self, value: torch.Tensor) -> None:
            self.puts += 1

        def end(self) -> None:
            pass

    streamer = Collecting()
    trace = llama(repetition_penalty=1.2, streamer=streamer)
    assert trace.count("LogitsProcessorList.__call__") == 4
    assert trace.count("RepetitionPenaltyLogitsProcessor.__call__") == 4
    assert trace.count("StoppingCriteriaList.__call__") == 4
    assert trace.count("MaxLengthCriteria.__call__") == 4
    assert streamer.puts == 5  # the prompt, and each new token
    assert trace.count("Collecting.put") == 5
    assert trace.count("Collecting.end") == 1
    scores = trace.find("LogitsProcessorList.__call__")[0].inputs
    assert list(scores) == ["input_ids", "scores"]


def test_assisted_decoding_shows_the_assistant_s_own_generate() -> None:
    model, assistant = ZOO["llama"].build(), ZOO["llama"].build()
    arguments = ZOO["llama"].generate_arguments()
    expected = model.generate(**arguments, assistant_model=assistant)
    with tracelab.trace() as trace:
        found = model.generate(**arguments, assistant_model=assistant)
    assert torch.equal(found, expected)
    inner = [call for call in trace.find("LlamaForCausalLM.generate") if call.parent is not None]
    assert inner
    assert {call.root for call in inner} == {"LlamaForCausalLM#2"}
    for call in inner:
        assert [above.function for above in call.ancestors][:2] == ["get_candidates", "_assisted_decoding"]


def test_whisper_generate_of_both_classes() -> None:
    model = ZOO["whisper"].build()
    with tracelab.trace() as trace:
        model.generate(**ZOO["whisper"].generate_arguments())
    calls = trace.find("WhisperForConditionalGeneration.generate")
    assert [call.defined_in for call in calls] == ["WhisperGenerationMixin", "GenerationMixin"]
    assert [len(call.ancestors) for call in calls] == [0, 2]


def test_a_model_without_generation_keeps_no_method() -> None:
    with tracelab.trace() as trace:
        ZOO["bert"].build()(**ZOO["bert"].inputs())
    assert {call.kind for call in trace.calls} == {"module"}


def test_an_error_inside_a_step_marks_the_whole_chain() -> None:
    model = ZOO["llama"].build()

    def explode(module: Any, args: Any, output: Any) -> None:
        raise ZeroDivisionError

    model.model.layers[1].mlp.register_forward_hook(explode)
    with tracelab.trace() as trace, pytest.raises(ZeroDivisionError):
        model.generate(**ZOO["llama"].generate_arguments())
    chain = trace.find(status="error")
    assert [call.function for call in chain] == ["generate", "_sample", "_prefill", *["forward"] * 4]
    assert chain[-1].path == "model.layers.1.mlp"
    assert {call.error for call in chain} == {"ZeroDivisionError"}
    assert all(low.parent == high for high, low in pairwise(chain))
