"""Hand-made recordings of `generate`, in the order in which transformers 5.23 really makes the calls.

Small on purpose: every count in a test can be derived from the functions below.
"""

from __future__ import annotations

from typing import Any

from tests.builders import Node, build, call, t
from tracelab.calls import Trace
from tracelab.values import CacheSpec, ContainerSpec, ScalarSpec, Spec

LLAMA = "LlamaForCausalLM"
WHISPER = "WhisperForConditionalGeneration"
FRAMES, STATES, MELS, WIDTH, VOCABULARY = 100, 50, 80, 64, 99
"""Audio frames in, encoder states out (half as many), mel bands, hidden width, words."""


def ids(rows: int, length: int) -> Spec:
    """Token ids of a batch."""
    return t(rows, length, dtype="int64")


def module(owner: str, path: str, before: Spec, after: Spec, *children: Node, root: str = LLAMA) -> Node:
    """A module call with one tensor in and one out."""
    return call(
        f"{owner}.forward",
        root=root,
        path=path,
        inputs={"input": before},
        output=after,
        children=list(children),
    )


def method(name: str, *children: Node, root: str = LLAMA, path: str = "", **options: Any) -> Node:
    """A method of the model, whose code stands in `GenerationMixin` unless told."""
    owner = root.partition("#")[0]
    options.setdefault("defined_in", "GenerationMixin")
    return call(f"{owner}.{name}", kind="method", root=root, path=path, children=list(children), **options)


def helper(name: str, *children: Node) -> Node:
    """A method of another object: a processor, a criterion."""
    return call(name, kind="method", children=list(children))


def after_forward() -> list[Node]:
    """What follows the model call in each pass: 1 + 2 + 2 calls."""
    return [
        method("_update_model_kwargs_for_generation"),
        helper("LogitsProcessorList.__call__", helper("MinLengthLogitsProcessor.__call__")),
        helper("StoppingCriteriaList.__call__", helper("MaxLengthCriteria.__call__")),
    ]


def layer(path: str, rows: int, length: int, root: str = LLAMA) -> Node:
    """A decoder layer of 6 calls: itself, attention with 2 projections, mlp with 1."""
    hidden, wide = t(rows, length, WIDTH), t(rows, length, 4 * WIDTH)
    return module(
        "LlamaDecoderLayer",
        path,
        hidden,
        hidden,
        module(
            "LlamaAttention",
            f"{path}.self_attn",
            hidden,
            hidden,
            module("Linear", f"{path}.self_attn.q_proj", hidden, hidden, root=root),
            module("Linear", f"{path}.self_attn.o_proj", hidden, hidden, root=root),
            root=root,
        ),
        module(
            "LlamaMLP",
            f"{path}.mlp",
            hidden,
            hidden,
            module("Linear", f"{path}.mlp.up_proj", hidden, wide, root=root),
            root=root,
        ),
        root=root,
    )


def llama_forward(
    rows: int, length: int, before: int | None, layers: int = 4, root: str = LLAMA, logits: int = 1
) -> Node:
    """One pass: 1 + 1 + 6·layers + 1 calls.  `before`: tokens in the cache, None: there is no cache."""
    hidden = t(rows, length, WIDTH)
    given: dict[str, Spec] = {"input_ids": ids(rows, length), "attention_mask": ScalarSpec("NoneType")}
    fields: list[tuple[str, Spec]] = [("logits", t(rows, logits, VOCABULARY))]
    if before is not None:
        given["past_key_values"] = CacheSpec("DynamicCache", before, layers if before else 0)
        fields.append(("past_key_values", CacheSpec("DynamicCache", before + length, layers)))
    body = [layer(f"model.layers.{number}", rows, length, root) for number in range(layers)]
    return call(
        f"{root.partition('#')[0]}.forward",
        root=root,
        path="",
        inputs=given,
        output=ContainerSpec("CausalLMOutputWithPast", tuple(fields), len(fields)),
        children=[
            module("LlamaModel", "model", ids(rows, length), hidden, *body, root=root),
            module("Linear", "lm_head", t(rows, 1, WIDTH), t(rows, 1, VOCABULARY), root=root),
        ],
    )


def llama_passes(
    rows: int, prompt: int, decode: int, layers: int = 4, cache: bool = True, root: str = LLAMA
) -> list[Node]:
    """The children of `_sample`: a prefill of `prompt` tokens and `decode` more passes."""
    first = llama_forward(rows, prompt, 0 if cache else None, layers, root)
    passes = [method("_prefill", method("prepare_inputs_for_generation", root=root), first, root=root)]
    passes += after_forward()
    for number in range(decode):
        length = 1 if cache else prompt + number + 1
        passes.append(method("prepare_inputs_for_generation", root=root))
        passes.append(llama_forward(rows, length, prompt + number if cache else None, layers, root))
        passes += after_forward()
    return passes


def llama_generate(
    rows: int = 1,
    prompt: int = 5,
    decode: int = 5,
    layers: int = 4,
    cache: bool = True,
    loop: str = "_sample",
    facts: dict[str, Any] | None = None,
) -> Node:
    """`generate` of a decoder-only model."""
    return method(
        "generate",
        method("_prepare_model_inputs"),
        method("_prepare_special_tokens"),
        method(loop, *llama_passes(rows, prompt, decode, layers, cache), facts=facts),
        inputs={"inputs": ids(rows, prompt)},
        output=ids(rows, prompt + decode + 1),
    )


def attention(path: str, length: int, states: int | None) -> Node:
    """Whisper's attention; `states`: positions that keys and values come from, None: from the cache."""
    hidden = t(1, length, WIDTH)
    linear = {"q_proj": length, "k_proj": states, "v_proj": states, "out_proj": length}
    children = [
        module("Linear", f"{path}.{name}", t(1, size, WIDTH), t(1, size, WIDTH), root=WHISPER)
        for name, size in linear.items()
        if size is not None
    ]
    return module("WhisperAttention", path, hidden, hidden, *children, root=WHISPER)


def whisper_layer(kind: str, number: int, length: int, cross: int | None = None) -> Node:
    """An encoder layer (attention, fc1, fc2) or a decoder layer (with cross-attention before fc1)."""
    path = f"model.{kind}.layers.{number}"
    hidden, wide = t(1, length, WIDTH), t(1, length, 4 * WIDTH)
    children = [attention(f"{path}.self_attn", length, length)]
    if kind == "decoder":
        children.append(attention(f"{path}.encoder_attn", length, cross))
    children.append(module("Linear", f"{path}.fc1", hidden, wide, root=WHISPER))
    children.append(module("Linear", f"{path}.fc2", wide, hidden, root=WHISPER))
    return module(f"Whisper{kind.title()}Layer", path, hidden, hidden, *children, root=WHISPER)


def whisper_forward(length: int, before: int) -> Node:
    """One pass of the decoder; keys and values of the encoder states are computed in the first one only."""
    cross = STATES if before == 0 else None
    decoder = module(
        "WhisperDecoder",
        "model.decoder",
        ids(1, length),
        t(1, length, WIDTH),
        module("Embedding", "model.decoder.embed_tokens", ids(1, length), t(1, length, WIDTH), root=WHISPER),
        *(whisper_layer("decoder", number, length, cross) for number in range(4)),
        root=WHISPER,
    )
    cache = CacheSpec("EncoderDecoderCache", before, 4 if before else 0, STATES if before else 0)
    after = CacheSpec("EncoderDecoderCache", before + length, 4, STATES)
    logits = t(1, 1, VOCABULARY)
    return call(
        f"{WHISPER}.forward",
        root=WHISPER,
        path="",
        inputs={
            "decoder_input_ids": ids(1, length),
            "encoder_outputs": t(1, STATES, WIDTH),
            "past_key_values": cache,
        },
        output=ContainerSpec("Seq2SeqLMOutput", (("logits", logits), ("past_key_values", after)), 2),
        children=[
            module("WhisperModel", "model", ids(1, length), t(1, length, WIDTH), decoder, root=WHISPER),
            module("Linear", "proj_out", t(1, 1, WIDTH), logits, root=WHISPER),
        ],
    )


def whisper_generate(decode: int = 5) -> Node:
    """Whisper: encoder once, called by `generate` itself; a prompt of 4 tokens; `decode` more."""
    states, features = t(1, STATES, WIDTH), t(1, MELS, FRAMES)
    encoder = module(
        "WhisperEncoder",
        "model.encoder",
        features,
        states,
        module("Conv1d", "model.encoder.conv1", features, t(1, WIDTH, FRAMES), root=WHISPER),
        module("Conv1d", "model.encoder.conv2", t(1, WIDTH, FRAMES), t(1, WIDTH, STATES), root=WHISPER),
        *(whisper_layer("encoder", number, STATES) for number in range(4)),
        root=WHISPER,
    )
    own = "WhisperGenerationMixin"

    def prepare() -> Node:
        below = method("prepare_inputs_for_generation", root=WHISPER)
        return method("prepare_inputs_for_generation", below, root=WHISPER, defined_in=WHISPER)

    passes = [method("_prefill", prepare(), whisper_forward(4, 0), root=WHISPER), *after_forward()]
    for number in range(decode):
        passes += [prepare(), whisper_forward(1, 4 + number), *after_forward()]
    inner = method(
        "generate",
        method("_prepare_generation_config", root=WHISPER),
        method("_prepare_model_inputs", root=WHISPER),
        method("_maybe_prepare_encoder_kwargs_for_generation", encoder, root=WHISPER),
        method("_prepare_cache_for_generation", root=WHISPER),
        method("_sample", *passes, root=WHISPER, facts={"mode": "greedy", "beams": 1, "return_sequences": 1}),
        root=WHISPER,
        inputs={"inputs": features},
        output=ids(1, 5 + decode),
    )
    return method(
        "generate",
        method("generate_with_fallback", inner, root=WHISPER, defined_in=own),
        root=WHISPER,
        defined_in=own,
        inputs={"input_features": features},
        output=ids(1, 5 + decode),
    )


def whisper(decode: int = 5) -> Trace:
    """The main job: audio in, text out, with its processor and tokenizer."""
    return build(
        helper("WhisperProcessor.__call__"),
        whisper_generate(decode),
        helper("WhisperTokenizer.batch_decode"),
    )
