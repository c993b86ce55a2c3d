"""Calls that share a line say what is the same in all of them, with ranges of the numbers that differ."""

from __future__ import annotations

import pytest
from datasets import Dataset

import tracelab
from tracelab.renderers.spans import together

from ..models.words import WORDS


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], []),
        ([["2 texts → 9 ids"]], ["2 texts → 9 ids"]),
        ([["2 texts → 9 ids"], ["2 texts → 9 ids"]], ["2 texts → 9 ids"]),
        # numbers are compared as numbers: 9 is less than 10, and 1,200 more than 950
        ([["2 texts → 10 ids"], ["2 texts → 9 ids"]], ["2 texts → 9–10 ids"]),
        ([["950 ids"], ["1,200 ids"], ["951 ids"]], ["950–1,200 ids"]),
        ([["1 text → 1 id"], ["3 texts → 5 ids"]], ["1–3 texts → 1–5 ids"]),
        (
            [["4 rows of 47–67, 17 % padding"], ["4 rows of 62, 8 % padding"]],
            ["4 rows of 47–67, 8–17 % padding"],
        ),
        ([["1 sound of 0.5 s"], ["1 sound of 0.25 s"]], ["1 sound of 0.25–0.5 s"]),
        # what only some say is left out, and where the first phrase differs nothing is said
        ([["9 ids", "2 special", "1 padding right"], ["8 ids", "2 special"]], ["8–9 ids", "2 special"]),
        ([["9 ids"], ["9 tokens"]], []),
        ([["9 ids"], []], []),
        # a digit in a name is no number
        ([["dropped sentence1"], ["dropped sentence2"]], []),
        ([["+ x.1"], ["+ x.2"]], []),
        ([["3 ids of #"], ["# ids of 3"]], []),
    ],
    ids=str,
)
def test_phrases_together(said: list[list[str]], expected: list[str]) -> None:
    assert together(said) == expected


def test_the_batches_of_a_map_share_a_line() -> None:
    tokenizer = WORDS["wordpiece"]()
    # [CLS] and [SEP] with 3, 2, 2 and 1 words: batches of 9 and of 7 ids
    table = Dataset.from_dict({"text": ["the cat sat", "a dog", "the cat", "dog"]})
    with tracelab.trace() as trace:
        table.map(lambda rows: tokenizer(rows["text"]), batched=True, batch_size=2)
    assert "BertTokenizer.__call__  2 texts → 7–9 ids, 4 special" in str(trace)


def test_where_a_class_stands_goes_before_what_is_said_of_data() -> None:
    tokenizer = WORDS["wordpiece"]()
    with tracelab.trace() as trace:
        tokenizer(["the cat sat", "a"], padding=True)  # 5 ids, and 3 with 2 of padding
    line = str(trace).splitlines()[1]
    assert line == "BertTokenizer.__call__  2 texts → 10 ids, 4 special, 2 padding right"
