"""What must be true of a trace under every supported transformers, from 4.57 to 5.

Between these releases the library moved much of what we cut into: 4.57 has no `_prefill`, its layers have a
`__call__` of their own, its tokenizers go through `encode_plus`, static caches count nothing, hybrid models
bring cache classes that are no `Cache`.  A test here asks the library what it has and never for its version;
what it then expects is the same everywhere, or the smaller truth that the older release allows.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import linecache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.instruments.origin import origin
from tracelab.values import CacheSpec, ContainerSpec

from .models import ZOO

PROMPT = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
"""Four new tokens after a prompt of five (`PROMPT_IDS`), whatever a random model would like."""
PROMPT_IDS = [[5, 6, 7, 8, 9]]


def generated(name: str, **options: Any) -> Trace:
    """A traced `generate` of the zoo's model, which must give what the untraced one gives."""
    model, ids = ZOO[name].build(), torch.tensor(PROMPT_IDS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = model.generate(ids, **{**PROMPT, **options})
        torch.manual_seed(3)
        with tracelab.trace() as trace:
            assert torch.equal(model.generate(ids, **{**PROMPT, **options}), expected)
    return trace


def has_method(function: str) -> bool:
    """Whether this release's `GenerationMixin` has a method of that name."""
    from transformers import GenerationMixin

    return hasattr(GenerationMixin, function)


def test_a_layer_is_one_call_and_its_site_is_the_line_in_the_model() -> None:
    """In 4.57 a layer's own `__call__` stands between the model and the layer: it is not the caller."""
    model = ZOO["llama"].build()
    with torch.no_grad(), tracelab.trace() as trace:
        model(torch.tensor(PROMPT_IDS))
    layers = trace.find("LlamaDecoderLayer.forward")
    assert [layer.path for layer in layers] == ["model.layers.0", "model.layers.1"]
    assert {layer.parent.name for layer in layers} == {"LlamaModel.forward"}
    assert {Path(layer.call_site.file).name for layer in layers} == {"modeling_llama.py"}
    assert {line_of(layer.call_site) for layer in layers} == {"hidden_states = decoder_layer("}


def line_of(place: Any) -> str:
    """The source line at a call site."""
    return linecache.getline(str(Path(place.file).expanduser()), place.line).strip()


class Handing(nn.Module):
    """Has a `__call__` that hands on, as the layers of 4.57 do; may hold another one of its kind."""

    def __init__(self, inner: Handing | None = None) -> None:
        super().__init__()
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value if self.inner is None else self.inner(value)


class HandingTwice(Handing):
    """Two such `__call__`s on top of each other."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


@pytest.mark.parametrize("kind", [Handing, HandingTwice])
def test_a_call_that_is_handed_on_has_the_site_of_whoever_made_it(kind: type[Handing]) -> None:
    model = kind(kind())
    with tracelab.trace() as trace:
        model(torch.ones(1))
    outer, inner = trace.find(f"{kind.__name__}.forward")
    assert line_of(outer.call_site) == "model(torch.ones(1))"
    # One of the same class inside: the frames of the outer one must not be taken for its own.
    assert line_of(inner.call_site) == "return value if self.inner is None else self.inner(value)"


def test_gradient_checkpointing_stays_on_and_every_layer_runs_once_below_the_model() -> None:
    ids = torch.tensor(PROMPT_IDS)

    def gradients(trained: nn.Module) -> dict[str, torch.Tensor]:
        older = trained.gradient_checkpointing_enable
        getattr(trained, "activation_checkpointing_enable", older)({"use_reentrant": False})
        trained.train()(ids, labels=ids).loss.backward()
        return {name: weight.grad for name, weight in trained.named_parameters()}

    expected = gradients(ZOO["llama"].build())
    with tracelab.trace() as trace:
        found = gradients(ZOO["llama"].build())
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    below = [call.name for call in trace.find("LlamaForCausalLM.forward")[0].walk()]
    assert below.count("LlamaDecoderLayer.forward") == 2
    # Each layer runs again in the backward pass, and its 4 + 3 projections are then seen a second time.
    assert len(trace.find(path="*.self_attn.?_proj")) == 2 * 2 * 4
    assert len(trace.find(path="*.mlp.*_proj")) == 2 * 2 * 3


@pytest.mark.parametrize("model", ["llama", "whisper", "t5", "gpt2", "bert", "mixtral", "mamba"])
def test_every_forward_is_found_under_its_decorators(model: str) -> None:
    """`can_return_tuple`, `deprecate_kwarg` and the like, against the syntax tree of the file."""
    module = importlib.import_module(f"transformers.models.{model}.modeling_{model}")
    written = {
        (cls.name, function.lineno)
        for cls in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(cls, ast.ClassDef)
        for function in cls.body
        if isinstance(function, ast.FunctionDef) and function.name == "forward"
    }
    found = set()
    for cls in vars(module).values():
        if isinstance(cls, type) and cls.__module__ == module.__name__ and "forward" in vars(cls):
            source = origin(vars(cls)["forward"], cls.__name__, "forward")
            assert source.file is not None and Path(source.file).expanduser() == Path(module.__file__)
            found.add((source.defined_in, source.line))
    assert len(found) >= 5
    assert found <= written


@pytest.mark.parametrize(
    ("mode", "options", "rows"),
    [
        ("greedy", {}, 1),
        ("sample", {"do_sample": True}, 1),
        ("beam", {"num_beams": 3}, 3),
        ("beam sample", {"do_sample": True, "num_beams": 2}, 2),
    ],
)
@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral"])
def test_steps_with_and_without_a_prefill_method(
    name: str, mode: str, options: dict[str, Any], rows: int
) -> None:
    trace = generated(name, **options)
    assert trace.count("*._prefill") == has_method("_prefill")
    steps = trace.steps()
    assert [step.phase for step in steps] == ["prefill", "decode", "decode", "decode"]
    assert [step.input for step in steps] == [(rows, 5), (rows, 1), (rows, 1), (rows, 1)]
    assert [(step.cache_before, step.cache_after) for step in steps] == [(0, 5), (5, 6), (6, 7), (7, 8)]
    assert {(step.facts["mode"], step.facts["rows"]) for step in steps} == {(mode, rows)}


def test_assisted_decoding_drafts_and_verifies() -> None:
    trace = generated("llama", assistant_model=ZOO["llama"].build())
    steps = trace.steps()
    loops = {step.phase: step.loop.name.rpartition(".")[2] for step in steps}
    assert loops == {"draft": "_sample", "prefill": "_assisted_decoding", "verify": "_assisted_decoding"}
    verified = [step for step in steps if step.phase in ("prefill", "verify")]
    # The assistant is the same model, so its drafts are right.  A step keeps them and adds one token: the
    # first reads the 5 of the prompt and its drafts, the next the token added last and its own drafts.
    drafted = [step.input[1] - read for step, read in zip(verified, (5, 1), strict=False)]
    assert len(verified) == 2
    assert sum(drafted) + len(verified) == 4
    assert [step.cache_before for step in verified] == [0, verified[0].input[1]]


def test_a_prompt_in_chunks_is_read_once() -> None:
    """4.57 calls `forward` itself for the chunks, so the root is not seen there, but its parts are."""
    trace = generated("llama", prefill_chunk_size=2)
    assert trace.count("*._prefill_chunking") == has_method("_prefill_chunking")
    read = [call.output.shape[1] for call in trace.find(path="model.embed_tokens")]
    # 5 = 2 + 2 + 1 prompt tokens, then one token in each of the other 3 of 4 steps.
    assert read == [2, 2, 1, 1, 1, 1]
    last = trace.steps()[-4:]
    assert [step.cache_before for step in last] == [4, 5, 6, 7]
    assert last[0].phase == "prefill" and {step.phase for step in last[1:]} == {"decode"}


def test_whisper_runs_its_encoder_once_and_its_cache_has_two_lengths() -> None:
    model, arguments = ZOO["whisper"].build(), ZOO["whisper"].generate_arguments()
    with tracelab.trace() as trace:
        model.generate(**arguments)
    (encoder,) = trace.find("WhisperEncoder.forward")
    above = [call.function for call in reversed(encoder.ancestors)]
    assert above[:3] == ["generate", "generate_with_fallback", "generate"]
    assert above[3].startswith(("_prepare_encoder_decoder_kwargs", "_maybe_prepare_encoder_kwargs"))
    assert (encoder.root, encoder.path) == ("WhisperForConditionalGeneration", "model.encoder")
    assert encoder.id < trace.step(0).call.id and encoder.step is None
    assert trace.steps()[0].phase == "encode" and trace.steps()[0].call == encoder
    layers = [call for call in trace.find("WhisperDecoderLayer.forward") if call.step == 2]
    # 4 prompt tokens and one decode step before; 100 mel columns are 50 positions; 4 layers of each.
    caches = [call.inputs["past_key_values"] for call in layers]
    assert caches == [CacheSpec("EncoderDecoderCache", 5, 4, 50)] * 4


def test_each_step_routes_once_in_each_layer() -> None:
    """An expert is a module of its own in 4.57 and a slice of one weight in 5; the router is in both."""
    trace = generated("mixtral")
    routers = trace.find(path="model.layers.*.gate")
    assert [call.step for call in routers] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_state_space_model_has_steps_without_a_length() -> None:
    trace = generated("mamba")
    assert [step.input for step in trace.steps()] == [(1, 5), (1, 1), (1, 1), (1, 1)]
    assert {step.cache_before for step in trace.steps()} == {None}
    assert trace.count("MambaMixer.forward") == 2 * 4


def test_a_static_cache_never_shows_its_room_as_its_length() -> None:
    from transformers.cache_utils import StaticLayer

    counts = "cumulative_length" in inspect.getsource(StaticLayer)
    lengths = [step.cache_before for step in generated("llama", cache_implementation="static").steps()]
    # There is room for 5 + 4 - 1 = 8 from the beginning.  4.57 keeps no count of what is used.
    assert lengths == ([0, 5, 6, 7] if counts else [None] * 4)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gemma2", {}),  # a window of 4 tokens, then all of them, in turn
        ("gemma2", {"cache_implementation": "static"}),  # the window counts what has passed through it
        ("falcon_h1", {}),  # in 4.57 its cache is a class of its own that is no `Cache`
    ],
)
def test_the_length_comes_from_the_layers_that_know_it(name: str, options: dict[str, Any]) -> None:
    steps = generated(name, **options).steps()
    assert [step.cache_before for step in steps] == [0, 5, 6, 7]


def test_a_cache_as_tuples_is_a_container() -> None:
    from transformers import DynamicCache

    if not hasattr(DynamicCache, "to_legacy_cache"):
        pytest.skip("this transformers has no caches as tuples")
    model, ids = ZOO["llama"].build(), torch.tensor(PROMPT_IDS)
    with torch.no_grad():
        legacy = model(ids[:, :3]).past_key_values.to_legacy_cache()
    with tracelab.trace() as trace:
        model.generate(ids, past_key_values=legacy, **PROMPT)
    given = trace.find("LlamaForCausalLM.generate")[0].inputs["past_key_values"]
    # 2 layers of a key and a value: [rows, heads, tokens, width of a head] = [1, 2, 3, 32 / 4].
    assert isinstance(given, ContainerSpec)
    assert {str(given[layer][part]) for layer in (0, 1) for part in (0, 1)} == {"f32[1,2,3,8]"}
    # `generate` makes a cache of it: 3 tokens are in, the other 2 of 5 are read.
    assert [(step.input, step.cache_before) for step in trace.steps()][:2] == [((1, 2), 3), ((1, 1), 5)]


def fast_tokenizer() -> Any:
    """A Rust tokenizer under the name that both releases know."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"[PAD]": 0, "[UNK]": 1, "the": 2, "cat": 3}
    pieces = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=pieces, pad_token="[PAD]", unk_token="[UNK]")


def python_tokenizer() -> Any:
    """One that works in Python: an id for each byte, and one for the end."""
    from transformers import ByT5Tokenizer

    return ByT5Tokenizer()


@pytest.mark.parametrize(("make", "size"), [(fast_tokenizer, 2), (python_tokenizer, 8)])
def test_each_use_of_a_tokenizer_is_one_root(make: Any, size: int) -> None:
    """`the cat`: two words, or seven bytes and the end."""
    tokenizer = make()
    with tracelab.trace() as trace:
        tokenizer("the cat", return_tensors="pt")
        tokenizer.tokenize("the cat")
        tokenizer.decode(tokenizer.encode("the cat"))
    assert [call.function for call in trace.roots] == ["__call__", "tokenize", "encode", "decode"]
    assert {call.owner for call in trace.roots} == {type(tokenizer).__name__}
    assert str(trace.roots[0].output["input_ids"]) == f"i64[1,{size}]"


@pytest.mark.parametrize("make", [fast_tokenizer, python_tokenizer])
@pytest.mark.parametrize("function", ["encode_plus", "batch_encode_plus"])
def test_the_older_ways_into_a_tokenizer_are_seen_where_they_exist(make: Any, function: str) -> None:
    tokenizer = make()
    if not hasattr(tokenizer, function):
        pytest.skip(f"the tokenizers of this transformers have no {function}")
    with tracelab.trace() as trace:
        getattr(tokenizer, function)(["the cat"] if function.startswith("batch") else "the cat")
    assert [call.function for call in trace.roots] == [function]
