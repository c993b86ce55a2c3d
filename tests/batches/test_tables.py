"""`datasets.map`: batches, columns and rows in and out, the cache, and processes that nobody sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers  # noqa: F401

import tracelab

from .rows import tokenizer

datasets = pytest.importorskip("datasets")

ADDED = ("input_ids", "token_type_ids", "attention_mask")


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def table(tmp_path: Path) -> Any:
    """25 rows in a file: what is only in memory has no cache."""
    made = datasets.Dataset.from_dict({"text": ["the cat"] * 25, "label": [0, 1] * 12 + [0]})
    made.save_to_disk(tmp_path / "table")
    return datasets.load_from_disk(tmp_path / "table")


def test_batches_columns_and_rows(table: Any) -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        mapped = table.map(
            lambda batch: words(batch["text"]), batched=True, batch_size=10, remove_columns=["text"]
        )
    assert mapped.column_names == ["label", *ADDED]
    (call,) = trace.roots
    assert call.name == "Dataset.map"
    assert call.facts == {
        "rows": 25,
        "columns": ("text", "label"),
        "batch_size": 10,
        "rows_out": 25,
        "columns_out": ("label", *ADDED),
        "added": ADDED,
        "removed": ("text",),
        "cached": False,
        "batches": 3,
        "batch_rows": (10, 10, 5),  # 25 in tens
    }
    tokenized = trace.find("BertTokenizer.__call__")
    assert [inner.parent for inner in tokenized] == [call] * 3
    assert [inner.output["input_ids"].length for inner in tokenized] == [10, 10, 5]  # type: ignore[index]
    assert "25 → 25 rows in 3 batches" in str(trace)


def test_a_batch_may_become_more_rows(table: Any) -> None:
    with tracelab.trace() as trace:
        table.map(
            lambda batch: {"half": batch["text"] * 2},
            batched=True,
            batch_size=25,
            remove_columns=table.column_names,
        )
    facts = trace.roots[0].facts
    assert (facts["rows"], facts["rows_out"], facts["batch_rows"]) == (25, 50, (50,))


def test_the_second_time_it_comes_from_the_cache(table: Any) -> None:
    words = tokenizer()

    def ids(batch: Any) -> Any:
        return words(batch["text"])

    first = table.map(ids, batched=True)  # before the trace: a trace does not change the fingerprint
    with tracelab.trace() as trace:
        second = table.map(ids, batched=True)
    assert second._fingerprint == first._fingerprint
    facts = trace.roots[0].facts
    assert (facts["cached"], facts["rows_out"]) == (True, 25)
    assert "batches" not in facts
    assert trace.count("BertTokenizer.__call__") == 0
    assert "25 rows from the cache" in str(trace)


def test_what_was_mapped_in_a_trace_is_in_the_cache_without_one(table: Any) -> None:
    words = tokenizer()

    def ids(batch: Any) -> Any:
        return words(batch["text"])

    with tracelab.trace() as trace:
        first = table.map(ids, batched=True)
    assert trace.roots[0].facts["cached"] is False
    second = table.map(ids, batched=True)
    assert second._fingerprint == first._fingerprint
    assert [file["filename"] for file in second.cache_files] == [
        file["filename"] for file in first.cache_files
    ]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_other_processes_are_not_recorded_and_that_is_said(table: Any) -> None:
    words = tokenizer()
    with tracelab.trace() as trace:
        table.map(lambda batch: words(batch["text"]), batched=True, num_proc=2)
    (call,) = trace.find("Dataset.map")
    assert (call.facts["num_proc"], call.facts["workers_recorded"]) == (2, False)
    assert trace.count("BertTokenizer.__call__") == 0
    assert "2 processes: what runs in them is not recorded" in str(trace)


def test_row_by_row_there_are_no_batches() -> None:
    table = datasets.Dataset.from_dict({"text": ["the cat", "a dog"]})
    words = tokenizer()
    with tracelab.trace() as trace:
        table.map(lambda row: words(row["text"]))
    facts = trace.roots[0].facts
    assert "batch_size" not in facts and "batches" not in facts
    assert (facts["rows"], facts["added"], facts["cached"]) == (2, ADDED, False)
    assert trace.count("BertTokenizer.__call__") == 2


def test_shuffled_rows_are_counted_by_their_indices(table: Any) -> None:
    with tracelab.trace() as trace:
        table.select([3, 1]).map(lambda batch: {"n": batch["label"]}, batched=True)
    assert trace.find("Dataset.map")[0].facts["rows"] == 2


def test_a_filter_says_how_many_rows_it_keeps() -> None:
    table = datasets.Dataset.from_dict({"text": ["the cat", "a dog", "the cat sat"], "label": [0, 1, 1]})
    with tracelab.trace() as trace:
        table.filter(lambda row: row["label"] == 1)
    (call,) = trace.find("Dataset.filter")
    assert call.facts == {"rows": 3, "rows_out": 2, "columns_out": ("text", "label")}
    assert str(trace).splitlines()[1] == "Dataset.filter  3 → 2 rows"


def test_an_empty_table(table: Any) -> None:
    with tracelab.trace() as trace:
        empty = table.select([]).map(lambda batch: batch, batched=True)
    assert len(empty) == 0
    facts = trace.find("Dataset.map")[0].facts
    assert (facts["rows"], facts["rows_out"]) == (0, 0)
    assert "cached" not in facts


def test_an_error_in_the_users_function_is_the_same_object(table: Any) -> None:
    mine = ValueError("mine")

    def fail(batch: Any) -> Any:
        raise mine

    with tracelab.trace() as trace, pytest.raises(ValueError, match="mine") as caught:
        table.map(fail, batched=True)
    assert caught.value is mine
    assert trace.roots[0].error == "ValueError"


def test_more_rows_beside_an_old_column(table: Any) -> None:
    """Overflowing tokens make more rows than there were texts, and the old columns are still there."""
    words = tokenizer()

    def windows(batch: Any) -> Any:
        return words(batch["text"], truncation=True, max_length=3, return_overflowing_tokens=True)

    with tracelab.trace() as trace, pytest.raises(Exception, match="expected length 25 but got length 50"):
        table.map(windows, batched=True)
    facts = trace.find("ArrowWriter.write_batch")[0].facts
    # each text is two windows: [CLS] the [SEP] and [CLS] cat [SEP]
    assert facts["problem"] == "length"
    assert ("input_ids", 50) in facts["column_rows"]
    assert "columns of different lengths" in str(trace)


def test_a_dictionary_of_tables_maps_each(table: Any) -> None:
    both = datasets.DatasetDict({"train": table, "test": table.select(range(5))})
    with tracelab.trace() as trace:
        both.map(lambda batch: {"n": batch["label"]}, batched=True)
    (outer,) = trace.roots
    assert outer.name == "DatasetDict.map"
    assert [call.facts["rows"] for call in trace.find("Dataset.map")] == [25, 5]


def test_facts_come_back_from_a_file(table: Any, tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        table.map(lambda batch: {"n": batch["label"]}, batched=True, batch_size=20)
    trace.save(tmp_path / "run.json")
    loaded = tracelab.load(tmp_path / "run.json")
    assert loaded.roots[0].facts == trace.roots[0].facts
    assert loaded.roots[0].facts["batch_rows"] == (20, 5)
