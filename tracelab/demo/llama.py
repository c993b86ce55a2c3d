"""Llama: a prompt, read at once (prefill), then one token at a time (decode) with a growing cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .text import byte_pairs

if TYPE_CHECKING:
    from . import Demo

PROMPT = "The quick brown fox"
NEW_TOKENS = 8


def build() -> Demo:
    """A Llama of 4 layers that continues a prompt."""
    import torch
    from tokenizers.pre_tokenizers import Metaspace
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaTokenizer

    # A letter that the sentences do not have is written as its bytes, as in the vocabulary of Llama 2.
    single_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary, merges = byte_pairs(400, Metaspace(), ["<unk>", "<s>", "</s>", *single_bytes])
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=128,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    ).eval()

    def write() -> str:
        inputs = tokenizer(PROMPT, return_tensors="pt")
        with torch.no_grad():
            # Random weights could choose the end token at any time: `min_new_tokens` forbids it.
            ids = model.generate(
                **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False
            )
        text: str = tokenizer.decode(ids[0], skip_special_tokens=True)
        return text

    return write, f"Llama, 4 layers, continues the prompt {PROMPT!r}: {NEW_TOKENS} new tokens"
