"""Encoders of text with the heads that people fine-tune: sentence, token, word and replaced-word labels."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .base import Architecture, ids, ones

# BERT's layer: itself; attention (itself, self (itself, query, key, value = 4), output (itself, dense,
# dropout, LayerNorm = 4) = 9); intermediate (itself, dense, activation = 3); output (4):  1 + 9 + 3 + 4 = 17
BERT_LAYER = 1 + 9 + 3 + 4
# embeddings: itself, word, token_type, position, LayerNorm, dropout
BERT_EMBEDDINGS = 6
POOLER = 3  # itself, dense, activation

SIZES: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 32,
}


def batch() -> dict[str, Any]:
    return {"input_ids": ids(2, 7), "attention_mask": ones(2, 7)}


def pair() -> dict[str, Any]:
    """Two sentence pairs, 4 tokens and 3 tokens each."""
    types = torch.tensor([[0, 0, 0, 0, 1, 1, 1]] * 2)
    return {**batch(), "token_type_ids": types}


def bert() -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(BertConfig(**SIZES, num_hidden_layers=3, num_labels=2))


def roberta() -> nn.Module:
    from transformers import RobertaConfig, RobertaForTokenClassification

    return RobertaForTokenClassification(RobertaConfig(**SIZES, num_hidden_layers=2, num_labels=5))


def electra() -> nn.Module:
    from transformers import ElectraConfig, ElectraForPreTraining

    return ElectraForPreTraining(ElectraConfig(**SIZES, num_hidden_layers=2, embedding_size=16))


def distilbert() -> nn.Module:
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    return DistilBertForMaskedLM(
        DistilBertConfig(
            vocab_size=64, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=32
        )
    )


def squeezebert() -> nn.Module:
    from transformers import SqueezeBertConfig, SqueezeBertForSequenceClassification

    groups = ("q", "k", "v", "post_attention", "intermediate", "output")
    return SqueezeBertForSequenceClassification(
        SqueezeBertConfig(
            **SIZES, num_hidden_layers=2, embedding_size=32, **{f"{name}_groups": 1 for name in groups}
        )
    )


ENCODERS = (
    Architecture(
        name="bert",
        make=bert,
        feed=pair,
        # root, bert; embeddings; encoder; 3 layers; pooler; dropout, classifier: 2 + 6 + 1 + 51 + 3 + 2 = 65
        calls=2 + BERT_EMBEDDINGS + 1 + 3 * BERT_LAYER + POOLER + 2,
        layers=("BertLayer", 3),
        output=("logits", (2, 2)),
        paths=(
            "bert.embeddings.token_type_embeddings",
            "bert.encoder.layer.2.output.LayerNorm",
            "classifier",
        ),
        silent=tuple(f"bert.encoder.layer.{i}.attention.self.dropout" for i in range(3)),
    ),
    Architecture(
        name="roberta",
        make=roberta,
        feed=batch,
        # no pooler: 2 + 6 + 1 + 34 + 2 = 45
        calls=2 + BERT_EMBEDDINGS + 1 + 2 * BERT_LAYER + 2,
        layers=("RobertaLayer", 2),
        output=("logits", (2, 7, 5)),
        paths=("roberta.embeddings.position_embeddings", "classifier"),
        silent=tuple(f"roberta.encoder.layer.{i}.attention.self.dropout" for i in range(2)),
    ),
    Architecture(
        name="electra",
        make=electra,
        feed=batch,
        # a projection from 16 to 32 after the embeddings; the head is itself, dense, activation,
        # dense_prediction: 2 + 6 + 1 + 1 + 34 + 4 = 48
        calls=2 + BERT_EMBEDDINGS + 1 + 1 + 2 * BERT_LAYER + 4,
        layers=("ElectraLayer", 2),
        output=("logits", (2, 7)),
        paths=("electra.embeddings_project", "discriminator_predictions.dense_prediction"),
        silent=tuple(f"electra.encoder.layer.{i}.attention.self.dropout" for i in range(2)),
    ),
    Architecture(
        name="distilbert",
        make=distilbert,
        feed=batch,
        # root, distilbert; embeddings (itself, word, position, LayerNorm, dropout = 5); transformer; layer:
        # itself, attention (5), norm, ffn (itself, lin1, lin2, activation, dropout = 5), norm = 13;
        # head: transform, activation, norm, projector = 4:  2 + 5 + 1 + 26 + 4 = 38
        calls=2 + 5 + 1 + 2 * (1 + 5 + 1 + 5 + 1) + 4,
        layers=("TransformerBlock", 2),
        output=("logits", (2, 7, 64)),
        paths=("distilbert.transformer.layer.1.ffn.lin2", "vocab_projector"),
        silent=(
            "distilbert.transformer.layer.0.attention.dropout",
            "distilbert.transformer.layer.1.attention.dropout",
            "mlm_loss_fct",  # there are no labels
        ),
    ),
    Architecture(
        name="squeezebert",
        make=squeezebert,
        feed=batch,
        # the encoder calls `layer.forward(...)` directly, so the layers themselves are not seen.  Inside one:
        # attention (itself, query, key, value, matmul_qk, softmax, dropout, matmul_qkv = 8), post_attention
        # (itself, conv1d, dropout, layernorm = 4), intermediate (itself, conv1d, act = 3), output (4) = 19:
        # 2 + 6 + 1 + 38 + 3 + 2 = 52
        calls=2 + BERT_EMBEDDINGS + 1 + 2 * (8 + 4 + 3 + 4) + POOLER + 2,
        layers=("SqueezeBertSelfAttention", 2),
        output=("logits", (2, 2)),
        paths=("transformer.encoder.layers.0.attention", "transformer.encoder.layers.1.output.conv1d"),
        silent=("transformer.encoder.layers.0", "transformer.encoder.layers.1"),
        gaps=("transformer.encoder.layers.0", "transformer.encoder.layers.1"),
    ),
)
