"""Batches that cannot be made: the column and the rows are named, and the exception is the library's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import DataCollatorWithPadding, default_data_collator

import tracelab
from tracelab.instruments.features import shape_in

from .rows import rows, tokenizer

Collate = Callable[[Any], Any]


def raised(collate: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        collate()
    return caught.value


def padded() -> Collate:
    return DataCollatorWithPadding(tokenizer())


def default() -> Collate:
    return default_data_collator


def words(**columns: list[Any]) -> list[dict[str, Any]]:
    return rows(tokenizer(), **columns)


CASES: dict[str, tuple[Callable[[], Collate], list[Any], dict[str, Any]]] = {
    "ragged labels": (
        padded,
        words(labels=[[1], [1], [1, 2, 3]]),
        {"column": "labels", "problem": "ragged", "rows_at_fault": (2,), "shapes": ((1,), (1,), (3,))},
    ),
    "text labels": (
        padded,
        words(label=["good", "bad", "good"]),
        {"column": "label", "problem": "text", "rows_at_fault": (0, 1, 2)},
    ),
    "a text column": (
        padded,
        words(text=["the cat", "the mat", "a dog"]),
        {"column": "text", "problem": "text", "rows_at_fault": (0, 1, 2)},
    ),
    "nothing in a row": (
        padded,
        words(label=[0, None, 1]),
        {"column": "label", "problem": "none", "rows_at_fault": (1,)},
    ),
    "no rows": (padded, [], {"problem": "empty", "rows_at_fault": ()}),
    "ragged ids": (
        default,
        [{"input_ids": [1, 2], "label": 0}, {"input_ids": [1, 2, 3], "label": 1}],
        {"column": "input_ids", "problem": "ragged", "rows_at_fault": (1,), "shapes": ((2,), (3,))},
    ),
    "text labels by default": (
        default,
        [{"ids": [1], "text": "left out", "label": "good"}, {"ids": [1], "text": "", "label": "bad"}],
        {"column": "label", "problem": "text", "rows_at_fault": (0, 1)},
    ),
    "a column missing": (
        default,
        [{"ids": [1], "label": 0}, {"ids": [1]}],
        {"column": "label", "problem": "missing", "rows_at_fault": (1,)},
    ),
    "two columns": (
        default,
        [{"a": [1], "b": [1]}, {"a": [1, 2], "b": [1, 2]}],
        {
            "column": "a",
            "problem": "ragged",
            "rows_at_fault": (1,),
            "shapes": ((1,), (2,)),
            "other_columns": (("b", "ragged"),),
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_column_and_the_rows_are_named(name: str) -> None:
    make, given, expected = CASES[name]
    untraced = raised(lambda: make()(given))
    with tracelab.trace() as trace:
        error = raised(lambda: make()(given))
    assert (type(error), error.args) == (type(untraced), untraced.args)
    call = trace.roots[-1]
    assert (call.status, call.error) == ("error", type(error).__name__)
    facts = call.facts
    assert {key: facts.get(key) for key in expected} == expected
    assert trace.internal_errors == 0


def test_the_exception_is_the_very_object_and_its_traceback_shows_none_of_us() -> None:
    mine = KeyError("mine")

    class Own(DataCollatorWithPadding):
        def __call__(self, features: Any) -> Any:
            raise mine

    collate = Own(tokenizer())
    with tracelab.trace() as trace, pytest.raises(KeyError) as caught:
        collate([{"input_ids": [1]}])
    assert caught.value is mine
    assert mine.__context__ is None and mine.__cause__ is None
    files = [entry.frame.code.path for entry in caught.traceback]
    assert not [file for file in files if "tracelab/recorder" in str(file)]
    assert trace.roots[0].facts == {"rows": 1, "columns": ("input_ids",), "lengths": (1,)}


def test_a_loader_names_the_rows_of_the_dataset() -> None:
    data = [{"ids": [1, 2], "label": 0} for _ in range(5)]
    data[3] = {"ids": [1, 2, 3], "label": 0}
    loader = torch.utils.data.DataLoader(data, batch_size=2, collate_fn=default_data_collator)  # type: ignore[arg-type]
    with tracelab.trace() as trace:
        raised(lambda: list(loader))
    fetched = trace.find("_MapDatasetFetcher.fetch")
    assert [call.status for call in fetched] == ["ok", "error"]
    assert fetched[1].facts == {"rows": 2, "dataset_rows": (2, 3)}
    failed = trace.find("default_data_collator", status="error")[0]
    # the second of the batch (2, 3)
    assert failed.facts["rows_at_fault"] == (1,)
    assert failed.facts["dataset_rows"] == (3,)
    assert "column ids: ragged in row 3 of the dataset" in str(trace)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"ids": [1, 2, 3], "text": "c"}, "ragged"),
        ({"ids": None, "text": "c"}, "none"),
        ({"text": "c"}, "missing"),
    ],
)
def test_without_a_collator_torch_joins_nothing_ragged(wrong: dict[str, Any], problem: str) -> None:
    data = [{"ids": [1, 2], "text": "a"}, {"ids": [1, 2], "text": "b"}, {"ids": [1, 2], "text": "b"}, wrong]
    loader: Any = torch.utils.data.DataLoader(data, batch_size=2)  # type: ignore[arg-type]
    with tracelab.trace() as trace:
        error = raised(lambda: list(loader))
    assert type(error) is type(raised(lambda: list(loader)))
    fine, failed = trace.find("_MapDatasetFetcher.fetch")
    assert fine.status == "ok"
    found = {name: failed.facts[name] for name in ("column", "problem", "rows_at_fault", "dataset_rows")}
    assert found == {"column": "ids", "problem": problem, "rows_at_fault": (1,), "dataset_rows": (3,)}


def test_a_list_in_itself_is_not_followed_for_ever() -> None:
    itself: list[Any] = []
    itself.extend([itself] * 100)
    with tracelab.trace() as trace:
        raised(lambda: default_data_collator([{"ids": itself}, {"ids": itself}]))
    assert trace.find("default_data_collator")[0].facts["rows"] == 2
    assert trace.internal_errors == 0


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (3, ()),
        ([], (0,)),
        ([1, 2], (2,)),
        ([[1, 2], [3, 4], [5, 6]], (3, 2)),
        ([[1, 2], [3]], None),
        ([[1], 2], None),
        (torch.zeros(2, 3), (2, 3)),
        ([[[0] * 224] * 224] * 3, (3, 224, 224)),
        ([1] * 20_000, (20_000,)),
    ],
)
def test_the_shape_of_nested_lists(value: Any, shape: tuple[int, ...] | None) -> None:
    assert shape_in(value) == shape


def test_keys_of_a_class_of_ones_own_are_not_asked() -> None:
    asked: list[object] = []

    class Name(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            asked.append(other)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    given = [{Name("ids"): [1]}, {Name("ids"): [1, 2]}]
    raised(lambda: default_data_collator(given))
    alone = len(asked)
    with tracelab.trace() as trace:
        raised(lambda: default_data_collator(given))
    assert len(asked) == 2 * alone
    assert trace.find("default_data_collator")[0].facts == {"rows": 2}


def test_the_rows_are_private() -> None:
    with tracelab.trace() as trace:
        raised(lambda: padded()(words(label=["secret", "secret", "secret"])))
    assert "secret" not in repr(trace.columns)
