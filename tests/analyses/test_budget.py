"""Which lines are shown: never more than fit, and the instructive ones first."""

from __future__ import annotations

import pytest

from tests.analyses.recorded import llama_forward, llama_generate, method, whisper
from tests.analyses.test_steps import assisted
from tests.builders import Node, build, call
from tracelab.analyses.budget import Shown, all_lines, best_lines
from tracelab.analyses.outline import Outline
from tracelab.calls import Trace


def shown(trace: Trace, room: int) -> list[Shown]:
    return list(best_lines(Outline(trace), room))


def names(trace: Trace, room: int) -> list[str]:
    outline = Outline(trace)
    return [
        f"{one.line.phase} {one.line.passes[0]}" if one.line.kind == "step" else outline.call(one.line).name
        for one in best_lines(outline, room)
    ]


def chain(length: int, then: list[Node]) -> Node:
    node = call("A.f", kind="method", children=then)
    for _ in range(length):
        node = call("A.f", kind="method", children=[node])
    return node


TRACES = {
    "whisper": whisper(),
    "long": whisper(decode=60),
    "assisted": assisted(),
    "several": build(*(llama_generate(prompt=n, decode=n) for n in range(1, 9))),
    "wide": build(*(call(f"Function{n}.run", kind="method") for n in range(300))),
    "deep": build(chain(200, [llama_forward(1, 1, None)])),
}


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("room", [3, 5, 10, 20, 37, 100, 1000])
def test_never_more_lines_than_room(name: str, room: int) -> None:
    assert 0 < len(shown(TRACES[name], room)) <= room


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("room", [3, 10, 37, 1000])
def test_every_call_is_either_behind_a_line_or_counted_as_hidden(name: str, room: int) -> None:
    outline = Outline(TRACES[name])
    seen = hidden = 0
    for one in best_lines(outline, room):
        if one.line.kind not in ("step", "repeat", "more"):
            seen += len(one.line.rows)
        if not one.open:
            hidden += outline.all_hidden(one.line)
    assert seen + hidden == TRACES[name].recorded


@pytest.mark.parametrize("decode", [1, 5, 60])
def test_the_instructive_lines_of_a_generate_survive(decode: int) -> None:
    trace = whisper(decode)
    found = names(trace, 37)
    for name in (
        "WhisperForConditionalGeneration.generate",
        "WhisperForConditionalGeneration.generate_with_fallback",
        "WhisperEncoder.forward",
        "WhisperForConditionalGeneration._sample",
        "prefill 0",
        "WhisperForConditionalGeneration.forward",
        "WhisperDecoderLayer.forward",
        "WhisperAttention.forward",
        "decode 1",
    ):
        assert name in found, name
    paths = [trace.calls[one.line.rows[0]].path for one in shown(trace, 37) if one.line.kind != "step"]
    for path in ("self_attn", "encoder_attn", "fc1"):
        assert f"model.decoder.layers.0.{path}" in paths
    assert "proj_out" in paths


def test_the_length_of_the_generation_does_not_change_the_screen() -> None:
    assert names(whisper(5), 37) == names(whisper(60), 37)


def test_the_way_to_the_first_loop_is_opened_first() -> None:
    found = names(build(llama_generate(), llama_generate(prompt=9, decode=2)), 9)
    # 2 roots, below the first of them 1 line of helpers and the loop, below that 2 lines of steps.
    assert found[:5] == [
        "LlamaForCausalLM.generate",
        "LlamaForCausalLM._prepare_model_inputs",
        "LlamaForCausalLM._sample",
        "prefill 0",
        "LlamaForCausalLM._prefill",
    ]
    assert found[-1] == "LlamaForCausalLM.generate"


def test_prefill_is_opened_before_decode() -> None:
    lines = shown(build(llama_generate()), 9)
    steps = {one.line.phase: one.open for one in lines if one.line.kind == "step"}
    assert steps == {"prefill": True, "decode": False}


def test_too_many_siblings_leave_a_line_that_counts_them() -> None:
    lines = shown(TRACES["wide"], 20)
    # Half of 20 lines: 9 calls and one line for the other 291.
    assert [one.line.kind for one in lines] == ["call"] * 9 + ["more"]
    assert len(lines[-1].line.parts) == 291


def test_a_loop_is_never_cut_away() -> None:
    around = [call(f"Function{n}.run", kind="method") for n in range(60)]
    trace = build(*around[:30], llama_generate(), *around[30:])
    kinds = [one.line.kind for one in shown(trace, 30) if one.depth == 0]
    assert kinds.count("more") == 2
    assert "LlamaForCausalLM.generate" in names(trace, 30)


def test_all_lines_down_to_a_level() -> None:
    outline = Outline(whisper())
    assert [one.depth for one in all_lines(outline, 1)] == [0, 0, 0]
    second = list(all_lines(outline, 2))
    assert [(one.depth, one.open) for one in second] == [(0, False), (0, True), (1, False), (0, False)]
    whole = list(all_lines(outline))
    assert max(one.depth for one in all_lines(outline, 8)) == 7 < max(one.depth for one in whole)


def test_last_siblings_are_marked() -> None:
    trace = build(method("a", method("b"), method("c", method("d"))), method("e"))
    assert [(one.depth, one.last) for one in all_lines(Outline(trace))] == [
        (0, False),
        (1, False),
        (1, True),
        (2, True),
        (0, True),
    ]


def test_a_very_deep_trace_is_walked_without_recursion() -> None:
    # Python allows 1,000 nested calls; the builder recurses, so the depth is made on the columns.
    trace = build(chain(1, []))
    columns = trace.columns
    for name in ("site", "place", "inputs", "output", "start", "duration", "status", "error", "thread"):
        column = getattr(columns, name)
        column.extend(column[-1:] * 20_000)
    columns.parent.extend(range(1, 20_001))
    deep = Trace(columns)
    assert sum(1 for _ in all_lines(Outline(deep))) == 20_002
    assert len(shown(deep, 37)) == 37
