"""What turns the world into ids and features and back: tokenizers, feature extractors, processors.

transformers 5 has three tokenizer backends (Rust, Python, sentencepiece) under one base class; the methods
below are patched on each class that defines them.  Inner calls are calls too: `processor(audio)` shows the
feature extractor that it uses, `batch_decode` the `decode` of each row.
"""

from __future__ import annotations

from .families import Family

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
    ),
    Family(
        base="transformers.processing_utils:ProcessorMixin",
        names=("__call__", "decode", "batch_decode", "apply_chat_template"),
    ),
    Family(
        base="transformers.feature_extraction_utils:FeatureExtractionMixin",
        names=("__call__", "pad"),
    ),
    Family(
        base="transformers.image_processing_base:ImageProcessingMixin",
        names=("__call__", "preprocess"),
    ),
)
