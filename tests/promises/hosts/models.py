"""Every architecture of the zoo forward and backward, and every way to generate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...models import GENERATORS, ZOO, Architecture
from .host import Host


def forward_and_backward(entry: Architecture) -> Callable[[nn.Module], Any]:
    """In training mode, with dropout: output, the graph behind it, all gradients."""

    def act(model: nn.Module) -> Any:
        output = model.train()(**entry.inputs())
        field, _ = entry.output
        (output[field] if field else output).square().sum().backward()
        return output, {name: weight.grad for name, weight in model.named_parameters()}

    return act


FORWARDS = [Host(name, entry.build, forward_and_backward(entry)) for name, entry in ZOO.items()]


def generating(name: str, **options: Any) -> Callable[[Any], Any]:
    arguments = {**GENERATORS[name].generate_arguments(), **options}

    def act(model: Any) -> Any:
        given = {key: value() if callable(value) else value for key, value in arguments.items()}
        return model.generate(**given)

    return act


ALL = {"return_dict_in_generate": True, "output_scores": True, "output_hidden_states": True}
WAYS: dict[str, dict[str, Any]] = {
    "sampled": {"do_sample": True, "temperature": 1.7, "top_k": 20, "top_p": 0.9},
    "with all outputs": {**ALL, "output_attentions": False, "output_logits": True},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "sampled beams": {"num_beams": 2, "do_sample": True, **ALL},
    "penalised": {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "min_new_tokens": 2},
    "assisted": {"assistant_model": ZOO["llama"].build},
    "assisted by lookup": {"prompt_lookup_num_tokens": 2},
    "static cache": {"cache_implementation": "static"},
    "without cache": {"use_cache": False},
    "chunked": {"prefill_chunk_size": 2},
}


def whisper_with_fallback(model: Any) -> Any:
    """A threshold that no text meets: each temperature is tried, and sampled from."""
    arguments = {**ZOO["whisper"].generate_arguments(), "return_dict_in_generate": True}
    del arguments["do_sample"]
    return model.generate(**arguments, temperature=(0.0, 0.4, 0.8), compression_ratio_threshold=0.0)


def streamed(model: Any) -> Any:
    from transformers.generation.streamers import BaseStreamer

    class Collecting(BaseStreamer):
        def __init__(self) -> None:
            self.tokens: list[Any] = []

        def put(self, value: torch.Tensor) -> None:
            self.tokens.append(value.tolist())

        def end(self) -> None:
            self.tokens.append("end")

    streamer = Collecting()
    return model.generate(**ZOO["llama"].generate_arguments(), streamer=streamer), streamer.tokens


OF_EACH = [Host(name, ZOO[name].build, generating(name, do_sample=True)) for name in GENERATORS]
GENERATES = [
    *(Host(f"llama {way}", ZOO["llama"].build, generating("llama", **given)) for way, given in WAYS.items()),
    Host("t5 beams", ZOO["t5"].build, generating("t5", num_beams=2, **ALL)),
    Host("gpt2 beams", ZOO["gpt2"].build, generating("gpt2", num_beams=2)),
    Host("whisper beams", ZOO["whisper"].build, generating("whisper", num_beams=2)),
    Host("whisper with fallback", ZOO["whisper"].build, whisper_with_fallback),
    Host("llama streamed", ZOO["llama"].build, streamed),
]
