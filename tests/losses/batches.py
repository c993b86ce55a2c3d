"""Small models of each task and batches whose counted labels can be foreseen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import tracelab

SIZES: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 0, 0]])
"""Two rows of 6; the second has 4 tokens and 2 of padding."""
LABELS = torch.tensor([[5, 6, 7, 8, 9, 10], [11, 12, 13, 14, -100, -100]])


def bert(head: str, **options: Any) -> Any:
    import transformers

    torch.manual_seed(0)
    config = transformers.BertConfig(**SIZES, **options)
    return getattr(transformers, f"BertFor{head}")(config)


def llama(head: str = "CausalLM", **options: Any) -> Any:
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SIZES, num_key_value_heads=2, pad_token_id=0, **options)
    return getattr(transformers, f"LlamaFor{head}")(config)


def gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    sizes = {"vocab_size": 32, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16}
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(**sizes, **dropout, bos_token_id=1, eos_token_id=2))


def t5() -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    sizes = {"vocab_size": 32, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    return T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=0))


def both(act: Callable[[], Any], **options: Any) -> tracelab.Trace:
    """The trace of `act`, which gives a loss: the same to the bit as without a trace."""
    torch.manual_seed(1)
    expected = act()
    torch.manual_seed(1)
    with tracelab.trace(**options) as trace:
        found = act()
    assert torch.equal(torch.as_tensor(expected), torch.as_tensor(found))
    return trace
