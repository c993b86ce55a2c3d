"""What turns the world into ids and features and back: tokenizers, feature extractors, processors.

transformers 5 has three tokenizer backends (Rust, Python, sentencepiece) under one base class; the methods
below are patched on each class that defines them.  Inner calls are calls too: `processor(audio)` shows the
feature extractor that it uses, `batch_decode` the `decode` of each row.  What the calls did with their texts,
sounds and images is kept as facts, see `encoded` and `media`.
"""

from __future__ import annotations

from .encoded import ENCODED, TOKENIZED
from .families import Family
from .media import HEARD, PADDED, SEEN, TEMPLATED
from .spelled import LOOKED_UP

FAMILIES = (
    Family(
        base="transformers.tokenization_utils_base:PreTrainedTokenizerBase",
        names=(
            "__call__",
            "tokenize",
            "encode",
            "encode_plus",  # these two stand behind `__call__` until transformers 4.57
            "batch_encode_plus",
            "convert_tokens_to_ids",
            "convert_ids_to_tokens",
            "pad",
            "decode",
            "batch_decode",
            "apply_chat_template",
        ),
        tells={
            **dict.fromkeys(("__call__", "encode", "encode_plus", "batch_encode_plus"), ENCODED),
            "tokenize": TOKENIZED,
            "convert_tokens_to_ids": LOOKED_UP,
            "pad": PADDED,
            "apply_chat_template": TEMPLATED,
        },
    ),
    Family(
        base="transformers.processing_utils:ProcessorMixin",
        names=("__call__", "decode", "batch_decode", "apply_chat_template"),
        tells={"apply_chat_template": TEMPLATED},
    ),
    Family(
        base="transformers.feature_extraction_utils:FeatureExtractionMixin",
        names=("__call__", "pad"),
        tells={"__call__": HEARD},
    ),
    Family(
        base="transformers.image_processing_base:ImageProcessingMixin",
        names=("__call__", "preprocess"),
        tells={"__call__": SEEN},
    ),
)
