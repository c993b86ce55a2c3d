"""The zoo's hand-derived facts against plain torch hooks: no tracelab anywhere in this file.

If a new release of a library moves a number, this file fails and says so; without it the same failure in
a test of the tracer would look like a fault of the tracer.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from .models import GENERATORS, ZOO, Architecture
from .models.words import WORDS, sentencepiece


class Oracle:
    """Counts module calls with torch's own global hook, which no zoo model disturbs."""

    def __init__(self, model: nn.Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.called: list[str | None] = []
        self.classes: Counter[str] = Counter()

    def __enter__(self) -> Oracle:
        self.handle = nn.modules.module.register_module_forward_pre_hook(self.count)
        return self

    def __exit__(self, *_: object) -> None:
        self.handle.remove()

    def count(self, module: nn.Module, _: Any) -> None:
        self.called.append(self.paths.get(module))
        self.classes[type(module).__name__] += 1


def main_output(entry: Architecture, output: Any) -> torch.Tensor:
    field, _ = entry.output
    return output[field] if field else output


@pytest.mark.parametrize("entry", ZOO.values(), ids=ZOO)
def test_facts_of_one_forward(entry: Architecture) -> None:
    model = entry.build()
    with torch.no_grad(), Oracle(model) as oracle:
        output = model(**entry.inputs())
    assert len(oracle.called) == entry.calls
    layer, count = entry.layers
    assert oracle.classes[layer] == count
    assert tuple(main_output(entry, output).shape) == entry.output[1]
    assert set(entry.paths) <= set(oracle.called)
    assert oracle.called.count(None) == entry.unplaced
    existing = {path for path, module in model.named_modules() if not isinstance(module, nn.ModuleList)}
    assert existing - set(oracle.called) == set(entry.silent)
    assert set(entry.gaps) <= set(entry.silent)


@pytest.mark.parametrize("entry", GENERATORS.values(), ids=GENERATORS)
def test_facts_of_generate(entry: Architecture) -> None:
    facts = entry.generation
    assert facts is not None
    model = entry.build()
    with Oracle(model) as oracle:
        model.generate(**entry.generate_arguments())
    steps = [at for at, path in enumerate(oracle.called) if path == ""]
    ends = [*steps[1:], len(oracle.called)]
    assert steps[0] == facts.before
    assert [end - at for at, end in zip(steps, ends, strict=True)] == [
        facts.prefill,
        *[facts.decode] * (facts.new - 1),
    ]
    assert len(oracle.called) == facts.calls


def test_building_does_not_touch_the_random_state_and_is_repeatable() -> None:
    before = torch.get_rng_state()
    first, second = ZOO["llama"].build(), ZOO["llama"].build()
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


@pytest.mark.parametrize(
    ("kind", "text", "ids"),
    [
        # [CLS]=2 the=5 un=10 ##seen=11 cat=6 ##s=12 [SEP]=3
        ("wordpiece", "the unseen cats", [2, 5, 10, 11, 6, 12, 3]),
        # <pad>=0 </s>=1 <unk>=2, so ▁the=3 ▁cat=4 ▁sat=5
        ("unigram", "the cat sat", [3, 4, 5, 1]),
        # bytes 99, 97, 116 and 3 more each; </s>=1
        ("python", "cat", [102, 100, 119, 1]),
        # 256 bytes and <|endoftext|> come first, so `th` is 257 and `the` is 258
        ("byte_bpe", "thethe", [258, 258]),
    ],
)
def test_tokenizers_of_the_zoo(kind: str, text: str, ids: list[int]) -> None:
    assert WORDS[kind]()(text)["input_ids"] == ids


def test_whisper_tokenizer_has_the_prompt_tokens() -> None:
    tokenizer = WORDS["whisper"]()
    # 257 words, then the specials in their order: start 257, en 258, transcribe 259, translate 260, none 261
    text = "<|startoftranscript|><|en|><|transcribe|><|notimestamps|>"
    assert tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text)) == [257, 258, 259, 261]


def test_sentencepiece_tokenizer_is_trained_on_the_spot(tmp_path: Path) -> None:
    tokenizer = sentencepiece(tmp_path)
    assert type(tokenizer).__mro__[1].__name__ == "SentencePieceBackend"
    assert tokenizer.decode(tokenizer("the cat sat")["input_ids"], skip_special_tokens=True) == "the cat sat"
