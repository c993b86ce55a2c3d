"""Encoder-decoder models: `generate` calls the encoder itself, once, outside the model's forward."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .base import Architecture, Generation, ids

ATTENTION = 1 + 4  # itself, four projections

# whisper encoder: itself, conv1, conv2, embed_positions; 4 layers of (itself, 2 norms, attention,
# fc1, activation, fc2 = 1 + 2 + 5 + 3 = 11); layer_norm:  4 + 4*11 + 1 = 49
WHISPER_ENCODER = 4 + 4 * (1 + 2 + ATTENTION + 3) + 1
# whisper decoder: itself, embed_tokens, embed_positions; 4 layers of (itself, 3 norms, self attention,
# cross attention, fc1, activation, fc2 = 1 + 3 + 5 + 5 + 3 = 17); layer_norm:  3 + 4*17 + 1 = 72
WHISPER_DECODER = 3 + 4 * (1 + 3 + 2 * ATTENTION + 3) + 1
WHISPER_OUTSIDE = 3  # the root, model, proj_out
WHISPER_CROSS = 4 * 2  # k_proj and v_proj of the cross attention, which only the prefill step computes

# t5: a sublayer is itself, norm, attention (5) or feed forward (itself, wi, act, dropout, wo = 5), dropout
T5_SUBLAYER = 1 + 1 + 5 + 1
# stack: itself, embed_tokens, dropout; 2 blocks of (itself, sublayers), 1 relative bias in the first block;
# final norm, dropout.  encoder 3 + 2*17 + 1 + 2 = 40, decoder 3 + 2*25 + 1 + 2 = 56
T5_ENCODER = 3 + 2 * (1 + 2 * T5_SUBLAYER) + 1 + 2
T5_DECODER = 3 + 2 * (1 + 3 * T5_SUBLAYER) + 1 + 2
T5_OUTSIDE = 2  # the root, lm_head
T5_CROSS = 2 * 2  # k and v of the cross attention in 2 blocks

# bart stack: itself, embed_tokens, embed_positions, layernorm_embedding = 4.  encoder layer: itself, 2 norms,
# attention, fc1, activation, fc2 = 11: 4 + 2*11 = 26.  decoder layer: one attention and norm more = 17:
# 4 + 2*17 = 38
BART_ENCODER = 4 + 2 * (1 + 2 + ATTENTION + 3)
BART_DECODER = 4 + 2 * (1 + 3 + 2 * ATTENTION + 3)
BART_OUTSIDE = 3  # the root, model, lm_head
BART_CROSS = 2 * 2


def whisper() -> nn.Module:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    config = WhisperConfig(
        vocab_size=100,
        d_model=32,
        encoder_layers=4,
        decoder_layers=4,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_mel_bins=80,
        max_source_positions=50,
        max_target_positions=40,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=94,
    )
    model = WhisperForConditionalGeneration(config)
    settings = model.generation_config
    settings.is_multilingual = True
    settings.lang_to_id = {"<|en|>": 95}
    settings.task_to_id = {"transcribe": 96}
    # The last word of the vocabulary: what would come after it are timestamps, so there are none.
    settings.no_timestamps_token_id = 99
    settings.suppress_tokens = settings.begin_suppress_tokens = settings.max_length = None
    return model


def mel() -> dict[str, Any]:
    # 100 frames: conv2 has stride 2, so the encoder sees 50 positions, its maximum.
    return {"input_features": torch.randn(1, 80, 100)}


def t5() -> nn.Module:
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=64,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
    )


def bart() -> nn.Module:
    from transformers import BartConfig, BartForConditionalGeneration

    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=64,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=32,
            forced_eos_token_id=None,
        )
    )


def source() -> dict[str, Any]:
    return {"input_ids": ids(1, 6)}


def source_and_target() -> dict[str, Any]:
    return {"input_ids": ids(1, 6), "decoder_input_ids": ids(1, 3)}


ENCODER_DECODERS = (
    Architecture(
        name="whisper",
        make=whisper,
        feed=lambda: {**mel(), "decoder_input_ids": ids(1, 4)},
        calls=WHISPER_OUTSIDE + WHISPER_ENCODER + WHISPER_DECODER,  # 3 + 49 + 72 = 124
        layers=("WhisperDecoderLayer", 4),
        output=("logits", (1, 4, 100)),
        paths=("model.encoder.conv2", "model.decoder.layers.3.encoder_attn.k_proj", "proj_out"),
        generation=Generation(
            inputs=mel,
            # start, language, task, no timestamps = 4 prompt tokens
            options={"language": "en", "task": "transcribe", "eos_token_id": 2},
            new=6,
            prompt=4,
            before=WHISPER_ENCODER,
            prefill=WHISPER_OUTSIDE + WHISPER_DECODER,  # 3 + 72 = 75
            decode=WHISPER_OUTSIDE + WHISPER_DECODER - WHISPER_CROSS,  # 75 - 8 = 67
        ),
    ),
    Architecture(
        name="t5",
        make=t5,
        feed=source_and_target,
        calls=T5_OUTSIDE + T5_ENCODER + T5_DECODER,  # 2 + 40 + 56 = 98
        layers=("T5Block", 4),
        output=("logits", (1, 3, 64)),
        paths=(
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
            "decoder.block.1.layer.1.EncDecAttention.k",
        ),
        silent=("shared",),  # its weight is used under the name of each stack's embed_tokens
        generation=Generation(
            inputs=source,
            new=4,
            prompt=1,
            before=T5_ENCODER,
            prefill=T5_OUTSIDE + T5_DECODER,  # 2 + 56 = 58
            decode=T5_OUTSIDE + T5_DECODER - T5_CROSS,  # 58 - 4 = 54
        ),
    ),
    Architecture(
        name="bart",
        make=bart,
        feed=source_and_target,
        calls=BART_OUTSIDE + BART_ENCODER + BART_DECODER,  # 3 + 26 + 38 = 67
        layers=("BartDecoderLayer", 2),
        output=("logits", (1, 3, 64)),
        paths=("model.encoder.layernorm_embedding", "model.decoder.layers.1.encoder_attn.v_proj"),
        silent=("model.shared",),
        generation=Generation(
            inputs=source,
            new=4,
            prompt=1,
            before=BART_ENCODER,
            prefill=BART_OUTSIDE + BART_DECODER,  # 3 + 38 = 41
            decode=BART_OUTSIDE + BART_DECODER - BART_CROSS,  # 41 - 4 = 37
        ),
    ),
)
