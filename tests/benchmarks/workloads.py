"""What is run: real library code with random weights, at sizes that people use or that hurt a tracer most.

The tiny ones are the worst case: a layer takes microseconds, so nearly all that is added is the tracer.
The geometries of Whisper-tiny and BERT-base show what is felt in practice.  Every program does the same
each time and gives a tensor, so that a tracer that changes the result is caught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass
class Program:
    """A model and something to do with it; run once untraced, to know what must come out."""

    model: nn.Module
    run: Callable[[], torch.Tensor]
    calls: int = field(init=False, default=0)
    result: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        """Module calls of one run, as torch's own hooks count them, and its result."""

        def one_more(module: nn.Module, inputs: object) -> None:
            self.calls += 1

        hook = nn.modules.module.register_module_forward_pre_hook(one_more)
        try:
            self.result = self.run()
        finally:
            hook.remove()


@dataclass(frozen=True)
class Workload:
    """One row's worth of work.

    small: sizes for trying it out.  rounds: how many make a figure, fewer where one takes a second.
    slow: only with `--full`.
    """

    name: str
    title: str
    make: Callable[..., Program]
    small: dict[str, int] = field(default_factory=dict)
    rounds: int = 30
    slow: bool = False

    def build(self, *, small: bool = False) -> Program:
        """The same weights and inputs each time; the caller's random state is not touched."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.make(**(self.small if small else {}))


def llama_model(layers: int, length: int) -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=128,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=length,
    )
    return LlamaForCausalLM(config)


def generating(model: nn.Module, tokens: int, **inputs: Any) -> Program:
    """Greedy, and with no end token: a random model would stop where it likes."""
    model.eval()
    options = {"do_sample": False, "max_new_tokens": tokens, "eos_token_id": None, "pad_token_id": 0}
    return Program(model, lambda: model.generate(**inputs, **options))  # type: ignore[operator]


def llama(layers: int = 4, tokens: int = 128) -> Program:
    return generating(llama_model(layers, 8 + tokens), tokens, input_ids=torch.randint(5, 128, (1, 8)))


def long_llama(layers: int = 16, tokens: int = 512) -> Program:
    return llama(layers, tokens)


def whisper(tokens: int = 32, width: int = 384, layers: int = 4, positions: int = 1500) -> Program:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=6,
        decoder_attention_heads=6,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        num_mel_bins=80,
        max_source_positions=positions,
    )
    model = WhisperForConditionalGeneration(config)
    settings = model.generation_config
    settings.is_multilingual = True
    settings.lang_to_id = {"<|en|>": 50259}
    settings.task_to_id = {"transcribe": 50359}
    # The last word of the vocabulary: what would come after it are timestamps, so there are none.
    settings.no_timestamps_token_id = config.vocab_size - 1
    settings.suppress_tokens = settings.begin_suppress_tokens = settings.max_length = None
    # The second convolution has stride 2: two frames of sound to a position.
    return generating(model, tokens, input_features=torch.randn(1, 80, 2 * positions))


def bert(layers: int = 12, width: int = 768, rows: int = 8, length: int = 128) -> Program:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=12,
        intermediate_size=4 * width,
    )
    model = BertModel(config).eval()
    words = {
        "input_ids": torch.randint(5, 30_000, (rows, length)),
        "attention_mask": torch.ones(rows, length, dtype=torch.long),
    }

    def run() -> torch.Tensor:
        with torch.no_grad():
            found: torch.Tensor = model(**words).last_hidden_state
        return found

    return Program(model, run)


def training(layers: int = 4, rows: int = 4, length: int = 32) -> Program:
    model = llama_model(layers, length).train()
    # Nothing is learnt, so that every run computes the same; the optimizer does all its work nevertheless.
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    words = torch.randint(5, 128, (rows, length))

    def run() -> torch.Tensor:
        loss: torch.Tensor = model(input_ids=words, labels=words).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    return Program(model, run)


class Pass(nn.Module):
    """Gives what it gets."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def chain(length: int = 50, times: int = 100) -> Program:
    model = nn.Sequential(*[Pass() for _ in range(length)])
    x = torch.zeros(1, 8)

    def run() -> torch.Tensor:
        for _ in range(times):
            model(x)
        return x

    return Program(model, run)


WORKLOADS = (
    Workload("llama", "tiny Llama, 128 tokens", llama, {"layers": 2, "tokens": 6}),
    Workload(
        "whisper",
        "Whisper-tiny geometry, 32 tokens",
        whisper,
        {"tokens": 4, "width": 24, "layers": 1, "positions": 50},
        rounds=10,
    ),
    Workload(
        "bert",
        "BERT-base geometry, 8×128",
        bert,
        {"layers": 1, "width": 24, "rows": 2, "length": 8},
        rounds=10,
    ),
    Workload("training", "one training step of a tiny Llama", training, {"layers": 1, "length": 8}),
    Workload("chain", "a chain of 50 modules that do nothing", chain, {"times": 2}),
    Workload(
        "long", "Llama of 16 layers, 512 tokens", long_llama, {"layers": 3, "tokens": 8}, rounds=10, slow=True
    ),
)
"""In the order of the tables."""

BY_NAME = {workload.name: workload for workload in WORKLOADS}
