"""The losses of the Trainer: its own denominator, its label smoother, a loss function of the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import tracelab
from tracelab.calls import Loss

from .batches import IDS, LABELS, llama

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*")

ROWS = [{"input_ids": ids, "labels": labels} for ids, labels in zip(IDS, LABELS, strict=True)] * 6


def train(folder: Path, options: dict[str, Any], traced: bool, **more: Any) -> tuple[Any, list[Loss]]:
    """The weights after three steps of two micro-batches of two rows, and the losses."""
    from transformers import Trainer, TrainingArguments, default_data_collator

    torch.manual_seed(0)
    model = llama()
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        max_steps=3,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        **options,
    )
    trainer = Trainer(
        model=model, args=arguments, train_dataset=ROWS, data_collator=default_data_collator, **more
    )
    if not traced:
        trainer.train()
        return model.state_dict(), []
    with tracelab.trace() as trace:
        trainer.train()
    return model.state_dict(), trace.losses()


def both(folder: Path, options: dict[str, Any], **more: Any) -> list[Loss]:
    plain, _ = train(folder, options, traced=False, **more)
    found, losses = train(folder, options, traced=True, **more)
    assert plain.keys() == found.keys()
    assert all(torch.equal(plain[name], found[name]) for name in plain)
    assert len(losses) == 3 * 2
    return losses


def test_a_denominator_for_both_micro_batches(tmp_path: Path) -> None:
    for loss in both(tmp_path, {}):
        assert (loss.function, loss.shifted, loss.labels) == ("ForCausalLMLoss", "inside", 12)
        assert loss.ignored is not None
        assert loss.ignored >= 2
        assert loss.denominator == loss.num_items_in_batch
        assert loss.num_items_in_batch is not None
        # Four rows, of which each counts five or three labels.
        assert 12 <= loss.num_items_in_batch <= 20


def test_label_smoothing(tmp_path: Path) -> None:
    for loss in both(tmp_path, {"label_smoothing_factor": 0.1}):
        assert (loss.function, loss.smoothing, loss.shifted) == ("LabelSmoother", 0.1, "inside")
        assert loss.labels == 10


def user_s(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    logits = outputs["logits"][:, :-1].transpose(1, 2)
    return functional.cross_entropy(logits, labels[:, 1:], reduction="sum") / num_items_in_batch


def test_a_loss_function_of_the_user_s(tmp_path: Path) -> None:
    function: Callable[..., torch.Tensor] = user_s
    for loss in both(tmp_path, {}, compute_loss_func=function):
        # 2 rows of 6 labels without the first; the sum is divided by the user's own line.
        assert (loss.function, loss.reduction, loss.denominator) == ("cross_entropy", "sum", 1)
        assert (loss.shifted, loss.labels) == ("by the caller", 10)
        assert loss.call.call_site is not None
        assert loss.call.call_site.file == __file__
