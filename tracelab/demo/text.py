"""The sentences that the demo tokenizers learn from, and the training of a byte-pair vocabulary on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "A model reads the whole prompt once and then writes one token at a time.",
    "The encoder listens to the sound once; the decoder looks at it in every step.",
    "How does a tokenizer cut a sentence into pieces?",
    "It looks for the longest pieces that it knows.",
)


BytePairs = tuple[dict[str, int], list[tuple[str, str]]]
"""Token to id, and the pairs to join in their order."""


def byte_pairs(
    size: int, cut: Any, first: Sequence[str] = ()
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A BPE vocabulary of at most `size` tokens, those of `first` at its beginning, and its merges.

    `cut` is the pre-tokenizer of the class that will use them: it decides how a space is written.
    """
    from tokenizers import Tokenizer, models, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = cut
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=list(first), show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [(left, right) for left, right in model["merges"]]
