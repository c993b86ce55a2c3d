"""What a tokenizer did with its texts: every number is counted by hand from the vocabularies in `words`."""

from __future__ import annotations

from collections import UserDict
from pathlib import Path
from typing import Any

import pytest

import tracelab
from tracelab.instruments.encoded import CUT, EACH

from ..models.words import WORDS, sentencepiece

LONG = "the cat sat on the mat ."
"""7 tokens."""


def facts(
    kind: str, *texts: Any, options: dict[str, Any] | None = None, verb: str = "__call__", **given: Any
) -> Any:
    """The facts of one call, which gives traced what it gives untraced."""
    tokenizer = WORDS[kind]()
    untraced = getattr(tokenizer, verb)(*texts, **given)
    with tracelab.trace(**(options or {})) as trace:
        traced = getattr(tokenizer, verb)(*texts, **given)
    assert str(traced) == str(untraced)
    assert trace.internal_errors == 0
    return trace.roots[0].facts


def test_one_text() -> None:
    # [CLS] the cat sat [SEP]
    assert facts("wordpiece", "the cat sat") == {
        "backend": "rust",
        "texts": 1,
        "ids": 5,
        "special_added": 2,
        "special_at": (1, 0, 1),
        "truncated": 0,
        "padded": 0,
    }


def test_a_tokenizer_that_adds_nothing() -> None:
    # the, Ġ and c a t: 5 tokens
    found = facts("byte_bpe", "the cat")
    assert (found["ids"], found["special_added"], found["special_at"]) == (5, 0, (0, 0, 0))


def test_a_tokenizer_that_adds_at_the_end() -> None:
    # ▁the ▁cat </s>
    found = facts("unigram", "the cat")
    assert (found["ids"], found["special_added"], found["special_at"]) == (3, 1, (0, 0, 1))


def test_special_tokens_can_be_switched_off() -> None:
    found = facts("wordpiece", "the cat", add_special_tokens=False)
    assert (found["ids"], found["special_added"], found["special_at"]) == (2, 0, (0, 0, 0))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("tensors", [None, "pt", "np"])
def test_padding(side: str, tensors: str | None) -> None:
    # 2 + 7 ids, and 2 + 2 that get 5 more: 18 in all
    found = facts("wordpiece", [LONG, "a dog"], padding=True, padding_side=side, return_tensors=tensors)
    assert (found["texts"], found["ids"], found["padded"]) == (2, 18, 5)
    assert (found["padding_side"], found["special_added"]) == (side, 4)
    assert found["special_at"] == (1, 0, 1)


def test_padding_where_no_mask_was_asked_for() -> None:
    found = facts("wordpiece", ["the", "a dog"], padding=True, return_attention_mask=False)
    assert (found["ids"], found["padded"], found["padding_side"]) == (8, 1, "right")


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_text_that_was_cut(side: str) -> None:
    tokenizer = WORDS["wordpiece"]()
    tokenizer.truncation_side = side
    with tracelab.trace() as trace:
        tokenizer([LONG, "a dog"], truncation=True, max_length=5)
    # 2 + 7 = 9 ids became 5, 2 + 2 stayed.
    found = trace.roots[0].facts
    assert (found["truncated"], found["truncated_from"], found["ids"]) == (1, 9, 9)


@pytest.mark.parametrize("stride", [0, 1, 2])
def test_what_was_cut_off_as_rows_of_its_own(stride: int) -> None:
    found = facts(
        "wordpiece", [LONG, "a"], truncation=True, max_length=5, stride=stride, return_overflowing_tokens=True
    )
    # Rows of 3 tokens, each beginning 3 - stride after the last one: 7 tokens take 3, 3 and 5 rows.
    rows = {0: 3, 1: 3, 2: 5}[stride]
    assert (found["texts"], found["overflow"], found.get("stride", 0)) == (2, rows - 1, stride)
    assert (found["truncated"], found["truncated_from"]) == (1, 9)


def test_a_pair() -> None:
    # [CLS] the cat [SEP] a dog [SEP]
    found = facts("wordpiece", "the cat", "a dog")
    assert (found["pairs"], found["ids"], found["special_added"]) == (1, 7, 3)
    assert (found["special_at"], found["type_ids"]) == ((1, 1, 1), "0 and 1")


@pytest.mark.parametrize(
    ("kind", "given", "why"),
    [
        ("byte_bpe", {}, "none: the model takes none"),
        ("wordpiece", {"return_token_type_ids": False}, "not asked for"),
        ("unigram", {"return_token_type_ids": True}, "all 0"),
        ("python", {}, "none: the model takes none"),
    ],
)
def test_why_nothing_tells_the_texts_of_a_pair_apart(kind: str, given: dict[str, Any], why: str) -> None:
    assert facts(kind, "the", "cat", **given)["type_ids"] == why


def test_a_pair_that_was_cut_has_no_known_length() -> None:
    found = facts("wordpiece", LONG, "a dog", truncation=True, max_length=7)
    assert found["truncated"] == 1
    assert "truncated_from" not in found


def test_a_batch_of_pairs() -> None:
    assert facts("wordpiece", [("the cat", "a"), ("the", "a dog")])["pairs"] == 2
    assert facts("wordpiece", ["the", "cat"], ["a", "a"])["pairs"] == 2


def test_words_of_one_text() -> None:
    found = facts("wordpiece", ["the", "unseen"], is_split_into_words=True)
    # [CLS] the un ##seen [SEP]
    assert (found["texts"], found["ids"]) == (1, 5)


def test_a_special_token_that_stands_in_the_text_already() -> None:
    found = facts("wordpiece", ["[CLS] the", "the [SEP]", "the"])
    assert (found["bos_twice"], found["eos_twice"]) == (1, 1)
    assert not {"bos_twice", "eos_twice"} & set(facts("wordpiece", "the [CLS]"))


def test_offsets() -> None:
    assert facts("wordpiece", "the", return_offsets_mapping=True)["offsets"] is True
    assert facts("python", "the", return_offsets_mapping=True)["offsets"] is False  # silently ignored
    assert "offsets" not in facts("wordpiece", "the")


def test_targets() -> None:
    found = facts("wordpiece", text_target=["the", "a dog"])
    assert (found["texts"], found["ids"], found["target"]) == (2, 7, True)


def test_encode_gives_ids_and_the_number_of_special_ones() -> None:
    found = facts("wordpiece", "the cat", verb="encode")
    assert (found["texts"], found["ids"], found["special_added"]) == (1, 4, 2)
    assert facts("wordpiece", "the", "cat", verb="encode")["special_added"] == 3
    assert facts("wordpiece", "the", verb="encode", add_special_tokens=False)["special_added"] == 0


@pytest.mark.parametrize("kind", WORDS)
def test_tokenize_adds_none(kind: str) -> None:
    found = facts(kind, "the cat", verb="tokenize")
    assert found["special_added"] == 0
    assert found["pieces"] == len(WORDS[kind]().tokenize("the cat"))


def test_a_big_batch_is_counted_whole_and_looked_at_at_its_ends() -> None:
    rows = EACH + 1
    found = facts("wordpiece", [LONG] * (rows - 1) + ["a dog"], padding=True)
    assert (found["texts"], found["ids"], found["padded"]) == (rows, 9 * rows, 5)
    assert (found["special_added"], found["special_at"]) == (2 * rows, (1, 0, 1))
    cut = facts("wordpiece", [LONG] * rows, truncation=True, max_length=5)
    assert (cut["truncated_at_least"], cut["truncated_from"]) == (CUT, 9)
    assert "truncated" not in cut


def test_an_empty_text() -> None:
    found = facts("wordpiece", "")
    assert (found["ids"], found["special_added"]) == (2, 2)
    assert "special_at" not in found  # nothing stands between them


# --- private by default -----------------------------------------------------------------------------------


def test_tokens_are_kept_with_values_only(tmp_path: Path) -> None:
    names = {"tokens", "token_ids", "spans", "special_mask", "cut"}
    assert not names & set(facts("wordpiece", "the unseen cat"))
    found = facts("wordpiece", ["the unseen cat", "a"], options={"values": True})
    assert found["tokens"] == (("[CLS]", "the", "un", "##seen", "cat", "[SEP]"), ("[CLS]", "a", "[SEP]"))
    assert found["token_ids"] == ((2, 5, 10, 11, 6, 3), (2, 14, 3))
    assert found["spans"][0] == ("", "the", "un", "seen", "cat", "")
    assert found["special_mask"][0] == (1, 0, 0, 0, 0, 1)


def test_letters_of_pairs_and_of_words() -> None:
    values = {"values": True}
    assert facts("wordpiece", "the", "unseen", options=values)["spans"] == (
        ("", "the", "", "un", "seen", ""),
    )
    pairs = facts("wordpiece", [("the", "a"), ("cat", "dog")], options=values)
    assert pairs["spans"] == (("", "the", "", "a", ""), ("", "cat", "", "dog", ""))
    words = facts("wordpiece", ["the", "unseen"], is_split_into_words=True, options=values)
    assert words["spans"] == (("", "the", "un", "seen", ""),)
    over = facts(
        "wordpiece",
        ["a", LONG],
        truncation=True,
        max_length=6,
        return_overflowing_tokens=True,
        options=values,
    )
    assert over["spans"][2] == ("", "the", "mat", ".", "")
    assert over["cut"] == ("", "right", "")


def test_they_come_back_from_a_file(tmp_path: Path) -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace(values=True) as trace:
        tokenizer(["the", LONG], truncation=True, max_length=5, padding=True)
    for name in ("run.json", "run.json.gz"):
        trace.save(tmp_path / name)
        assert tracelab.load(tmp_path / name).roots[0].facts == trace.roots[0].facts
        assert str(tracelab.load(tmp_path / name)) == str(trace)


# --- nothing of the host's is asked -----------------------------------------------------------------------


def test_a_tokenizer_of_the_user_s_is_asked_nothing() -> None:
    from transformers import BertTokenizer

    asked: list[str] = []

    class Watched(BertTokenizer):
        def __len__(self) -> int:
            asked.append("len")
            return super().__len__()

        def num_special_tokens_to_add(self, pair: bool = False) -> int:
            asked.append("special")
            return 7

        @property
        def all_special_ids(self) -> list[int]:
            asked.append("ids")
            return super().all_special_ids

    class Rows(list[Any]):
        def __iter__(self) -> Any:
            asked.append("rows")
            return super().__iter__()

    tokenizer = Watched(vocab={"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "[PAD]": 3, "[MASK]": 4, "the": 5})
    tokenizer(Rows(["the", "the the"]), padding=True)
    untraced, asked[:] = list(asked), []
    with tracelab.trace(values=True) as trace:
        tokenizer(Rows(["the", "the the"]), padding=True)
    assert asked == untraced
    assert trace.roots[0].facts["ids"] == 8


def test_a_result_of_the_user_s_is_left_alone() -> None:
    from transformers import ByT5Tokenizer

    class Odd(ByT5Tokenizer):
        def __call__(self, text: str, **options: Any) -> Any:
            return UserDict(input_ids=[[1]])

    with tracelab.trace() as trace:
        Odd()("the")
    assert trace.find("Odd.__call__")[0].facts == {"backend": "python"}
    assert trace.internal_errors == 0


# --- backends that keep no encodings ----------------------------------------------------------------------


def test_python_backend() -> None:
    # Three and two bytes, </s> at the end of each.
    found = facts("python", ["abc", "ab"], padding=True)
    assert (found["ids"], found["padded"], found["padding_side"]) == (8, 1, "right")
    assert (found["special_added"], found["special_at"], found["truncated"]) == (2, (0, 0, 1), 0)


def test_python_backend_pairs() -> None:
    # a b </s> c </s>
    found = facts("python", "ab", "c")
    assert (found["ids"], found["special_added"], found["special_at"]) == (5, 2, (0, 1, 1))


def test_python_backend_that_cuts() -> None:
    # 7 + 1 = 8 ids became 4; the other text had 2 + 1.
    found = facts("python", ["abcdefg", "ab"], truncation=True, max_length=4)
    assert (found["special_added"], found["truncated"], found["truncated_from"]) == (2, 1, 8)
    # Of one text that was cut it is not known how many special tokens it got.
    alone = facts("python", "abcdefg", truncation=True, max_length=4)
    assert alone["truncated"] == 1
    assert not {"special_added", "truncated_from"} & set(alone)


def test_sentencepiece_backend(tmp_path: Path) -> None:
    tokenizer = sentencepiece(tmp_path)
    ids = tokenizer("the cat", "a dog")["input_ids"]
    with tracelab.trace() as trace:
        assert tokenizer("the cat", "a dog")["input_ids"] == ids
        tokenizer.tokenize("the cat")
    found = trace.roots[0].facts
    assert (found["backend"], found["ids"], found["special_added"]) == ("sentencepiece", len(ids), 0)
    assert trace.roots[1].facts["special_added"] == 0


def test_what_is_found_out_from_the_calls_below_is_so_in_a_file_too(tmp_path: Path) -> None:
    tokenizer = WORDS["python"]()
    with tracelab.trace() as trace:
        tokenizer(["abcdefg", "ab"], truncation=True, max_length=4)
    trace.save(tmp_path / "run.json")
    assert tracelab.load(tmp_path / "run.json").roots[0].facts == trace.roots[0].facts
