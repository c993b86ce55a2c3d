"""The `DataLoader`: what it fetches in this process, and what its workers do unseen."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset
from transformers import DataCollatorWithPadding, default_data_collator

import tracelab

from .rows import rows, tokenizer


def test_each_batch_is_fetched_with_the_collator_below() -> None:
    words = tokenizer()
    loader: Any = DataLoader(rows(words), batch_size=2, collate_fn=DataCollatorWithPadding(words))  # type: ignore[arg-type]
    expected = [batch["input_ids"].tolist() for batch in loader]
    with tracelab.trace() as trace:
        found = [batch["input_ids"].tolist() for batch in loader]
    assert found == expected
    assert [call.name for call in trace.roots] == ["DataLoader.__iter__", *["_MapDatasetFetcher.fetch"] * 2]
    assert trace.roots[0].facts == {"workers": 0, "batch_size": 2, "rows": 3}
    assert [call.facts["rows"] for call in trace.roots[1:]] == [2, 1]
    collated = trace.find("DataCollatorWithPadding.__call__")
    assert [call.parent for call in collated] == trace.roots[1:]
    # 4 and 8 ids in 2 × 8 positions, then 4 in 1 × 4
    assert [call.facts["padding_share"] for call in collated] == [4 / 16, 0.0]


def test_a_function_of_the_users_is_seen_from_outside() -> None:
    def collate(features: list[int]) -> torch.Tensor:
        return torch.tensor(features)

    with tracelab.trace() as trace:
        list(DataLoader([1, 2, 3], batch_size=2, collate_fn=collate))  # type: ignore[arg-type]
    shapes = [call.output.shape for call in trace.find("_MapDatasetFetcher.fetch")]  # type: ignore[union-attr]
    assert shapes == [(2,), (1,)]


def test_workers_are_not_recorded_and_that_is_said() -> None:
    words = tokenizer()
    loader: Any = DataLoader(
        rows(words),  # type: ignore[arg-type]
        batch_size=1,
        num_workers=2,
        multiprocessing_context="fork",
        collate_fn=DataCollatorWithPadding(words),
    )
    with tracelab.trace() as trace:
        assert len(list(loader)) == 3
    (started,) = trace.find("DataLoader.__iter__")
    assert started.facts == {"workers": 2, "batch_size": 1, "workers_recorded": False, "rows": 3}
    assert trace.count("DataCollatorWithPadding.__call__") == 0
    arrived = trace.find("_MultiProcessingDataLoaderIter._process_data")
    # batch after batch goes to one worker after the other
    assert [call.facts["worker"] for call in arrived] == [0, 1, 0]
    assert "2 workers: what runs in them is not recorded" in str(trace)


def test_an_empty_dataset_is_said() -> None:
    with tracelab.trace() as trace:
        assert list(DataLoader([])) == []  # type: ignore[arg-type]
    assert trace.roots[0].facts == {"workers": 0, "batch_size": 1, "rows": 0, "problem": "empty"}
    assert "DataLoader.__iter__  no rows" in str(trace)


def test_the_end_of_a_stream_is_told_from_a_failure() -> None:
    class Stream(IterableDataset[int]):
        def __iter__(self) -> Any:
            return iter([1, 2, 3])

    with tracelab.trace() as trace:
        assert len(list(DataLoader(Stream(), batch_size=2))) == 2
    fetched = trace.find("_IterableDatasetFetcher.fetch")
    assert [call.error for call in fetched] == [None, None, "StopIteration"]
    assert fetched[-1].facts["exhausted"] is True
    assert "✗" not in str(trace)
    assert "_IterableDatasetFetcher.fetch  no more rows" in str(trace)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_failure_in_a_worker_arrives_where_its_batch_would() -> None:
    data = [{"ids": [1]}, {"ids": [1, 2]}]
    loader: Any = DataLoader(
        data,  # type: ignore[arg-type]
        batch_size=2,
        num_workers=1,
        multiprocessing_context="fork",
        collate_fn=default_data_collator,
    )
    with tracelab.trace() as trace, pytest.raises(ValueError, match="Caught ValueError in DataLoader worker"):
        list(loader)
    (arrived,) = trace.find("_MultiProcessingDataLoaderIter._process_data")
    assert (arrived.error, arrived.facts) == ("ValueError", {"worker": 0})
