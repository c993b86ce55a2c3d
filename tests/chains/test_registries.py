"""Functions of registries are calls while a recording keeps chains, and themselves at any other time."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest
import torch
from transformers import AttentionInterface, masking_utils
from transformers.integrations import moe, sdpa_attention
from transformers.models.llama import modeling_llama as llama

import tracelab
from tracelab import session

from ..models import ZOO

FUNCTIONS: list[FunctionType] = [
    sdpa_attention.sdpa_attention_forward,
    llama.eager_attention_forward,
    masking_utils.create_causal_mask,
    masking_utils.sdpa_mask,
    moe.grouped_mm_experts_forward,
]
CODES = {function: function.__code__ for function in FUNCTIONS}
SIGNATURES = {function: inspect.signature(function) for function in FUNCTIONS}


def mine(module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> Any:
    """An attention that a user has registered: it attends to nothing, and gives the queries back."""
    return query.transpose(1, 2).contiguous(), None


@pytest.fixture
def registered() -> Iterator[None]:
    AttentionInterface.register("mine", mine)
    yield
    del AttentionInterface._global_mapping["mine"]


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(torch.nn.Identity(), backend="eager")(torch.ones(1))


def llama_of(kind: str) -> Any:
    model = ZOO["llama"].build()
    model.set_attn_implementation(kind)
    return model


def run(model: Any) -> Any:
    with torch.no_grad():
        return model(**ZOO["llama"].inputs()).logits


def changed() -> list[str]:
    return [function.__name__ for function, code in CODES.items() if function.__code__ is not code]


def test_without_chains_they_are_no_calls_and_keep_their_code() -> None:
    with tracelab.trace() as trace:
        run(llama_of("sdpa"))
        assert changed() == []
    assert {call.kind for call in trace.calls} == {"module"}


def test_the_codes_are_put_back_and_signatures_stay() -> None:
    with tracelab.trace(chain=True):
        run(llama_of("eager"))
        assert len(changed()) == len(FUNCTIONS)
        assert {function: inspect.signature(function) for function in FUNCTIONS} == SIGNATURES
    assert changed() == []
    assert not any("__wrapped__" in vars(function) for function in FUNCTIONS)


def test_the_eager_attention_of_a_file_is_met_with_the_first_module_of_that_file() -> None:
    with tracelab.trace(chain=True) as trace:
        assert "eager_attention_forward" not in changed()
        run(llama_of("eager"))
        assert "eager_attention_forward" in changed()
    layers = ZOO["llama"].build().config.num_hidden_layers
    assert trace.count("eager_attention_forward") == layers


def test_other_recordings_of_that_time_do_not_have_them() -> None:
    model = llama_of("sdpa")
    with tracelab.trace() as plain:
        with tracelab.trace(chain=True) as chained:
            run(model)
            assert changed()
        assert changed() == []  # nobody who is left wants them
        run(model)
    assert plain.count("sdpa_attention_forward") == 0
    assert chained.count("sdpa_attention_forward") == 2
    assert plain.recorded == 2 * (chained.recorded - sum(call.kind == "function" for call in chained.calls))
    parents = {call.parent.name for call in plain.find("LlamaAttention.forward") if call.parent}
    assert parents == {"LlamaDecoderLayer.forward"}


def test_a_recording_that_ends_first_leaves_them_to_one_that_keeps_chains_too() -> None:
    model = llama_of("sdpa")
    one, two = tracelab.trace(chain=True), tracelab.trace(chain=True)
    one.__enter__()
    second = two.__enter__()
    one.__exit__(None, None, None)
    run(model)
    two.__exit__(None, None, None)
    assert second.count("sdpa_attention_forward") == 2
    assert changed() == []


def test_what_a_user_has_registered_is_named(registered: None) -> None:
    code = mine.__code__
    with tracelab.trace(chain=True) as trace:
        run(llama_of("mine"))
    first, _ = trace.find("mine")
    assert first.facts["registry"] == "attention: mine"
    assert (first.file, first.line) == (tracelab_file(code), code.co_firstlineno)
    assert mine.__code__ is code
    assert not session._attachment.registries._made.get(id(mine))  # nothing of the user's is held on to


def test_what_is_registered_while_the_trace_runs_is_named_too() -> None:
    try:
        with tracelab.trace(chain=True) as trace:
            run(llama_of("sdpa"))
            AttentionInterface.register("mine", mine)
            run(llama_of("mine"))
    finally:
        del AttentionInterface._global_mapping["mine"]
    assert (trace.count("sdpa_attention_forward"), trace.count("mine")) == (2, 2)


def test_a_closure_cannot_be_seen_and_runs_as_it_is() -> None:
    offset = 1.0

    def closing(*args: Any, **kwargs: Any) -> Any:
        output, weights = mine(*args, **kwargs)
        return output * offset, weights

    AttentionInterface.register("closing", closing)
    try:
        model = llama_of("closing")
        plain = run(model)
        with tracelab.trace(chain=True) as trace:
            assert torch.equal(run(model), plain)
    finally:
        del AttentionInterface._global_mapping["closing"]
    assert trace.count("closing") == 0
    assert trace.internal_errors == 0


@pytest.mark.parametrize("kind", ["sdpa", "eager"])
def test_results_and_gradients_are_the_same(kind: str) -> None:
    model = llama_of(kind)
    ids = ZOO["llama"].inputs()["input_ids"]

    def trained() -> list[torch.Tensor]:
        model.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        return [loss.detach(), *[p.grad.clone() for p in model.parameters() if p.grad is not None]]

    plain = trained()
    with tracelab.trace(chain=True):
        traced = trained()
    assert all(map(torch.equal, plain, traced))
    assert len(plain) == len(traced) > 10


def test_an_exception_in_an_attention_leaves_it_without_our_lines() -> None:
    def lines() -> list[str]:
        try:
            sdpa_attention.sdpa_attention_forward(None, 1, 2, 3, None)  # type: ignore[arg-type]
        except AttributeError as error:
            found, entry = [], error.__traceback__
            while entry is not None:
                found.append(entry.tb_frame.f_code.co_name)
                entry = entry.tb_next
            return found
        raise AssertionError

    plain = lines()
    with tracelab.trace(chain=True) as trace:
        assert lines() == plain
    (call,) = trace.calls
    assert (call.status, call.error) == ("error", "AttributeError")


def test_compiled_code_is_the_same_and_says_that_it_is_compiled() -> None:
    model = llama_of("sdpa")
    plain = run(model)
    with tracelab.trace(chain=True) as trace:
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        assert torch.allclose(run(compiled), plain, atol=1e-6)
    torch._dynamo.reset()
    assert trace.count("sdpa_attention_forward") == 0  # nobody sees what runs in a compiled region
    assert any("compiled" in call.facts for call in trace.calls)
    assert changed() == []


def tracelab_file(code: CodeType) -> str:
    from tracelab.describe import file_name

    return file_name(code.co_filename)
