"""What becomes of sounds, images and chats, and of rows that are padded: counted by hand."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

import tracelab
from tracelab.renderers.tree import show

from ..models.words import WORDS

BOS, EOS = "[CLS]", "[SEP]"


def test_pad() -> None:
    tokenizer = WORDS["wordpiece"]()
    examples = [{"input_ids": [2, 5, 3]}, {"input_ids": [2, 3]}]
    with tracelab.trace() as trace:
        tokenizer.pad(examples)
        tokenizer.pad({"input_ids": [[1, 2]]}, padding="max_length", max_length=5, padding_side="left")
    first, second = (call.facts for call in trace.find("BertTokenizer.pad"))
    assert first == {"rows": 2, "ids": 6, "padded": 1, "padding_side": "right"}
    assert second == {"rows": 1, "ids": 5, "padded": 3, "padding_side": "left"}


@pytest.mark.parametrize("kind", ["array", "list", "tensor"])
def test_sound(kind: str) -> None:
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=80)
    sound: Any = numpy.zeros(4000, "float32")
    if kind == "list":
        sound = [sound, sound[:1600]]
    elif kind == "tensor":
        sound = torch.zeros(4000)
    with tracelab.trace() as trace:
        extractor(sound, sampling_rate=16_000, return_tensors="np")
    # 4,000 samples at 16 kHz are 0.25 s; 30 s at a frame each 160 samples are 3,000 frames.
    assert trace.roots[0].facts == {
        "sounds": 2 if kind == "list" else 1,
        "samples": 4000,
        "sampling_rate": 16_000,
        "seconds": 0.25,
        "frames": 3000,
        "padded_to": 30.0,
    }
    shown = f"{'2 sounds' if kind == 'list' else '1 sound'} of 0.25 s → 3,000 frames"
    assert shown in str(trace)
    page = io.StringIO()
    show(trace, width=100, file=page)
    assert f"{shown}, padded to 30 s" in page.getvalue()


def test_a_processor_shows_what_its_extractor_says() -> None:
    from transformers import WhisperFeatureExtractor, WhisperProcessor

    processor = WhisperProcessor(WhisperFeatureExtractor(feature_size=80), WORDS["whisper"]())
    with tracelab.trace() as trace:
        processor(numpy.zeros(1600, "float32"), sampling_rate=16_000, text="a", return_tensors="pt")
    (inner,) = trace.find("WhisperFeatureExtractor.__call__")
    assert inner.facts["seconds"] == 0.1
    (words,) = trace.find("WhisperTokenizer.__call__")
    assert words.facts["texts"] == 1


def chat(template: str) -> Any:
    tokenizer = WORDS["wordpiece"]()
    tokenizer.bos_token, tokenizer.eos_token = BOS, EOS
    tokenizer.chat_template = template
    return tokenizer


MESSAGES = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "a dog"}]
TEMPLATE = "{{ bos_token }}{% for m in messages %} {{ m['content'] }}{% endfor %}"


def test_a_chat_whose_template_writes_the_first_token() -> None:
    tokenizer = chat(TEMPLATE)
    with tracelab.trace() as trace:
        text = tokenizer.apply_chat_template(MESSAGES, tokenize=False)
        tokenizer(text)
        tokenizer.apply_chat_template(MESSAGES)
    written, doubled, templated = (call.facts for call in trace.roots)
    assert written == {"chats": 1, "messages": 2, "starts_with_bos": True}
    # [CLS] of the tokenizer, [CLS] of the template, the cat a dog, [SEP]
    assert (doubled["ids"], doubled["special_added"], doubled["bos_twice"]) == (7, 2, 1)
    assert templated == {"chats": 1, "messages": 2}
    inner = trace.find("BertTokenizer.__call__")[-1].facts
    # The template is all: [CLS] the cat a dog
    assert (inner["ids"], inner["special_added"]) == (5, 0)
    assert "bos_twice" not in inner
    assert "first special token twice" in str(trace)
    assert "1 chat of 2 messages" in str(trace)


def test_chats() -> None:
    with tracelab.trace() as trace:
        chat(TEMPLATE).apply_chat_template(
            [MESSAGES, MESSAGES[:1]], tokenize=False, add_generation_prompt=True
        )
    facts = trace.find("BertTokenizer.apply_chat_template")[0].facts
    assert facts == {"chats": 2, "messages": 3, "generation_prompt": True, "starts_with_bos": True}


@pytest.mark.parametrize(
    ("kind", "given", "options", "said"),
    [
        ("wordpiece", ("the cat sat",), {}, "1 text → 5 ids, 2 special"),
        ("wordpiece", ("the", "cat"), {}, "1 pair → 5 ids, 3 special"),
        ("byte_bpe", ("a", "b"), {}, "1 pair → 2 ids, no type ids"),
        ("wordpiece", (["the", "a dog"],), {"padding": True}, "2 texts → 8 ids, 4 special, 1 padding right"),
        (
            "wordpiece",
            (["the cat sat", "a"],),
            {"truncation": True, "max_length": 4},
            "2 texts → 7 ids, 4 special, 1 cut from 5",
        ),
        (
            "wordpiece",
            ("the cat sat",),
            {"truncation": True, "max_length": 4, "return_overflowing_tokens": True},
            "1 text → 7 ids, 4 special, cut from 5, 1 row of overflow",
        ),
        ("python", ("ab",), {}, "1 text → 3 ids, 1 special"),
    ],
)
def test_the_tree_says_it_in_one_phrase(
    kind: str, given: tuple[Any, ...], options: dict[str, Any], said: str
) -> None:
    tokenizer = WORDS[kind]()
    with tracelab.trace() as trace:
        tokenizer(*given, **options)
    assert any(line.endswith(said) for line in str(trace).splitlines())


def test_tokenize_is_shown_as_adding_none() -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace() as trace:
        tokenizer.tokenize("the unseen")
    assert "1 text → 3 tokens, none added" in str(trace)


def test_calls_that_say_the_same_share_a_line() -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace() as trace:
        for text in ("the cat", "a dog"):
            tokenizer(text)
        for text in ("the", "a dog cat"):
            tokenizer(text, add_special_tokens=False)
    lines = [line for line in str(trace).splitlines() if "__call__" in line]
    assert "1 text → 4 ids, 2 special" in lines[1]


def test_facts_of_a_file_that_are_none(tmp_path: Path) -> None:
    tokenizer = WORDS["python"]()
    with tracelab.trace() as trace:
        tokenizer(["ab", "c"], padding=True)
    for name in ("texts", "ids", "lengths", "special_ends", "padded", "padding_side"):
        for odd in ("abc", None, (None,), {"a": 1}):
            again = copy.deepcopy(trace)
            again.columns.facts[0][name] = odd
            assert str(again)
            assert again.roots[0].facts
