"""Real tokenizers with vocabularies written down here: every backend of the library, no download.

kind         class            backend
wordpiece    BertTokenizer    Rust
byte_bpe     GPT2Tokenizer    Rust
whisper      WhisperTokenizer Rust, with the prompt tokens of the zoo's whisper
unigram      T5Tokenizer      Rust
python       ByT5Tokenizer    Python
sentencepiece  BertGenerationTokenizer  SentencePiece, trained on the spot (needs a folder to write to)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

PIECES = ["the", "cat", "sat", "on", "mat", "un", "##seen", "##s", "dog", "a", "."]
"""`unseen cats` -> un ##seen cat ##s"""


def wordpiece() -> Any:
    """[CLS] the cat sat [SEP]: ids from the position in the list."""
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *PIECES]
    return BertTokenizer(vocab={word: number for number, word in enumerate(words)})


def byte_alphabet() -> list[str]:
    """The 256 visible characters that stand for bytes, in a fixed order."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def byte_bpe() -> Any:
    """Bytes and two merges: `th` and `the` are one token each, everything else one token a byte."""
    from transformers import GPT2Tokenizer

    words = ["<|endoftext|>", *byte_alphabet(), "th", "the"]
    vocab = {word: number for number, word in enumerate(words)}
    tokenizer = GPT2Tokenizer(vocab=vocab, merges=[("t", "h"), ("th", "e")])
    tokenizer.pad_token = "<|endoftext|>"
    return tokenizer


def whisper() -> Any:
    """Bytes, and the four tokens that open a transcript: `<|startoftranscript|><|en|><|transcribe|>...`."""
    from transformers import WhisperTokenizer

    specials = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]
    words = ["<|endoftext|>", *byte_alphabet()]
    tokenizer = WhisperTokenizer(vocab={word: number for number, word in enumerate(words)}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": specials})
    return tokenizer


def unigram() -> Any:
    """Words with a leading `▁`, and single letters for the rest; `</s>` at the end."""
    from transformers import T5Tokenizer

    words = ["▁the", "▁cat", "▁sat", "▁on", "▁mat", "▁", *"abcdefghijklmnopqrstuvwxyz."]
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -9.0)]
    scores += [(word, -2.0 if len(word) > 1 else -5.0) for word in words]
    return T5Tokenizer(vocab=scores, extra_ids=0, additional_special_tokens=[])


def python() -> Any:
    """One token a byte (byte + 3) and `</s>`: no file, no Rust."""
    from transformers import ByT5Tokenizer

    return ByT5Tokenizer()


def sentencepiece(folder: Path) -> Any:
    """A tiny model trained on a few sentences into `folder`."""
    import sentencepiece as library
    from transformers import BertGenerationTokenizer

    sentences = ["the cat sat on the mat .", "a dog sat on the cat .", "the dog saw a cat and a mat ."] * 20
    with (folder / "tiny.model").open("wb") as written:
        library.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=written,
            vocab_size=40,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    return BertGenerationTokenizer(str(folder / "tiny.model"))


WORDS: dict[str, Callable[[], Any]] = {
    "wordpiece": wordpiece,
    "byte_bpe": byte_bpe,
    "whisper": whisper,
    "unigram": unigram,
    "python": python,
}
"""Every tokenizer that needs no folder, by kind."""
