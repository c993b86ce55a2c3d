"""Decoder-only language models: attention, experts, state space, and both at once."""

from __future__ import annotations

from typing import Any

from torch import nn

from .base import Architecture, Generation, ids

ATTENTION = 1 + 4  # itself, q_proj k_proj v_proj o_proj
GATED_MLP = 1 + 4  # itself, gate_proj act_fn up_proj down_proj
FRONT = 4  # the root, model, embed_tokens, rotary_emb
BACK = 2  # norm, lm_head

# All of them share one geometry: 2 layers, width 32, 64 words, a prompt of 5 tokens.
SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def prompt() -> dict[str, Any]:
    return {"input_ids": ids(1, 5)}


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**SIZES))


def qwen3() -> nn.Module:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=8))


def gemma2() -> nn.Module:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    # Layers alternate: a window of 4 tokens, then all of them.
    return Gemma2ForCausalLM(Gemma2Config(**SIZES, head_dim=8, sliding_window=4))


def mixtral() -> nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    return MixtralForCausalLM(MixtralConfig(**SIZES, num_local_experts=4, num_experts_per_tok=2))


def gpt2() -> nn.Module:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=64,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=64,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def mamba() -> nn.Module:
    from transformers import MambaConfig, MambaForCausalLM

    return MambaForCausalLM(
        MambaConfig(
            vocab_size=64,
            hidden_size=32,
            state_size=4,
            num_hidden_layers=2,
            conv_kernel=4,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
        )
    )


def falcon_h1() -> nn.Module:
    from transformers import FalconH1Config, FalconH1ForCausalLM

    return FalconH1ForCausalLM(
        FalconH1Config(
            **SIZES,
            mamba_d_ssm=32,
            mamba_n_heads=4,
            mamba_d_head=8,
            mamba_d_state=8,
            mamba_n_groups=1,
            mamba_chunk_size=16,
        )
    )


def decoder(
    name: str,
    make: Any,
    calls: int,
    layer: str,
    paths: tuple[str, ...],
    silent: tuple[str, ...] = (),
    unplaced: int = 0,
) -> Architecture:
    """A decoder: logits [batch, prompt, words]; every step of `generate` calls the same modules."""
    return Architecture(
        name=name,
        make=make,
        feed=prompt,
        calls=calls,
        layers=(layer, 2),
        output=("logits", (1, 5, 64)),
        paths=paths,
        silent=silent,
        unplaced=unplaced,
        generation=Generation(new=4, prompt=5, prefill=calls, decode=calls),
    )


DECODERS = (
    # layer: itself, 2 norms, attention, mlp = 1 + 2 + 5 + 5 = 13;  4 + 2*13 + 2 = 32
    decoder(
        "llama",
        llama,
        FRONT + 2 * (1 + 2 + ATTENTION + GATED_MLP) + BACK,
        "LlamaDecoderLayer",
        ("", "model", "model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj", "lm_head"),
    ),
    # as llama, and a norm each on query and key: 15;  4 + 2*15 + 2 = 36
    decoder(
        "qwen3",
        qwen3,
        FRONT + 2 * (1 + 2 + ATTENTION + 2 + GATED_MLP) + BACK,
        "Qwen3DecoderLayer",
        ("model.layers.0.self_attn.q_norm", "model.layers.1.self_attn.k_norm"),
    ),
    # as llama with 4 norms, before and after attention and mlp: 15;  4 + 2*15 + 2 = 36
    decoder(
        "gemma2",
        gemma2,
        FRONT + 2 * (1 + 4 + ATTENTION + GATED_MLP) + BACK,
        "Gemma2DecoderLayer",
        ("model.layers.0.pre_feedforward_layernorm", "model.layers.1.post_feedforward_layernorm"),
    ),
    # mlp: block, router, all experts in one module, and their activation = 4, so 1 + 2 + 5 + 4 = 12;
    # 4 + 2*12 + 2 = 30
    decoder(
        "mixtral",
        mixtral,
        FRONT + 2 * (1 + 2 + ATTENTION + 4) + BACK,
        "MixtralDecoderLayer",
        ("model.layers.0.mlp.gate", "model.layers.1.mlp.experts", "model.layers.1.mlp.experts.act_fn"),
    ),
    # root, transformer, wte, wpe, drop = 5;  block: itself, ln_1, attn (itself, c_attn, c_proj,
    # resid_dropout = 4), ln_2, mlp (itself, c_fc, act, c_proj, dropout = 5) = 12;  ln_f, lm_head = 2;
    # 5 + 2*12 + 2 = 31.
    # The dropout of the attention weights is inside the sdpa function.
    decoder(
        "gpt2",
        gpt2,
        5 + 2 * (1 + 1 + 4 + 1 + 5) + 2,
        "GPT2Block",
        ("transformer.wpe", "transformer.h.0.attn.c_attn", "transformer.h.1.mlp.dropout"),
        silent=("transformer.h.0.attn.attn_dropout", "transformer.h.1.attn.attn_dropout"),
    ),
    # root, backbone, embeddings = 3;  block: itself, norm, mixer, in_proj, an activation made on the spot,
    # x_proj, out_proj = 7;  3 + 2*7 + norm_f, lm_head = 19.  Weights of the rest are used directly.
    decoder(
        "mamba",
        mamba,
        3 + 2 * 7 + 2,
        "MambaBlock",
        ("backbone.layers.0.mixer.x_proj", "backbone.norm_f"),
        silent=tuple(
            f"backbone.layers.{i}.mixer.{name}" for i in (0, 1) for name in ("conv1d", "act", "dt_proj")
        ),
        unplaced=2,  # one activation for each layer
    ),
    # layer: itself, 2 norms, mixer (itself, in_proj, an activation made on the spot, out_proj = 4),
    # attention, mlp = 1 + 2 + 4 + 5 + 5 = 17;  4 + 2*17 + 2 = 40
    decoder(
        "falcon_h1",
        falcon_h1,
        FRONT + 2 * (1 + 2 + 4 + ATTENTION + GATED_MLP) + BACK,
        "FalconH1DecoderLayer",
        ("model.layers.0.mamba.in_proj", "model.layers.0.self_attn.o_proj", "model.final_layernorm"),
        silent=tuple(f"model.layers.{i}.mamba.{name}" for i in (0, 1) for name in ("conv1d", "act", "norm")),
        unplaced=2,
    ),
)
