"""What collators do to rows: lengths before, the shape after, padding, and what became of the labels."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
import transformers
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    DefaultDataCollator,
    default_data_collator,
)

import tracelab

from .rows import LENGTHS, facts_of, rows, tokenizer


def same(a: Any, b: Any) -> bool:
    """Whether two batches are equal to the bit."""
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_rows_are_padded_to_the_longest() -> None:
    words = tokenizer()
    given = rows(words, label=[0, 1, 0])
    expected = DataCollatorWithPadding(words)(given)
    with tracelab.trace() as trace:
        batch = DataCollatorWithPadding(words)(given)
    assert same(batch, expected)
    (call,) = trace.roots
    assert (call.name, call.kind, call.status) == ("DataCollatorWithPadding.__call__", "method", "ok")
    assert call.facts == {
        "rows": 3,
        "columns": ("input_ids", "token_type_ids", "attention_mask", "label"),
        "lengths": LENGTHS,
        "batch": (3, 8),
        "padding_share": 8 / 24,
        "padding": "dynamic",
        "labels_ignored": 0,
    }
    assert [inner.function for inner in call.children] == ["pad"]


@pytest.mark.parametrize(
    ("options", "width", "padding"),
    [
        ({}, 8, "dynamic"),
        ({"pad_to_multiple_of": 5}, 10, "dynamic"),  # 8 up to 10
        ({"padding": "max_length", "max_length": 16}, 16, "fixed"),
    ],
)
def test_dynamic_padding_against_fixed(options: dict[str, Any], width: int, padding: str) -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        DataCollatorWithPadding(words, **options)(rows(words))
    facts = facts_of(trace, "DataCollatorWithPadding.__call__")
    # 16 of 3 × width positions are ids
    assert facts["batch"] == (3, width)
    assert facts["padding_share"] == pytest.approx(1 - 16 / (3 * width))
    assert facts["padding"] == padding


def test_rows_that_come_padded_are_counted_by_their_mask() -> None:
    words = tokenizer()
    given = [dict(words(text, padding="max_length", max_length=8)) for text in ("the cat", "a dog")]
    with tracelab.trace() as trace:
        DataCollatorWithPadding(words)(given)
    facts = facts_of(trace, "DataCollatorWithPadding.__call__")
    # 2 × 8 positions, 2 × 4 ids
    assert (facts["lengths"], facts["padding_share"], facts["padding"]) == ((8, 8), 0.5, "fixed")


def test_rows_of_one_length_need_none() -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        DataCollatorWithPadding(words)(rows(words)[::2])
    facts = facts_of(trace, "DataCollatorWithPadding.__call__")
    assert (facts["lengths"], facts["padding_share"], facts["padding"]) == ((4, 4), 0.0, "none")


def test_token_labels_are_padded_with_minus_100() -> None:
    words = tokenizer()
    labels = [[-100, 1, 2, -100], [-100, 1, 2, 0, 0, 0, 1, -100], [-100, 0, 1, -100]]
    with tracelab.trace() as trace:
        batch = DataCollatorForTokenClassification(words)(rows(words, labels=labels))
    facts = facts_of(trace, "DataCollatorForTokenClassification.__call__")
    assert facts["label_lengths"] == LENGTHS
    assert facts["labels_padded"] == 8  # 24 - 16
    assert facts["labels_ignored"] == 8 + 6  # and the [CLS] and [SEP] of three rows
    assert int((batch["labels"] == -100).sum()) == 14


def test_labels_of_a_sequence_to_sequence_batch_have_a_length_of_their_own() -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        DataCollatorForSeq2Seq(words)(rows(words, labels=[[5], [5, 6], [5, 6, 7]]))
    facts = facts_of(trace, "DataCollatorForSeq2Seq.__call__")
    assert (facts["batch"], facts["label_lengths"]) == ((3, 8), (1, 2, 3))
    assert facts["labels_padded"] == facts["labels_ignored"] == 3  # 3 × 3 - 6


def test_the_decoder_is_given_the_labels_one_to_the_right() -> None:
    config = transformers.T5Config(
        vocab_size=16, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    model, words = transformers.T5ForConditionalGeneration(config), tokenizer()
    with tracelab.trace() as trace:
        DataCollatorForSeq2Seq(words, model=model)(rows(words, labels=[[5], [5, 6], [5, 6, 7]]))
    assert facts_of(trace, "DataCollatorForSeq2Seq.__call__")["made"] == ("decoder_input_ids",)


def test_padding_without_a_mask_is_said() -> None:
    words = tokenizer()
    given = [{"input_ids": row["input_ids"]} for row in rows(words)]
    with tracelab.trace() as trace:
        DataCollatorForLanguageModeling(words, mlm=False)([row["input_ids"] for row in given])
        words.pad({"input_ids": [[1]]})
    facts = facts_of(trace, "DataCollatorForLanguageModeling.__call__")
    assert (facts["mask"], facts["lengths"], facts["padding_share"]) == (False, LENGTHS, 8 / 24)
    assert "padded without an attention_mask" in str(trace)


def test_causal_labels_ignore_the_padding() -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        DataCollatorForLanguageModeling(words, mlm=False)(rows(words))
    facts = facts_of(trace, "DataCollatorForLanguageModeling.__call__")
    assert facts["labels_ignored"] == 8  # 24 - 16
    assert facts["made"] == ("labels",)
    assert "labels_masked" not in facts


def test_masked_labels_are_those_to_be_predicted() -> None:
    words = tokenizer()
    collate = DataCollatorForLanguageModeling(words, mlm_probability=0.5)
    torch.manual_seed(3)
    expected = collate(rows(words))
    after = torch.get_rng_state()
    torch.manual_seed(3)
    with tracelab.trace() as trace:
        batch = collate(rows(words))
    assert same(batch, expected)
    assert torch.equal(torch.get_rng_state(), after)
    masked = int((batch["labels"] != -100).sum())
    facts = facts_of(trace, "DataCollatorForLanguageModeling.__call__")
    # of 16 ids 6 are special: 10 candidates
    assert 0 < masked <= 10
    assert (facts["labels_masked"], facts["labels_ignored"]) == (masked, 24 - masked)


NUMBERS = [{"ids": [1, 2], "label": 0}, {"ids": [3, 4], "label": 1}]


@pytest.mark.parametrize(
    "collate",
    [
        lambda: default_data_collator(NUMBERS),
        lambda: transformers.default_data_collator(NUMBERS),
        lambda: transformers.data.data_collator.default_data_collator(NUMBERS),
        lambda: transformers.trainer.default_data_collator(NUMBERS),
        lambda: default_data_collator(NUMBERS, return_tensors="np"),
        lambda: DefaultDataCollator()(NUMBERS),
        lambda: list(torch.utils.data.DataLoader(NUMBERS, batch_size=2, collate_fn=default_data_collator)),  # type: ignore[arg-type]
    ],
    ids=["imported by name", "of the package", "of its module", "of trainer", "numpy", "class", "DataLoader"],
)
def test_the_default_collator_is_seen_wherever_it_is_looked_up(collate: Callable[[], Any]) -> None:
    before = vars(transformers.data.data_collator).copy()
    with tracelab.trace() as trace:
        collate()
        assert transformers.data.data_collator.default_data_collator is default_data_collator
    (call,) = trace.find("default_data_collator")
    assert (call.kind, call.function) == ("function", "default_data_collator")
    assert call.file is not None and call.file.endswith("data_collator.py")
    facts = call.facts
    assert (facts["rows"], facts["lengths"], facts["batch"]) == (2, (2, 2), (2, 2))
    assert vars(transformers.data.data_collator) == before


def test_collators_are_pickled_as_ever() -> None:
    """A worker that is spawned gets its collator as a name, which must lead to this very function."""
    words = tokenizer()
    collators = [default_data_collator, DataCollatorWithPadding(words), words.pad]
    expected = [pickle.dumps(one) for one in collators[:2]]
    with tracelab.trace():
        assert [pickle.dumps(one) for one in collators[:2]] == expected
        assert pickle.loads(expected[0]) is default_data_collator
        assert pickle.loads(pickle.dumps(collators[2]))([{"input_ids": [1]}])["input_ids"] == [[1]]


def test_a_collator_of_ones_own_is_asked_nothing() -> None:
    asked: list[str] = []

    class Rows(list):  # type: ignore[type-arg]
        def __len__(self) -> int:
            asked.append("len")
            return super().__len__()

        def __iter__(self) -> Any:
            asked.append("iter")
            return super().__iter__()

    class Own(DataCollatorWithPadding):
        @property
        def pad_to(self) -> int:
            asked.append("property")
            return 8

        def __call__(self, features: Any) -> Any:
            return {"input_ids": torch.zeros(2, 3, dtype=torch.int64), "labels": numpy.array([0, -100])}

    with tracelab.trace() as trace:
        Own(tokenizer())(Rows([{"input_ids": [1]}]))
        Own(tokenizer())([{"input_ids": [1]}, {"input_ids": [1, 2, 3]}])
    assert asked == []
    hidden, known = trace.find("Own.__call__")
    assert hidden.facts == {}
    # 2 × 3 positions, 1 + 3 ids
    assert known.facts["padding_share"] == pytest.approx(2 / 6)
    assert known.facts["labels_ignored"] == 1


def test_facts_come_back_from_a_file(tmp_path: Path) -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        DataCollatorForLanguageModeling(words, mlm=False)(rows(words))
    trace.save(tmp_path / "run.json")
    loaded = tracelab.load(tmp_path / "run.json")
    assert [call.facts for call in loaded.calls] == [call.facts for call in trace.calls]
    assert "3 rows of 4–8, 33 % padding" in str(trace)
    assert str(loaded) == str(trace)
