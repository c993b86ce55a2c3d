"""Tokenizers of the three backends, feature extractors and processors: the calls and what they were given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

import tracelab

from ..models.words import WORDS, sentencepiece

BACKENDS = {
    "wordpiece": "TokenizersBackend",
    "byte_bpe": "TokenizersBackend",
    "whisper": "TokenizersBackend",
    "unigram": "TokenizersBackend",
    "python": "PythonBackend",
    "sentencepiece": "SentencePieceBackend",
}


def make(kind: str, folder: Path) -> Any:
    return sentencepiece(folder) if kind == "sentencepiece" else WORDS[kind]()


@pytest.mark.parametrize("kind", BACKENDS)
def test_every_backend_shows_its_methods_and_gives_the_same_ids(kind: str, tmp_path: Path) -> None:
    tokenizer = make(kind, tmp_path)
    tokenizer.pad_token = tokenizer.pad_token or "<|endoftext|>"
    text = "the cat"

    def use() -> list[Any]:
        ids = tokenizer(text)["input_ids"]
        return [
            ids,
            tokenizer.encode(text),
            tokens := tokenizer.tokenize(text),
            tokenizer.convert_tokens_to_ids(tokens),
            tokenizer.convert_ids_to_tokens(ids),
            tokenizer.decode(ids),
            tokenizer.batch_decode([ids, ids]),
            tokenizer.pad({"input_ids": [ids, ids]})["input_ids"],
        ]

    expected = use()
    with tracelab.trace() as trace:
        assert use() == expected
    owner = type(tokenizer).__name__
    roots = [call.name for call in trace.roots]
    assert roots == [
        f"{owner}.{name}"
        for name in (
            "__call__",
            "encode",
            "tokenize",
            "convert_tokens_to_ids",
            "convert_ids_to_tokens",
            "decode",
            "batch_decode",
            "pad",
        )
    ]
    assert {call.owner for call in trace.calls} == {owner}
    assert {call.kind for call in trace.calls} == {"method"}
    assert all(call.status == "ok" and call.path is None for call in trace.calls)
    assert BACKENDS[kind] in [base.__name__ for base in type(tokenizer).__mro__]
    assert trace.internal_errors == 0


def test_texts_and_ids_are_private_unless_asked_for() -> None:
    tokenizer = WORDS["wordpiece"]()
    secret = "the cat sat"
    for values in (False, True):
        with tracelab.trace(values=values) as trace:
            tokenizer(secret)
            tokenizer.decode([6, 7])
        kept = repr(trace.columns.specs)
        assert ("cat" in kept) == values
        call = trace.find("BertTokenizer.__call__")[0]
        assert str(call.inputs["text"]) == (repr(secret) if values else "str")
        assert call.output is not None
        # [CLS] the cat sat [SEP]
        assert call.output["input_ids"].length == 5


def test_batch_decode_shows_each_decode_below_it() -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace() as trace:
        tokenizer.batch_decode([[6], [7], [8]])
    (outer,) = trace.roots
    assert outer.function == "batch_decode"
    assert {call.function for call in outer.walk()} == {"batch_decode", "decode"}
    assert trace.count("BertTokenizer.decode") in (1, 3)  # as one batch, or row by row


def test_a_chat_template_calls_the_tokenizer() -> None:
    tokenizer = WORDS["wordpiece"]()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    messages = [{"role": "user", "content": "the cat"}]
    with tracelab.trace() as trace:
        tokenizer.apply_chat_template(messages)
    assert [call.function for call in trace.roots] == ["apply_chat_template"]
    (inner,) = trace.find("BertTokenizer.__call__")
    assert inner.parent == trace.roots[0]


def test_a_tokenizer_defined_during_the_trace() -> None:
    from transformers import ByT5Tokenizer

    with tracelab.trace() as trace:

        class Shouting(ByT5Tokenizer):
            def tokenize(self, text: str, **options: Any) -> list[str]:
                return super().tokenize(text.upper(), **options)

        assert Shouting().tokenize("ab") == ["A", "B"]
    tokenize = trace.find("Shouting.tokenize")
    assert tokenize[0].defined_in == "Shouting"
    assert tokenize[1].parent == tokenize[0]


def test_a_processor_shows_its_feature_extractor() -> None:
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    processor = WhisperProcessor(WhisperFeatureExtractor(feature_size=80), WORDS["whisper"]())
    audio = numpy.zeros(1600, "float32")
    with tracelab.trace() as trace:
        features = processor(audio, sampling_rate=16_000, return_tensors="pt")
        processor.batch_decode([[100, 101]], skip_special_tokens=True)
    assert tuple(features["input_features"].shape) == (1, 80, 3000)
    outer = trace.find("WhisperProcessor.__call__")[0]
    (inner,) = trace.find("WhisperFeatureExtractor.__call__")
    assert inner.parent == outer
    assert inner.output is not None
    assert inner.output["input_features"].shape == (1, 80, 3000)
    assert trace.find("WhisperProcessor.batch_decode")[0].children


def test_an_error_in_a_tokenizer() -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace() as trace, pytest.raises((TypeError, ValueError)):
        tokenizer(object())
    assert [call.status for call in trace.roots] == ["error"]


def test_a_program_that_only_tokenizes_never_loads_torch() -> None:
    code = (
        "import sys, tracelab\n"
        "from transformers import ByT5Tokenizer\n"
        "tokenizer = ByT5Tokenizer()\n"
        "with tracelab.trace(values=True) as trace:\n"
        "    tokenizer(['ab', 'abc'], padding=True, return_tensors='np')\n"
        "assert 'torch' not in sys.modules\n"
        "print(trace.internal_errors, trace.complete, trace.roots[0].facts['ids'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    # a b </s> <pad> and a b c </s>
    assert done.stdout.split() == ["0", "True", "8"], done.stderr
