"""Llama: a prompt, read at once (prefill), then one token at a time (decode) with a growing cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .text import byte_pairs

if TYPE_CHECKING:
    from . import Demo

PROMPT = "The quick brown fox"
NEW_TOKENS = 8


def build() -> Demo:
    """A Llama of 4 layers that continues a prompt."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
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


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaTokenizerFast

    # A letter that the sentences do not have is written as its bytes, as in the vocabulary of Llama 2.
    single_bytes = [f"<0x{byte:02X}>" for byte in range(256)]
    special = ["<unk>", "<s>", "</s>"]
    vocabulary, merges = byte_pairs(400, pre_tokenizers.Metaspace(), [*special, *single_bytes])
    pieces = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=True, byte_fallback=True))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    pieces.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return LlamaTokenizerFast(tokenizer_object=pieces, legacy=False, add_bos_token=False)
