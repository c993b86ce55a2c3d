"""BERT: two pairs of sentences of unequal length, padded to one batch, classified with a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .text import SENTENCES

if TYPE_CHECKING:
    from . import Demo

FIRST = ["How does a tokenizer cut a sentence?", "The fox jumps."]
SECOND = ["It looks for the longest pieces that it knows.", "The dog is lazy."]


def build() -> Demo:
    """A BERT of 4 layers that says whether the second sentence follows from the first."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = _tokenizer()
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=128,
            max_position_embeddings=64,
            num_labels=2,
        )
    ).eval()

    def classify() -> Any:
        inputs = tokenizer(FIRST, SECOND, padding=True, return_tensors="pt")
        with torch.no_grad():
            return model(**inputs, labels=torch.tensor([1, 0]))

    return classify, "BERT, 4 layers, classifies two padded pairs of sentences with labels"


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertTokenizerFast

    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.decoder = decoders.WordPiece(prefix="##")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    pieces.train_from_iterator(SENTENCES, trainer)
    end, start = [(token, special.index(token)) for token in ("[SEP]", "[CLS]")]
    pieces.post_processor = processors.BertProcessing(end, start)
    return BertTokenizerFast(tokenizer_object=pieces)
