"""Whisper: sound → log-mel spectrogram → encoder, once → decoder, token by token → text.

One second of sound gives 100 spectrogram columns, which the encoder's second convolution (stride 2)
halves to 50 positions.  The decoder starts from the four tokens that Whisper always starts from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .text import byte_pairs

if TYPE_CHECKING:
    from . import Demo

PROMPT = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
]
"""In Whisper's order, behind all words: what comes after the last one is taken for a time."""

NEW_TOKENS = 6
SAMPLING_RATE = 16_000


def build() -> Demo:
    """A Whisper of 4 + 4 layers that transcribes a 440 Hz tone."""
    import numpy
    import torch
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    tokenizer = _tokenizer()
    processor = WhisperProcessor(WhisperFeatureExtractor(chunk_length=1), tokenizer)
    model = _model(len(tokenizer), tokenizer.convert_tokens_to_ids)
    tone = numpy.sin(2 * numpy.pi * 440 * numpy.arange(SAMPLING_RATE) / SAMPLING_RATE).astype("float32")

    def transcribe() -> list[str]:
        inputs = processor(tone, sampling_rate=SAMPLING_RATE, return_tensors="pt")
        with torch.no_grad():
            ids = model.generate(**inputs, language="en", task="transcribe", max_new_tokens=NEW_TOKENS)
        texts: list[str] = processor.batch_decode(ids, skip_special_tokens=True)
        return texts

    return transcribe, f"Whisper, 4 + 4 layers, transcribes one second of sound: {NEW_TOKENS} new tokens"


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import WhisperTokenizerFast

    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    vocabulary, merges = byte_pairs(200, cut)
    pieces = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    pieces.pre_tokenizer = cut
    pieces.decoder = decoders.ByteLevel()
    return WhisperTokenizerFast(
        tokenizer_object=pieces,
        additional_special_tokens=SPECIAL[1:],
        language="english",
        task="transcribe",
    )


def _model(size: int, token_id: Any) -> Any:
    import torch
    from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

    start, english, transcribe, no_timestamps = (token_id(token) for token in PROMPT)
    end = token_id("<|endoftext|>")
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=size,
            d_model=64,
            encoder_layers=4,
            decoder_layers=4,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=128,
            decoder_ffn_dim=128,
            max_source_positions=50,
            max_target_positions=64,
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
            decoder_start_token_id=start,
        )
    )
    model.generation_config = GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        is_multilingual=True,
        lang_to_id={"<|en|>": english},
        task_to_id={"transcribe": transcribe, "translate": token_id("<|translate|>")},
        no_timestamps_token_id=no_timestamps,
        # Random weights could choose the end token at any time; a demo should not depend on luck.
        suppress_tokens=[token_id(token) for token in SPECIAL],
    )
    return model.eval()
