"""Models that see and hear: images, image with text, image inside a prompt, raw audio."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .base import Architecture, Generation, ids, ones

# qwen2_vl tower: itself, patch_embed, proj, rotary_pos_emb; 2 blocks of (itself, 2 norms, attn (itself, qkv,
# proj = 3), mlp (itself, fc1, act, fc2 = 4) = 10); merger (itself, ln_q, mlp, its three parts = 6):
# 4 + 20 + 6 = 30
QWEN_TOWER = 4 + 2 * 10 + 6
# root, model, embed_tokens, language_model, rotary_emb; 2 layers as in llama (13); norm, lm_head:
# 5 + 26 + 2 = 33
QWEN_TEXT = 5 + 2 * 13 + 2


def vit() -> nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    return ViTForImageClassification(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
            num_labels=3,
        )
    )


def clip() -> nn.Module:
    from transformers import CLIPConfig, CLIPModel

    shared = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    words = {"vocab_size": 64, "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
    return CLIPModel(
        CLIPConfig(
            text_config={**shared, **words, "pad_token_id": 0},
            vision_config={**shared, "image_size": 32, "patch_size": 8},
            projection_dim=16,
        )
    )


def wav2vec2() -> nn.Module:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    return Wav2Vec2ForCTC(
        Wav2Vec2Config(
            vocab_size=32,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            num_feat_extract_layers=2,
            conv_dim=(16, 16),
            conv_kernel=(10, 3),
            conv_stride=(5, 2),
            num_conv_pos_embeddings=16,
            num_conv_pos_embedding_groups=4,
        )
    )


def qwen2_vl() -> nn.Module:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    text = {
        "vocab_size": 100,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    vision = {
        "depth": 2,
        "embed_dim": 32,
        "hidden_size": 32,
        "num_heads": 4,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "mlp_ratio": 2,
    }
    marks = {
        "image_token_id": 10,
        "video_token_id": 11,
        "vision_start_token_id": 12,
        "vision_end_token_id": 13,
    }
    return Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision, **marks))


def picture_in_prompt() -> dict[str, Any]:
    """One picture of 4 by 4 patches: 16 patches of 3*2*4*4 numbers, merged 2 by 2 to 4 tokens of 8."""
    return {
        "input_ids": torch.tensor([[20, 12, 10, 10, 10, 10, 13, 21]]),
        "attention_mask": ones(1, 8),
        "mm_token_type_ids": torch.tensor([[0, 0, 1, 1, 1, 1, 0, 0]]),
        "pixel_values": torch.randn(16, 3 * 2 * 4 * 4),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
    }


SENSES = (
    Architecture(
        name="vit",
        make=vit,
        feed=lambda: {"pixel_values": torch.randn(1, 3, 32, 32)},
        # root, vit, embeddings, patch_embeddings, projection, dropout = 6; layer: itself, 2 norms, attention
        # (5), mlp (itself, fc1, activation, fc2 = 4), its one dropout twice = 14; norm, classifier:
        # 6 + 28 + 2 = 36
        calls=6 + 2 * (1 + 2 + 5 + 4 + 2) + 2,
        layers=("ViTLayer", 2),
        output=("logits", (1, 3)),
        paths=("vit.embeddings.patch_embeddings.projection", "vit.layers.1.mlp.fc2"),
    ),
    Architecture(
        name="clip",
        make=clip,
        feed=lambda: {"input_ids": ids(2, 7), "pixel_values": torch.randn(3, 3, 32, 32)},
        # layer: itself, 2 norms, attention (5), mlp (4) = 12.  vision: itself, embeddings (3), pre norm,
        # encoder, 24, post norm = 31; text: itself, embeddings (3), encoder, 24, final norm = 30;
        # root and two projections: 31 + 30 + 3 = 64
        calls=(1 + 3 + 1 + 1 + 2 * 12 + 1) + (1 + 3 + 1 + 2 * 12 + 1) + 3,
        layers=("CLIPEncoderLayer", 4),
        output=("logits_per_image", (3, 2)),  # 3 pictures against 2 texts
        paths=("vision_model.post_layernorm", "text_model.final_layer_norm", "visual_projection"),
    ),
    Architecture(
        name="wav2vec2",
        make=wav2vec2,
        feed=lambda: {"input_values": torch.randn(1, 400)},
        # root, wav2vec2; feature_extractor (itself, first conv layer (itself, conv, norm, activation = 4),
        # second (no norm = 3) = 8); feature_projection (itself, norm, projection, dropout = 4); encoder;
        # pos_conv_embed (itself, conv, its parametrization and _WeightNorm, padding, activation = 6);
        # norm, dropout; 2 layers of (itself, attention (5), dropout, norm, feed_forward (itself, 2 dense,
        # activation, 2 dropouts = 6), norm = 15); dropout, lm_head:  2 + 8 + 4 + 1 + 6 + 2 + 30 + 2 = 55
        calls=2 + 8 + 4 + 1 + 6 + 2 + 2 * 15 + 2,
        layers=("Wav2Vec2EncoderLayer", 2),
        output=("logits", (1, 39, 32)),  # (400 - 10) / 5 + 1 = 79 frames, (79 - 3) / 2 + 1 = 39
        paths=("wav2vec2.encoder.pos_conv_embed.conv.parametrizations.weight.0", "lm_head"),
        silent=("wav2vec2.encoder.pos_conv_embed.conv.parametrizations",),
    ),
    Architecture(
        name="qwen2_vl",
        make=qwen2_vl,
        feed=picture_in_prompt,
        calls=QWEN_TOWER + QWEN_TEXT,  # 30 + 33 = 63
        layers=("Qwen2VLDecoderLayer", 2),
        output=("logits", (1, 8, 100)),
        paths=("model.visual.blocks.1.attn.qkv", "model.visual.merger.mlp.2", "model.language_model.norm"),
        # `generate` runs the tower itself, before the first step
        generation=Generation(new=4, prompt=8, before=QWEN_TOWER, prefill=QWEN_TEXT, decode=QWEN_TEXT),
    ),
)
