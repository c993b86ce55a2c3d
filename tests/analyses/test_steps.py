"""Steps come from the decoding loop, and from nothing else."""

from __future__ import annotations

from tests.analyses.recorded import (
    LLAMA,
    after_forward,
    helper,
    ids,
    llama_forward,
    llama_generate,
    llama_passes,
    method,
    whisper,
)
from tests.builders import Node, build, build_threads, call, t
from tracelab.analyses.steps import unseen_passes
from tracelab.calls import Step, Trace
from tracelab.values import CacheSpec, ContainerSpec, ScalarSpec, TensorSpec

CACHE = {"cache_type": "DynamicCache", "cache_layers": 4}


def table(trace: Trace, *names: str) -> list[tuple[object, ...]]:
    return [tuple(getattr(step, name) for name in names) for step in trace.steps()]


def test_prefill_and_decode_of_whisper() -> None:
    encode, *steps = whisper(decode=5).steps()
    # 80 mel bands of 100 frames become 50 states of width 64, before the loop and in no pass of it.
    assert (encode.index, encode.phase, encode.input) == (-1, "encode", (1, 80, 100))
    assert (encode.call.path, encode.loop.function) == ("model.encoder", "generate")
    assert encode.facts == {"output": (1, 50, 64), "window": 1, "attempt": 1}
    # A prompt of 4 tokens fills the cache to 4; each further token adds one.
    assert [(step.index, step.phase, step.input, step.cache_before, step.cache_after) for step in steps] == [
        (0, "prefill", (1, 4), 0, 4),
        (1, "decode", (1, 1), 4, 5),
        (2, "decode", (1, 1), 5, 6),
        (3, "decode", (1, 1), 6, 7),
        (4, "decode", (1, 1), 7, 8),
        (5, "decode", (1, 1), 8, 9),
    ]
    assert {step.cross_length for step in steps} == {50}
    assert {step.logits for step in steps} == {(1, 1, 99)}
    assert {step.mask for step in steps} == {None}
    assert {step.call.name for step in steps} == {"WhisperForConditionalGeneration.forward"}
    assert {step.loop.function for step in steps} == {"_sample"}


def test_a_growing_input_without_cache() -> None:
    trace = build(llama_generate(prompt=5, decode=3, cache=False))
    assert table(trace, "phase", "input", "cache_before", "cache_after") == [
        ("prefill", (1, 5), None, None),
        ("decode", (1, 6), None, None),
        ("decode", (1, 7), None, None),
        ("decode", (1, 8), None, None),
    ]


def test_rows_of_a_beam_search() -> None:
    facts = {"mode": "beam", "beams": 3, "return_sequences": 1}
    (step, *_) = build(llama_generate(rows=6, loop="_beam_search", facts=facts)).steps()
    # 6 rows of 3 beams each: 2 inputs.
    known = {"mode": "beam", "beams": 3, "return_sequences": 1, "rows": 6, "batch": 2}
    assert step.facts == {**known, **CACHE}


def test_rows_without_facts_are_not_explained() -> None:
    (step, *_) = build(llama_generate(rows=6)).steps()
    assert step.facts == {"rows": 6, **CACHE}


def test_facts_may_stand_on_generate() -> None:
    node = llama_generate(rows=4)
    node.facts = {"mode": "sample", "return_sequences": 2}
    assert build(node).steps()[0].facts["batch"] == 2


def test_an_old_release_has_no_prefill_method() -> None:
    passes = [
        node
        for length, before in ((5, 0), (1, 5), (1, 6))
        for node in (
            method("prepare_inputs_for_generation"),
            llama_forward(1, length, before),
            *after_forward(),
        )
    ]
    trace = build(method("generate", method("_sample", *passes)))
    assert table(trace, "index", "phase", "cache_before") == [
        (0, "prefill", 0),
        (1, "decode", 5),
        (2, "decode", 6),
    ]


def test_chunks_of_a_prompt_are_all_prefill() -> None:
    chunks = [llama_forward(1, 2, 0), llama_forward(1, 2, 2), llama_forward(1, 1, 4)]
    trace = build(method("_sample", method("_prefill", *chunks), *after_forward(), llama_forward(1, 1, 5)))
    assert table(trace, "index", "phase", "input") == [
        (0, "prefill", (1, 2)),
        (1, "prefill", (1, 2)),
        (2, "prefill", (1, 1)),
        (3, "decode", (1, 1)),
    ]
    (update,) = trace.find("*._update_model_kwargs_for_generation")
    assert update.step == 2


def test_root_forwards_outside_the_loop_are_no_steps() -> None:
    trace = build(
        method(
            "generate",
            method("detect_language", llama_forward(1, 1, None)),
            llama_forward(1, 1, None),
            method(
                "_sample",
                method("_prefill", llama_forward(1, 5, 0)),
                helper(
                    "LogitsProcessorList.__call__",
                    helper("GuidanceProcessor.__call__", llama_forward(1, 5, 0)),
                ),
            ),
        ),
        llama_forward(1, 9, None),
    )
    (step,) = trace.steps()
    assert step.input == (1, 5)
    outside = [node for node in trace.find(f"{LLAMA}.forward") if node.step is None]
    assert len(outside) == 3  # in detect_language, in generate itself, after generate


def test_no_step_without_a_loop() -> None:
    trace = build(llama_forward(1, 5, None))
    assert trace.steps() == []
    assert {node.step for node in trace.calls} == {None}
    assert build().steps() == []


def test_another_model_in_the_loop_is_no_step() -> None:
    other = call("RewardModel.forward", root="RewardModel", path="", output=t(1, 1))
    trace = build(method("_sample", method("_prefill", llama_forward(1, 5, 0)), other, *after_forward()))
    assert len(trace.steps()) == 1
    assert trace.find("RewardModel.forward")[0].step == 0


def test_a_wrapped_model_is_its_own_loop_s_model() -> None:
    # PEFT: the model that generates stands inside another root, and its calls say so.
    inside = {"root": "PeftModel", "path": "base_model.model"}
    forward = call("LlamaForCausalLM.forward", **inside, inputs={"input_ids": ids(1, 5)})
    head = call("Linear.forward", root="PeftModel", path="base_model.model.lm_head")
    loop = call("LlamaForCausalLM._sample", kind="method", **inside, children=[forward, head])
    assert [step.call.path for step in build(loop).steps()] == ["base_model.model"]


def assisted() -> Trace:
    """One assisted decoding."""
    return build(assisted_generate())


def assisted_generate() -> Node:
    """Two rounds: the assistant drafts two tokens and then one, the target verifies each time."""

    def candidates(prompt: int, decode: int) -> object:
        loop = method("_sample", *llama_passes(1, prompt, decode, 1, root=f"{LLAMA}#2"), root=f"{LLAMA}#2")
        return helper(
            "AssistedCandidateGenerator.get_candidates", method("generate", loop, root=f"{LLAMA}#2")
        )

    rounds = [
        candidates(5, 1),
        method("prepare_inputs_for_generation"),
        llama_forward(1, 7, 0, logits=3),
        method("_update_model_kwargs_for_generation"),
        candidates(8, 0),
        method("prepare_inputs_for_generation"),
        llama_forward(1, 2, 6, logits=2),
        method("_update_model_kwargs_for_generation"),
    ]
    return method("generate", method("_assisted_decoding", *rounds))  # type: ignore[arg-type]


def test_drafts_and_verification_of_assisted_decoding() -> None:
    assert table(assisted(), "index", "phase", "input", "logits") == [
        (0, "draft", (1, 5), (1, 1, 99)),
        (1, "draft", (1, 1), (1, 1, 99)),
        (0, "prefill", (1, 7), (1, 3, 99)),
        (0, "draft", (1, 8), (1, 1, 99)),
        (1, "verify", (1, 2), (1, 2, 99)),
    ]


def test_a_step_is_asked_of_the_loop_that_began_first() -> None:
    trace = assisted()
    # The draft runs its model first, but below the loop that asked for it.
    asked = (trace.step(0), trace.step(-1), trace.step(1, loop=1))
    assert [step.phase for step in asked] == ["prefill", "verify", "draft"]


def test_the_innermost_step_counts() -> None:
    trace = assisted()
    first, second = trace.find("*.get_candidates")
    assert (first.step, second.step) == (0, 1)  # a round opens with its drafts
    drafted = [node.step for node in first.walk() if node.name == f"{LLAMA}.forward"]
    assert drafted == [0, 1]
    assert [node.step for node in second.walk() if node.function == "generate"] == [1]


def test_siblings_belong_to_the_step_that_they_prepare_or_follow() -> None:
    trace = build(llama_generate(decode=2))
    steps = {
        name: [node.step for node in trace.find(f"*.{name}")]
        for name in (
            "_prepare_model_inputs",
            "_sample",
            "_prefill",
            "prepare_inputs_for_generation",
            "forward",
            "_update_model_kwargs_for_generation",
        )
    }
    assert steps["_prepare_model_inputs"] == [None]
    assert steps["_sample"] == [None]
    assert steps["_prefill"] == [0]
    assert steps["prepare_inputs_for_generation"] == [0, 1, 2]
    # A forward runs 1 + 1 + 4·6 + 1 = 27 modules in each of the three passes.
    assert steps["forward"] == [0] * 27 + [1] * 27 + [2] * 27
    assert steps["_update_model_kwargs_for_generation"] == [0, 1, 2]
    assert [node.step for node in trace.find("MaxLengthCriteria.*")] == [0, 1, 2]


def test_a_compiled_pass_is_a_step_that_says_so() -> None:
    prepared = ContainerSpec("dict", (("input_ids", ids(1, 1)), ("past_key_values", CacheSpec("C", 5, 4))), 2)
    unseen = [method("prepare_inputs_for_generation", output=prepared), *after_forward()]
    seen = [method("prepare_inputs_for_generation"), llama_forward(1, 1, 6), *after_forward()]
    trace = build(
        method("_sample", method("_prefill", llama_forward(1, 5, 0)), *after_forward(), *unseen, *seen)
    )
    # The cache of the compiled pass is known from its inputs, and from what the next one finds.
    assert table(trace, "index", "phase", "input", "cache_before", "cache_after", "logits") == [
        (0, "prefill", (1, 5), 0, 5, (1, 1, 99)),
        (1, "decode", (1, 1), 5, 6, None),
        (2, "decode", (1, 1), 6, 7, (1, 1, 99)),
    ]
    assert [step.facts.get("compiled") for step in trace.steps()] == [None, True, None]
    # What a compiled model takes is not known, and neither is its share.
    assert trace.generations()[0].inside is None
    assert trace.steps()[1].call.function == "prepare_inputs_for_generation"
    assert [unseen_passes(one) for one in (trace, assisted(), build())] == [0, 0, 0]


def test_a_pass_of_which_nothing_is_known_is_counted() -> None:
    lost = [method("prepare_inputs_for_generation")]  # the trace was full before it was closed
    trace = build(method("_sample", method("_prefill", llama_forward(1, 5, 0)), *after_forward(), *lost))
    assert unseen_passes(trace) == 1


def test_cache_after_comes_from_the_next_step_where_the_output_has_none() -> None:
    def forward(length: int, before: int) -> object:
        given = {"input_ids": ids(1, length), "past_key_values": CacheSpec("StaticCache", before, 2)}
        output = ContainerSpec("Output", (("logits", t(1, 1, 9)),), 1)
        return call(f"{LLAMA}.forward", root=LLAMA, path="", inputs=given, output=output)

    trace = build(method("_sample", forward(4, 0), forward(1, 4)))  # type: ignore[arg-type]
    assert table(trace, "cache_before", "cache_after") == [(0, 4), (4, None)]


def test_inputs_of_other_kinds() -> None:
    def only_step(**inputs: object) -> Step:
        node = call(f"{LLAMA}.forward", root=LLAMA, path="", inputs=inputs)  # type: ignore[arg-type]
        return build(method("_sample", node)).steps()[0]

    # Embeddings count rows and positions, not their width.
    assert only_step(inputs_embeds=t(2, 7, 64)).input == (2, 7)
    assert only_step(inputs_embeds=t(2, 7, 64)).facts["embeds"] == "inputs_embeds"
    assert "embeds" not in only_step(input_ids=ids(2, 7)).facts
    assert only_step(input_ids=ScalarSpec("NoneType"), inputs_embeds=t(2, 7, 64)).input == (2, 7)
    assert only_step().input is None
    assert only_step(attention_mask=ids(2, 7)).mask == (2, 7)
    # The attention mask of an encoder-decoder model is the encoder's.
    masks = {"attention_mask": ids(2, 9), "decoder_attention_mask": ids(2, 4)}
    assert only_step(decoder_input_ids=ids(2, 4), **masks).mask == (2, 4)
    assert only_step(encoder_outputs=t(2, 9, 8), attention_mask=ids(2, 9)).mask is None
    # A state-space cache counts no tokens.
    assert only_step(cache_params=CacheSpec("MambaCache", None, 3)).cache_before is None
    values = TensorSpec((1, 3), "int64", values=(5, 6, 7))
    assert only_step(input_ids=values).tokens == (5, 6, 7)
    assert only_step(input_ids=ids(1, 3)).tokens is None


def test_loops_of_two_threads_do_not_mix() -> None:
    trace = build_threads({"a": [llama_generate(decode=2)], "b": [llama_generate(prompt=7, decode=1)]})
    by_loop: dict[int, list[tuple[int, object]]] = {}
    for step in trace.steps():
        by_loop.setdefault(step.loop.id, []).append((step.index, step.input))
    assert sorted(by_loop.values(), key=len) == [
        [(0, (1, 7)), (1, (1, 1))],
        [(0, (1, 5)), (1, (1, 1)), (2, (1, 1))],
    ]


def test_a_trace_that_ends_inside_a_step() -> None:
    open_forward = call(f"{LLAMA}.forward", root=LLAMA, path="", inputs={"input_ids": ids(1, 5)}, open=True)
    trace = build(method("_sample", method("_prefill", open_forward, open=True), open=True))
    assert table(trace, "index", "phase", "input", "logits") == [(0, "prefill", (1, 5), None)]


def test_the_list_belongs_to_the_reader() -> None:
    trace = whisper()
    trace.steps().clear()
    assert len(trace.steps()) == 7  # the encoder, then 6 passes
