"""Lines of the tree: what folds, what does not, and what a folded line claims."""

from __future__ import annotations

import time

import pytest

from tests.analyses.recorded import (
    LLAMA,
    WIDTH,
    after_forward,
    helper,
    llama_forward,
    llama_generate,
    method,
    module,
    whisper,
)
from tests.builders import Node, build, build_threads, call, t
from tracelab.analyses.lines import Line
from tracelab.analyses.outline import Outline
from tracelab.calls import Trace
from tracelab.values import CacheSpec, Spec

FOUR = t(1, 4)


def sketch(trace: Trace, depth: int = 99, fold: bool = True) -> list[str]:
    """Each line as `indent kind name ×count shapes`."""
    outline = Outline(trace, fold)
    found: list[str] = []

    def draw(line: Line, level: int) -> None:
        if line.kind == "step":
            first, last = line.passes
            name = f"{line.phase} {first}-{last}"
        elif line.kind in ("helpers", "leaves"):
            name = " ".join(outline.call(part).function for part in line.parts)
            name = (
                name
                if line.kind == "helpers"
                else " ".join(outline.keys.place(p.rows[0]) or "" for p in line.parts)
            )
        elif line.kind == "repeat":
            name = "repeat"
        else:
            name = outline.keys.place(line.rows[0]) or outline.call(line).function
        times = f" ×{line.count}" if line.count > 1 else ""
        shapes = (
            outline.shapes.text(line.rows) if line.kind not in ("repeat", "helpers") and line.rows else ""
        )
        found.append(f"{'  ' * level}{line.kind} {name}{times} {shapes}".rstrip())
        if level + 1 < depth:
            for below in outline.below(line):
                draw(below, level + 1)

    for line in outline.top():
        draw(line, 0)
    return found


def linear(path: str, before: Spec, after: Spec | None = None, **options: object) -> Node:
    return call(
        "Linear.forward", root="Net", path=path, inputs={"input": before}, output=after or before, **options
    )  # type: ignore[arg-type]


def net(*children: Node, before: Spec = FOUR, **options: object) -> Node:
    return call("Net.forward", root="Net", path="", inputs={"x": before}, children=list(children), **options)  # type: ignore[arg-type]


def stack(*sizes: int, first: int = 0) -> list[Node]:
    return [
        call(
            "Block.forward",
            root="Net",
            path=f"layers.{number}",
            inputs={"x": t(1, size)},
            output=t(1, size),
            children=[linear(f"layers.{number}.fc", t(1, size))],
        )
        for number, size in enumerate(sizes, first)
    ]


# --- stacks -----------------------------------------------------------------------------------------


def test_equal_layers_fold_into_a_stack() -> None:
    assert sketch(build(net(*stack(4, 4, 4)))) == [
        "call forward f32[1,4]",
        "  stack layers.0 ×3 f32[1,4]",
        "    call fc f32[1,4]",
    ]


def test_a_stack_keeps_all_its_calls() -> None:
    trace = build(net(*stack(4, 4, 4)))
    outline = Outline(trace)
    (top,) = outline.top()
    (layers,) = outline.below(top)
    (fc,) = outline.below(layers)
    assert [outline.trace.calls[row].path for row in layers.rows] == ["layers.0", "layers.1", "layers.2"]
    assert [outline.trace.calls[row].path for row in fc.rows] == [f"layers.{n}.fc" for n in range(3)]
    # net + 3 × (block, fc): 6 calls hidden below net, 1 below each block.
    assert (outline.hidden(top), outline.hidden(layers), outline.all_hidden(layers)) == (6, 1, 3)


def test_one_different_layer_breaks_the_stack() -> None:
    layers = stack(4, 4, 4, 4)
    layers[2].children.append(linear("layers.2.router", t(1, 4)))
    assert sketch(build(net(*layers)), depth=2)[1:] == [
        "  stack layers.0 ×2 f32[1,4]",
        "  call layers.2 f32[1,4]",
        "  call layers.3 f32[1,4]",
    ]


def test_layers_of_other_sizes_do_not_fold() -> None:
    assert sketch(build(net(*stack(4, 4, 8))), depth=2)[1:] == [
        "  stack layers.0 ×2 f32[1,4]",
        "  call layers.2 f32[1,8]",
    ]


def test_layers_called_out_of_order_do_not_fold() -> None:
    first, second, third = stack(4, 4, 4)
    assert sketch(build(net(first, third, second)), depth=2)[1:] == [
        "  call layers.0 f32[1,4]",
        "  call layers.2 f32[1,4]",
        "  call layers.1 f32[1,4]",
    ]


def test_other_children_inside_a_layer_break_the_stack() -> None:
    layers = stack(4, 4)
    layers[1].children[0] = linear("layers.1.fc2", t(1, 4))
    assert len(sketch(build(net(*layers)), depth=2)) == 3


def test_a_failed_layer_is_never_folded() -> None:
    layers = stack(4, 4, 4)
    layers[2].error, layers[2].output = "RuntimeError", None
    assert sketch(build(net(*layers, error="RuntimeError")), depth=2)[1:] == [
        "  stack layers.0 ×2 f32[1,4]",
        "  call layers.2 f32[1,4]",
    ]


def test_a_cache_that_the_layer_before_filled_does_not_break_the_stack() -> None:
    layers = stack(4, 4, 4)
    for number, node in enumerate(layers):
        node.inputs["past_key_values"] = CacheSpec("DynamicCache", 0 if number == 0 else 5, number)
    assert sketch(build(net(*layers)), depth=2)[1:] == ["  stack layers.0 ×3 f32[1,4]"]


# --- repetition in time -----------------------------------------------------------------------------


def test_prefill_and_decode_of_an_own_loop_are_two_lines() -> None:
    calls = [llama_forward(1, 5, None)] + [llama_forward(1, 1, None) for _ in range(3)]
    assert sketch(build(*calls), depth=1) == [
        "call forward i64[1,5] → f32[1,1,99]",
        "call forward ×3 i64[1,1] → f32[1,1,99]",
    ]
    assert len(sketch(build(*calls[:2]), depth=1)) == 2


def test_growing_and_irregular_sizes() -> None:
    assert sketch(build(*(net(before=t(2, size)) for size in (4, 5, 6)))) == ["call forward ×3 f32[2,4…6]"]
    assert sketch(build(*(net(before=t(2, size)) for size in (4, 9, 5, 7)))) == [
        "call forward ×4 f32[2,varied]"
    ]


def test_other_dtype_or_rank_is_another_call() -> None:
    assert len(sketch(build(net(before=t(2, 4)), net(before=t(2, 4, dtype="float16"))))) == 2
    assert len(sketch(build(net(before=t(2, 4)), net(before=t(2, 4, 1))))) == 2


def test_a_training_loop_is_one_repeat() -> None:
    def optimizer() -> Node:
        return call("SGD.step", kind="optimizer")

    rounds = [node for size in (3, 7, 4, 6) for node in (net(before=t(2, size)), optimizer())]
    assert sketch(build(*rounds)) == [
        "repeat repeat ×4",
        "  call forward f32[2,varied]",
        "  call step",
    ]


def test_repeats_inside_repeats() -> None:
    # Two forwards, then a step; three times.
    rounds = [node for _ in range(3) for node in (net(), net(), call("SGD.step", kind="optimizer"))]
    assert sketch(build(*rounds)) == ["repeat repeat ×3", "  call forward ×2 f32[1,4]", "  call step"]


def test_order_is_kept() -> None:
    nodes = [net(linear("a", t(1, 4))), net(linear("b", t(1, 4))), net(linear("a", t(1, 4)))]
    assert sketch(build(*nodes)) == [
        "call forward f32[1,4]",
        "  call a f32[1,4]",
        "call forward f32[1,4]",
        "  call b f32[1,4]",
        "call forward f32[1,4]",
        "  call a f32[1,4]",
    ]


# --- generation -------------------------------------------------------------------------------------


def test_decode_steps_fold_and_prefill_stands_alone() -> None:
    assert sketch(build(llama_generate(decode=5)), depth=4) == [
        "call generate i64[1,5] → i64[1,11]",
        "  helpers _prepare_model_inputs _prepare_special_tokens",
        "  call _sample",
        "    step prefill 0-0 i64[1,5] → f32[1,1,99]",
        "      call _prefill",
        "      helpers _update_model_kwargs_for_generation __call__ __call__",
        "    step decode 1-5 ×5 i64[1,1] → f32[1,1,99]",
        "      helpers prepare_inputs_for_generation",
        "      call forward i64[1,1] → f32[1,1,99]",
        "      helpers _update_model_kwargs_for_generation __call__ __call__",
    ]


def test_a_single_decode_step_stays_apart_from_prefill() -> None:
    # Even a prompt of one token: same shapes, different phase.
    lines = sketch(build(llama_generate(prompt=1, decode=1)), depth=3)
    assert [line.strip() for line in lines if line.strip().startswith("step")] == [
        "step prefill 0-0 i64[1,1] → f32[1,1,99]",
        "step decode 1-1 i64[1,1] → f32[1,1,99]",
    ]


def test_a_growing_input_is_written_as_a_range() -> None:
    lines = sketch(build(llama_generate(prompt=5, decode=4, cache=False)))
    assert "    step decode 1-4 ×4 i64[1,6…9] → f32[1,1,99]" in lines
    # The four layers of the four steps: constant over the layers, growing over the steps.
    assert f"          stack layers.0 ×4 f32[1,6…9,{WIDTH}]" in lines


def test_cross_attention_projections_of_the_prefill_only() -> None:
    lines = sketch(whisper())
    at = next(number for number, line in enumerate(lines) if "step decode" in line)
    prefill, decode = lines[:at], lines[at:]
    assert any("leaves k_proj v_proj f32[1,50,64]" in line for line in prefill)
    assert sum("encoder_attn" in line for line in decode) == 1
    assert any("leaves q_proj out_proj f32[1,1,64]" in line for line in decode)


def test_a_step_that_differs_breaks_the_run() -> None:
    node = llama_generate(decode=5)
    sample = node.children[-1]
    forwards = [child for child in sample.children if child.site.function == "forward"]
    forwards[2].children.append(module("Linear", "extra", t(1, 4), t(1, 4)))
    steps = [line.strip() for line in sketch(build(node), depth=3) if line.strip().startswith("step")]
    assert [line.split()[2] for line in steps] == ["0-0", "1-2", "3-3", "4-5"]


def test_chunks_of_a_prompt_share_the_prefill_line() -> None:
    chunks = [llama_forward(1, 2, 0), llama_forward(1, 2, 2)]
    trace = build(method("_sample", method("_prefill", *chunks), *after_forward(), llama_forward(1, 1, 4)))
    steps = [line.strip() for line in sketch(trace, depth=2) if line.strip().startswith("step")]
    assert [line.split()[1:3] for line in steps] == [["prefill", "0-1"], ["decode", "2-2"]]


def test_a_pass_without_a_model_call_says_so() -> None:
    unseen = [method("prepare_inputs_for_generation"), *after_forward()]
    trace = build(
        method("_sample", method("_prefill", llama_forward(1, 5, 0)), *after_forward(), *unseen, *unseen)
    )
    lines = [line.strip() for line in sketch(trace, depth=2)]
    assert lines[-1] == "step unseen 1-2 ×2"


def test_equal_generates_fold_with_their_steps() -> None:
    trace = build(*(llama_generate(decode=2) for _ in range(3)))
    outline = Outline(trace)
    (top,) = outline.top()
    (sample,) = (line for line in outline.below(top) if line.kind == "call")
    prefill, decode = outline.below(sample)
    assert (top.count, sample.count, prefill.count, decode.count) == (3, 1, 1, 2)
    # Three loops of two decode steps each, with 5 and 6 tokens in the cache.
    assert sorted(step.cache_before or 0 for step in decode.steps) == [5, 5, 5, 6, 6, 6]
    assert len(decode.runs) == 6


# --- lines that are gathered ------------------------------------------------------------------------


def test_helpers_are_gathered_only_on_the_way_to_the_steps() -> None:
    tokenizer = [helper("Tokenizer.tokenize"), helper("Tokenizer.pad")]
    assert sketch(build(*tokenizer)) == ["call tokenize", "call pad"]
    outer = helper("Tokenizer.__call__", *tokenizer)
    assert sketch(build(outer)) == ["call __call__", "  call tokenize", "  call pad"]


def test_a_failed_helper_keeps_its_line() -> None:
    failed = method("_prepare_special_tokens", error="ValueError")
    trace = build(
        method("generate", method("_prepare_model_inputs"), failed, method("_sample", *after_forward()))
    )
    assert sketch(trace, depth=2)[1:3] == [
        "  helpers _prepare_model_inputs",
        "  call _prepare_special_tokens",
    ]


def test_leaves_need_one_class_and_one_size() -> None:
    small, wide = t(1, 4), t(1, 8)
    norm = call("Norm.forward", root="Net", path="norm", inputs={"input": small}, output=small)
    trace = build(net(linear("q", small), linear("k", small), linear("v", small, wide), norm))
    assert sketch(trace)[1:] == [
        "  leaves q k f32[1,4]",
        "  call v f32[1,4] → f32[1,8]",
        "  call norm f32[1,4]",
    ]


def test_without_folding_every_call_has_a_line() -> None:
    trace = build(llama_generate(decode=3))
    lines = sketch(trace, fold=False)
    steps = [line for line in lines if line.strip().startswith("step")]
    assert len(steps) == 4
    assert len(lines) - len(steps) == trace.recorded
    assert not any("×" in line or "leaves" in line or "helpers" in line for line in lines)


# --- borders ----------------------------------------------------------------------------------------


def test_threads_do_not_mix() -> None:
    trace = build_threads({"a": [net(*stack(4, 4))], "b": [net(*stack(4, 4))]})
    assert sketch(trace)[:2] == ["call forward ×2 f32[1,4]", "  stack layers.0 ×2 f32[1,4]"]


def test_a_second_root_is_not_the_first() -> None:
    assert (
        len(sketch(build(llama_forward(1, 1, None), llama_forward(1, 1, None, root=f"{LLAMA}#2")), depth=1))
        == 2
    )


@pytest.mark.parametrize("path", ["0", "a.٣", "", "layers.00000000000000000001"])
def test_odd_paths(path: str) -> None:
    trace = build(
        net(call("Block.forward", root="Net", path=path), call("Block.forward", root="Net", path=path))
    )
    assert len(sketch(trace)) == 2


def test_a_large_generate_is_outlined_in_time() -> None:
    # A decode step of two layers is 1 + 1 + 6·2 + 1 modules and 1 + 5 helpers: 21 calls.
    trace = grown(build(llama_generate(decode=3, layers=2)), 4_000)
    assert trace.recorded > 4_000 * 21
    began = time.perf_counter()
    lines = sketch(trace)
    assert time.perf_counter() - began < 10  # 1 s on a quiet machine
    assert len(lines) < 40
    assert any("step decode 1-4003 ×4003" in line for line in lines)


def grown(trace: Trace, times: int) -> Trace:
    """The same trace with the calls of its last decode step appended again and again."""
    columns = trace.columns
    loop = trace.find("*._sample")[0].id
    start = [row for row in trace.children_of(loop) if trace.calls[row].function.startswith("prepare")][-1]
    rows = range(start, len(columns))
    for number in range(times):
        shift = len(rows) * (number + 1)
        for name in ("site", "place", "inputs", "output", "duration", "status", "error", "thread"):
            column = getattr(columns, name)
            column.extend(column[row] for row in rows)
        columns.start.extend(columns.start[row] + shift * 1000 for row in rows)
        columns.parent.extend(
            columns.parent[row] + (shift if columns.parent[row] >= start else 0) for row in rows
        )
    return Trace(columns)
