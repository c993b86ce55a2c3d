"""Programs that generate in several threads, stream, break off, or run for ten thousand steps."""

from __future__ import annotations

import io
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, LogitsProcessor, LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

import tracelab
from tracelab.renderers.steps import show_steps

from .runs import both, build, prompts, seeded, table

ARGUMENTS: dict[str, Any] = {"do_sample": False, "eos_token_id": None}


def screen(trace: tracelab.Trace, **options: Any) -> list[str]:
    file = io.StringIO()
    show_steps(trace, file=file, **options)
    return file.getvalue().splitlines()


def test_two_threads_have_two_tables() -> None:
    models = {"a": build("llama"), "b": build("gpt2")}

    def run(name: str, new: int) -> None:
        seeded(models[name], prompts(), max_new_tokens=new, min_new_tokens=new, do_sample=False)

    threads = [
        threading.Thread(target=run, args=(name, new), name=name) for name, new in (("a", 4), ("b", 6))
    ]
    with tracelab.trace() as trace:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    by_thread = {name: [step for step in trace.steps() if step.call.thread == name] for name in ("a", "b")}
    assert table(by_thread["a"], "index", "cache_before") == [(0, 0), (1, 5), (2, 6), (3, 7)]
    assert table(by_thread["b"], "index", "cache_before") == [(0, 0), (1, 5), (2, 6), (3, 7), (4, 8), (5, 9)]
    assert [len(run.steps) for run in sorted(trace.generations(), key=lambda run: run.loop.thread)] == [4, 6]


class Queueing(BaseStreamer):
    """Hands tokens to another thread, as `TextIteratorStreamer` does."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.ended = threading.Event()

    def put(self, value: torch.Tensor) -> None:
        self.waiting += value.reshape(-1).tolist()

    def end(self) -> None:
        self.ended.set()


def test_a_streamer_that_is_read_in_another_thread() -> None:
    model, streamer, seen = build("llama"), Queueing(), []

    def read() -> None:
        streamer.ended.wait(60)
        seen.extend(streamer.waiting)

    reader = threading.Thread(target=read, name="reader")
    with tracelab.trace() as trace:
        reader.start()
        made = seeded(model, prompts(), streamer=streamer, max_new_tokens=3, **ARGUMENTS)
        reader.join()
    assert seen == made[0].tolist()
    # The prompt before the first step, then a token in each step, and the end behind the last.
    puts = trace.find("Queueing.put")
    assert [call.step for call in puts] == [None, 0, 1, 2]
    assert {call.thread for call in puts} == {"MainThread"}
    assert trace.count("Queueing.end") == 1


class Breaking(LogitsProcessor):
    """Raises at the n-th call."""

    def __init__(self, error: type[BaseException], after: int) -> None:
        self.error, self.left = error, after

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.left -= 1
        if self.left < 0:
            raise self.error
        return scores


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError, SystemExit])
def test_a_run_that_is_broken_off_ends_at_that_step_and_says_so(error: type[BaseException]) -> None:
    model = build("llama")
    broken = LogitsProcessorList([Breaking(error, after=2)])
    with tracelab.trace() as trace, pytest.raises(error):
        seeded(model, prompts(), logits_processor=broken, max_new_tokens=9, **ARGUMENTS)
    steps = trace.steps()
    # Two passes went well, the third broke off after its model call.
    assert [step.index for step in steps] == [0, 1, 2]
    assert [step.facts.get("ended") for step in steps] == [None, None, error.__name__]
    assert trace.generations()[0].stopped_by == (error.__name__,)
    assert f"ended by {error.__name__}" in "\n".join(screen(trace))


def test_a_model_that_breaks_off_inside_a_step() -> None:
    model = build("llama")
    calls = []

    def broken(module: Any, args: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise LookupError

    handle = model.model.layers[1].register_forward_pre_hook(broken)
    with tracelab.trace() as trace, pytest.raises(LookupError):
        seeded(model, prompts(), max_new_tokens=9, **ARGUMENTS)
    handle.remove()
    last = trace.steps()[-1]
    assert (last.index, last.call.status, last.facts["ended"], last.logits) == (
        2,
        "error",
        "LookupError",
        None,
    )


def test_a_trace_that_is_read_in_the_middle_of_a_run() -> None:
    model, seen = build("llama"), []

    class Looking(LogitsProcessor):
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            seen.append((len(trace.steps()), trace.generations()[0].stopped_by))
            return scores

    with tracelab.trace() as trace:
        seeded(
            model, prompts(), logits_processor=LogitsProcessorList([Looking()]), max_new_tokens=3, **ARGUMENTS
        )
    assert seen == [(1, ("still running",)), (2, ("still running",)), (3, ("still running",))]
    assert trace.generations()[0].stopped_by == ("max length",)


def test_the_screen_says_where_the_time_went() -> None:
    lines = screen(both(build("llama"), prompts(), max_new_tokens=4, **ARGUMENTS))
    assert lines[-3].startswith("greedy · ")
    assert "stopped by max length" in lines[-3]
    # Keys and values of 2 heads, 8 tokens, width 8, in 2 layers, 4 bytes each: 2 * 2 * 8 * 8 * 2 * 4.
    assert lines[-2].startswith("cache at the end: DynamicCache, 2,048 bytes")
    assert lines[-1].startswith("prefill ")
    for words in (" a token (95 % within ", "% inside the model", "tracelab about "):
        assert words in lines[-1]


def test_times_of_a_generation_add_up() -> None:
    trace = both(build("llama"), prompts(), max_new_tokens=5, **ARGUMENTS)
    (run,) = trace.generations()
    assert run.total == run.loop.duration
    assert run.prefill is not None
    assert run.decode is not None
    assert run.decode_p95 is not None
    assert 0 < run.prefill < run.total
    assert 0 < run.decode <= run.decode_p95
    # 4 tokens after the first: from the first decode step to the end of the loop.
    gaps = [step.call.start for step in run.steps[1:]] + [run.loop.start + run.total]
    between = sorted(after - before for before, after in pairwise(gaps))
    assert run.decode == pytest.approx(between[2])
    assert run.inside == pytest.approx(sum(step.duration for step in run.steps) / run.total)
    assert run.tracer is not None
    assert run.tracer > 0


def test_many_loops_fit_on_a_screen() -> None:
    model = build("llama")
    with tracelab.trace() as trace:
        for _ in range(40):
            seeded(model, prompts(), max_new_tokens=2, **ARGUMENTS)
    lines = screen(trace, width=80)
    assert len(lines) <= 40
    assert any("more" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert len(screen(trace, fold=False)) > 80


def long_run(steps: int, folder: Path) -> tuple[tracelab.Trace, float, list[str]]:
    """A tiny Llama, the trace from its file, seconds for its table, and its lines."""
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=steps + 10,
    )
    model = LlamaForCausalLM(config).eval()
    with tracelab.trace(limit=10_000_000) as trace:
        seeded(model, prompts(), max_new_tokens=steps, **ARGUMENTS)
    trace.save(folder / "run.json")
    began = time.process_time()
    again = tracelab.load(folder / "run.json")
    lines = screen(again, width=80)
    return again, time.process_time() - began, lines


def holds_for(steps: int, folder: Path) -> None:
    trace, took, lines = long_run(steps, folder)
    found = trace.steps()
    assert len(found) == steps
    # The prompt of 5, and all tokens but the last one, which is never fed.
    assert (found[-1].cache_before, found[-1].cache_after) == (5 + steps - 2, 5 + steps - 1)
    assert len(lines) <= 40
    assert len(str(trace).splitlines()) <= 40
    assert took < 2


def test_five_hundred_steps(tmp_path: Path) -> None:
    holds_for(500, tmp_path)
    # One more table cell for each step would be some hundred bytes: the file holds the different steps only.
    assert (tmp_path / "run.json").stat().st_size < 500 * 200


@pytest.mark.slow
def test_ten_thousand_steps(tmp_path: Path) -> None:
    holds_for(10_000, tmp_path)
