"""A small checkpoint to load, and a library that is quiet while it does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertModel
from transformers.utils import logging as library

from .rows import tokenizer

SMALL: dict[str, Any] = {
    "vocab_size": 16,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


@pytest.fixture
def quiet() -> Iterator[None]:
    """The library does not say what it loads."""
    before = library.get_verbosity()
    library.set_verbosity(logging.CRITICAL)
    library.disable_progress_bar()
    yield
    library.set_verbosity(before)
    library.enable_progress_bar()


@pytest.fixture
def base(tmp_path: Path, quiet: None) -> Path:
    """A BERT without a head, and its tokenizer."""
    BertModel(BertConfig(**SMALL)).save_pretrained(tmp_path / "base")
    tokenizer().save_pretrained(tmp_path / "base")
    return tmp_path / "base"
