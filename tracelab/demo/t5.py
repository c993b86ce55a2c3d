"""T5: an encoder that runs once and a decoder that starts from one token and looks back at it each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .text import SENTENCES

if TYPE_CHECKING:
    from . import Demo

TEXT = "translate: The quick brown fox jumps over the lazy dog."
NEW_TOKENS = 6


def build() -> Demo:
    """A T5 of 3 + 3 layers that rewrites a sentence."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=64,
            d_kv=16,
            d_ff=128,
            num_layers=3,
            num_decoder_layers=3,
            num_heads=4,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    ).eval()

    def rewrite() -> list[str]:
        inputs = tokenizer([TEXT], return_tensors="pt")
        with torch.no_grad():
            # Random weights could choose the end token at any time: `min_new_tokens` forbids it.
            ids = model.generate(
                **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False
            )
        texts: list[str] = tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts

    return rewrite, f"T5, 3 + 3 layers, rewrites a sentence: {NEW_TOKENS} new tokens"


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import T5TokenizerFast

    pieces = Tokenizer(models.Unigram())
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    pieces.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    pieces.train_from_iterator(SENTENCES, trainer)
    end = ("</s>", pieces.token_to_id("</s>"))
    pieces.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[end])
    return T5TokenizerFast(tokenizer_object=pieces, extra_ids=0)
