"""The columns that a Trainer drops before a batch is made, and the signature that decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

import tracelab

from .rows import TEXTS, rows, tokenizer

datasets = pytest.importorskip("datasets")

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")

TAKEN = {"input_ids", "attention_mask", "token_type_ids", "labels"}


def model() -> Any:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=16, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    return BertForSequenceClassification(config)


def trainer(folder: Path, data: Any, whole: Any = None, **options: Any) -> Trainer:
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=2,
        max_steps=2,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        **options,
    )
    return Trainer(
        model=whole or model(),
        args=arguments,
        train_dataset=data,
        data_collator=DataCollatorWithPadding(tokenizer()),
    )


def table() -> Any:
    words = tokenizer()
    return datasets.Dataset.from_list(rows(words, labels=[0, 1, 0], text=TEXTS, idx=[7, 8, 9]))


def test_what_was_dropped_and_by_which_signature(tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        trainer(tmp_path, table()).train()
    (call,) = trace.find("Trainer._remove_unused_columns")
    facts = call.facts
    assert facts["dropped"] == ("text", "idx")
    assert set(facts["kept"]) == TAKEN
    assert facts["signature"] == "BertForSequenceClassification.forward"
    assert set(facts["accepted"]) > TAKEN
    # two steps of the three rows in twos: 4 + 8, 4, in an order that the sampler chose
    collated = trace.find("DataCollatorWithPadding.__call__")
    assert [call.facts["rows"] for call in collated][:2] == [2, 1]
    assert all("text" not in call.facts["columns"] for call in collated)
    assert trace.internal_errors == 0


def test_a_list_of_rows_loses_its_columns_at_each_batch(tmp_path: Path) -> None:
    data = rows(tokenizer(), labels=[0, 1, 0], text=TEXTS)
    with tracelab.trace() as trace:
        trainer(tmp_path, data).train()
    call = trace.find("RemoveColumnsCollator.__call__")[0]
    assert call.facts["dropped"] == ("text",)
    assert call.facts["signature"] == "BertForSequenceClassification.forward"
    assert [inner.name for inner in call.children] == ["DataCollatorWithPadding.__call__"]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
def test_under_an_adapter_the_base_model_decides(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    whole = peft.get_peft_model(model(), peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query"]))
    with tracelab.trace() as trace:
        trainer(tmp_path, table(), whole).get_train_dataloader()
    facts = trace.find("Trainer._remove_unused_columns")[0].facts
    assert facts["signature"] == "BertForSequenceClassification.forward"


def test_nothing_is_dropped_where_the_trainer_was_told_so(tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        trainer(tmp_path, table(), remove_unused_columns=False).get_train_dataloader()
    facts = trace.find("Trainer._remove_unused_columns")[0].facts
    assert facts["dropped"] == ()
    assert "signature" not in facts


def test_the_text_that_was_not_dropped_is_named_when_the_batch_fails(tmp_path: Path) -> None:
    run = trainer(tmp_path, table(), remove_unused_columns=False)
    with tracelab.trace() as trace, pytest.raises(ValueError, match="Unable to create tensor"):
        run.train()
    failed = trace.find("DataCollatorWithPadding.__call__", status="error")[0].facts
    assert (failed["column"], failed["problem"], failed["rows_at_fault"]) == ("text", "text", (0, 1))
    assert len(failed["dataset_rows"]) == 2


def test_a_dataset_without_rows(tmp_path: Path) -> None:
    with tracelab.trace() as trace, pytest.raises(ValueError, match="num_samples"):
        trainer(tmp_path, table().select([])).train()
    facts = trace.find("Trainer._remove_unused_columns")[0].facts
    assert (facts["rows"], facts["problem"]) == (0, "empty")


def test_no_column_fits_the_model(tmp_path: Path) -> None:
    data = datasets.Dataset.from_dict({"text": ["a", "b"]})
    with tracelab.trace() as trace, pytest.raises(ValueError, match="No columns in the dataset match"):
        trainer(tmp_path, data).train()
    call = trace.find("Trainer._remove_unused_columns")[0]
    assert (call.status, call.facts["dropped"], call.facts["kept"]) == ("error", ("text",), ())
    assert call.facts["signature"] == "BertForSequenceClassification.forward"
    assert "dropped text" in str(trace)


def test_the_weights_are_the_same_to_the_bit(tmp_path: Path) -> None:
    untraced, traced = model(), model()
    trainer(tmp_path, table(), untraced).train()
    with tracelab.trace():
        trainer(tmp_path, table(), traced).train()
    for name, weight in untraced.state_dict().items():
        assert torch.equal(weight, traced.state_dict()[name]), name
