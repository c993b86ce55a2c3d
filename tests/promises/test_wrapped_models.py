"""Wrapped models (PEFT, accelerate, DDP, FSDP2, checkpointed, compiled, parametrized, quantised) give the
same results and are shown with their real paths; what cannot be seen in them is said at the place.

Each wrapper of `wrapped` is run with and without a trace; two gloo processes (`ranks`) train with one trace
each.  How compiled code and recomputed calls are noticed is tested in `tests/instruments/test_compiled.py`
and `tests/recorder/test_backward.py`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import tracelab
from tracelab.calls import Trace
from tracelab.renderers.steps import show_steps

from . import ranks
from .figures import Figures
from .wrapped import IDS, WRAPPED, Wrapped, encoder, llama, places, tensors, traced

REPOSITORY = Path(__file__).resolve().parent.parent.parent
OPAQUE = "compiled: what runs inside is not seen"

Made = Callable[[Path], Wrapped]


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch._dynamo.reset()
    torch.compile(nn.Identity(), backend="eager")(torch.ones(1))


# --- wrappers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", WRAPPED, ids=lambda make: make.__name__)
def test_a_wrapped_model_gives_the_same_and_is_shown_as_it_is(
    make: Made, tmp_path: Path, figures: Figures
) -> None:
    wrapped = make(tmp_path)
    trace = traced(wrapped)
    modules, label = places(wrapped.root), type(wrapped.root).__name__
    assert {call.root for call in trace.calls if call.path is not None} == {label}
    shown = {call.path: call.owner for call in trace.calls if call.kind == "module" and call.path is not None}
    assert shown == {path: modules[path] for path in shown}
    assert {path: shown.get(path) for path in wrapped.seen} == wrapped.seen
    assert [call.path for call in trace.calls if call.kind == "module" and call.path is None] == []
    figures("wrapped models compared bit by bit")


@pytest.mark.parametrize("make", WRAPPED, ids=lambda make: make.__name__)
def test_a_model_wrapped_inside_a_trace_works_on_after_it(make: Made, tmp_path: Path) -> None:
    """accelerate's `prepare` and `dispatch_model` keep what they find; what they keep is inert later."""
    call = nn.Module.__call__
    with tracelab.trace() as trace:
        wrapped = make(tmp_path)
        expected = tensors(wrapped.run())
    recorded = trace.recorded
    assert all(map(torch.equal, expected, tensors(wrapped.run())))
    assert (nn.Module.__call__, trace.recorded) == (call, recorded)


def test_the_fast_path_of_an_encoder_layer_is_not_switched_off(tmp_path: Path) -> None:
    wrapped = encoder(tmp_path)

    def kernels() -> Counter[str]:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            wrapped.run()
        return Counter({event.key: event.count for event in profile.key_averages() if "::" in event.key})

    wrapped.run()
    expected = kernels()
    assert expected["aten::_transformer_encoder_layer_fwd"] == 2
    with tracelab.trace(stats=False) as trace:
        assert kernels() == expected
    # The fast path calls none of its parts.
    assert [call.path for call in trace.calls] == ["", "layers.0", "layers.1"]


def test_gradients_of_adapters_are_the_same(tmp_path: Path) -> None:
    from .wrapped import lora

    def gradients() -> list[torch.Tensor]:
        wrapped = lora(tmp_path)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            wrapped.root.train()
            wrapped.run().loss.backward()
        return [one.grad for one in wrapped.root.parameters() if one.grad is not None]

    torch.manual_seed(0)
    expected = gradients()
    torch.manual_seed(0)
    with tracelab.trace():
        found = gradients()
    assert len(expected) == 4  # lora_A and lora_B of two layers
    assert all(map(torch.equal, expected, found))


# --- compiled ---------------------------------------------------------------------------------------


def compiled_model() -> nn.Module:
    return torch.compile(llama(), backend="eager")


def compiled_in_place() -> nn.Module:
    model = llama()
    model.compile(backend="eager")
    return model


def compiled_part() -> nn.Module:
    model = llama()
    model.model.layers[1].compile(backend="eager")
    return model


@pytest.mark.parametrize(
    ("make", "path", "calls"),
    # Outside the second of two layers of 13 calls there are 34 - 13 of the whole model, and the layer itself.
    [(compiled_model, "", 1), (compiled_in_place, "", 1), (compiled_part, "model.layers.1", None)],
)
def test_a_compiled_module_is_said_to_be_opaque(
    make: Callable[[], nn.Module], path: str, calls: int | None, figures: Figures
) -> None:
    model = make().requires_grad_(False)
    expected = model(input_ids=IDS).logits
    with tracelab.trace() as trace:
        assert torch.equal(model(input_ids=IDS).logits, expected)
    assert calls in (None, trace.recorded)
    (marked,) = [call for call in trace.calls if "compiled" in call.facts]
    assert (marked.path, marked.children) == (path, [])
    assert [OPAQUE in line for line in str(trace).splitlines()].count(True) == 1
    assert "compiled code unseen in 1 call · see_through_compile=True" in str(trace)
    assert max(map(len, str(trace).splitlines())) <= 80
    figures("compiled regions told")


@pytest.mark.parametrize("make", [compiled_model, compiled_in_place, compiled_part])
def test_see_through_compile_shows_every_call_in_it(make: Callable[[], nn.Module]) -> None:
    plain, model = llama().requires_grad_(False), make().requires_grad_(False)
    expected = model(input_ids=IDS).logits
    with tracelab.trace() as eager:
        plain(input_ids=IDS)
    with tracelab.trace(see_through_compile=True) as trace:
        found = model(input_ids=IDS).logits
    torch.testing.assert_close(found, expected)
    below = [call.path for call in eager.calls if call.path]
    assert [(call.path or "").removeprefix("_orig_mod.") for call in trace.calls if call.path] == below
    assert not any(call.facts for call in trace.calls)
    assert "compiled" not in str(trace)
    with tracelab.trace() as after:  # compiled code is used again, and is the same
        assert torch.equal(model(input_ids=IDS).logits, expected)
    assert after.recorded < trace.recorded


def generating(model: Any) -> torch.Tensor:
    from transformers import CompileConfig

    compile_config = CompileConfig(backend="eager", mode=None)
    compile_config._compile_all_devices = True
    options = {"cache_implementation": "static", "compile_config": compile_config}
    with pytest.MonkeyPatch.context() as environment:  # generate sets it for its compiler
        environment.setenv("TOKENIZERS_PARALLELISM", "false")
        return model.generate(IDS, max_new_tokens=4, min_new_tokens=4, do_sample=False, **options)


def test_the_forward_that_generate_compiles_is_said_to_be_opaque() -> None:
    expected = generating(llama())
    with tracelab.trace() as trace:
        assert torch.equal(generating(llama()), expected)
    (loop,) = trace.find("*._sample")
    assert loop.facts["compiled"] is True
    assert [step.phase for step in trace.steps()] == ["prefill", "decode", "decode", "decode"]
    assert [step.facts.get("compiled") for step in trace.steps()] == [None, True, True, True]
    assert "model call not recorded (compiled)" in str(trace)
    table = io.StringIO()
    show_steps(trace, file=table)
    assert "compiled: not seen inside" in table.getvalue()
    with tracelab.trace(see_through_compile=True) as trace:
        assert torch.equal(generating(llama()), expected)
    assert [step.cache_before for step in trace.steps()] == [0, 4, 5, 6]


# --- checkpointing ----------------------------------------------------------------------------------


def trained(model: nn.Module, steps: int = 2) -> list[torch.Tensor]:
    for _ in range(steps):
        model(input_ids=IDS, labels=IDS).loss.backward()
    return [one.grad for one in model.parameters() if one.grad is not None]


def checkpointed(reentrant: bool) -> Any:
    model = llama().train()
    model.config.use_cache = False
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`gradient_checkpointing_enable` is deprecated", FutureWarning)
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
    return model


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_a_checkpoint_runs_again_is_marked(reentrant: bool, figures: Figures) -> None:
    expected = trained(checkpointed(reentrant))
    with tracelab.trace() as trace:
        found = trained(checkpointed(reentrant))
    assert all(map(torch.equal, expected, found))
    again = [call for call in trace.calls if "recomputed" in call.facts]
    first = [call for call in trace.find(kind="module") if "recomputed" not in call.facts]
    # Each of 2 layers has 4 children (two norms, attention, mlp), 4 projections and 4 parts of the mlp.
    assert len(again) == 2 * 2 * 12
    assert len(first) == 2 * len({call.path for call in first})
    assert {call.path for call in again} < {call.path for call in first}
    assert all(call.facts["recomputed"] is True for call in again)
    assert str(trace).count("mlp LlamaMLP  recomputed") >= 2
    assert "✗" not in str(trace)  # a repetition that ends early is no failure
    figures("recomputed calls marked", len(again))


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_the_marks_come_back_from_a_file(suffix: str, tmp_path: Path) -> None:
    model = compiled_part().requires_grad_(False)
    model(input_ids=IDS)
    with tracelab.trace(file=tmp_path / "run.jsonl") as trace:
        trained(checkpointed(False), 1)
        model(input_ids=IDS)
    trace.save(tmp_path / f"run{suffix}")
    expected = [call.facts for call in trace.calls]
    marked = [facts for facts in expected if {"recomputed", "compiled"} & set(facts)]
    assert len(marked) == 2 * 12 + 1
    for name in (f"run{suffix}", "run.jsonl"):
        back: Trace = tracelab.load(tmp_path / name)
        assert [call.facts for call in back.calls] == expected


def test_a_checkpoint_of_torch_itself() -> None:
    block, x = nn.Sequential(nn.Linear(3, 3), nn.Tanh()), torch.ones(2, 3, requires_grad=True)
    for reentrant in (True, False):
        with tracelab.trace() as trace:
            for _ in range(3):
                checkpoint(block, x, use_reentrant=reentrant).sum().backward()
        modules = [call for call in trace.calls if call.kind == "module"]
        marks = [(call.path, "recomputed" in call.facts) for call in modules]
        assert marks == [(path, again) for again in (False, True) for path in ("", "0", "1")] * 3


# --- ranks ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes found out."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "tests.promises.ranks", str(folder)]
    environment = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(ranks.RANKS)]


@pytest.mark.parametrize("rank", range(ranks.RANKS))
@pytest.mark.parametrize("kind", ranks.KINDS)
def test_each_rank_has_a_trace_of_its_own(told: list[dict[str, Any]], kind: str, rank: int) -> None:
    found = told[rank][kind]
    prefix, name = ("module.", "") if kind == "ddp" else ("", "FSDP")
    assert found["same"]
    assert found["complete"]
    assert (found["ranks"], found["written"]) == ([rank], [rank])
    assert found["root"] == ("DistributedDataParallel.forward" if prefix else "FSDPLlamaForCausalLM.forward")
    layer = [f"{name}LlamaDecoderLayer.forward", "LlamaDecoderLayer", f"{prefix}model.layers.1"]
    assert found["layer"] == layer
    assert len(found["recomputed"]) == (2 * 12 if kind == "fsdp_checkpointed" else 0)


@pytest.mark.parametrize("rank", range(ranks.RANKS))
def test_the_rank_of_a_group_that_lives_only_inside_the_trace(told: list[dict[str, Any]], rank: int) -> None:
    assert told[rank]["made inside"] == rank
    assert told[rank]["destroyed inside"] == rank


def test_two_ranks_do_not_share_a_file(told: list[dict[str, Any]]) -> None:
    line = "'FOLDER/shared.jsonl' would be written by each of 2 ranks; "
    line += "put {rank} into the name, such as run-{rank}.jsonl"
    assert [one["shared path"] for one in told] == [line, line]
