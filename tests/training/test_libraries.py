"""`Trainer` and `accelerate`: steps with numbers worked out by hand, and the weights of untraced runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainingArguments,
)

import tracelab

from .loops import phases, rows, same_weights


@pytest.fixture(autouse=True)
def no_accelerator_before_or_after() -> Iterator[None]:
    """accelerate keeps what it found out about the process for good; other tests want to choose anew."""
    forget()
    yield
    forget()


def forget() -> None:
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def bert() -> Any:
    """A classifier whose head says nothing yet: its loss is ln 2."""
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(vocab_size=50, max_position_embeddings=32, **SIZES))
    nn.init.zeros_(model.classifier.weight)
    return model


def pairs(number: int) -> list[dict[str, torch.Tensor]]:
    """Rows of 8 ids, of which the last 2 are padding."""
    mask = torch.tensor([1] * 6 + [0] * 2)
    return [
        {"input_ids": torch.arange(5, 13), "attention_mask": mask, "labels": torch.tensor(n % 2)}
        for n in range(number)
    ]


def trained(folder: Path, traced: bool, **options: Any) -> tuple[Any, Any]:
    model, trace = bert(), None
    arguments = TrainingArguments(
        str(folder),
        max_steps=3,
        per_device_train_batch_size=2,
        per_device_eval_batch_size=6,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        disable_tqdm=True,
        logging_strategy="no",
        **options,
    )
    trainer = Trainer(model, arguments, train_dataset=pairs(12), eval_dataset=pairs(12))
    if traced:
        with tracelab.trace(values=True, stats=True) as trace:
            trainer.train()
    else:
        trainer.train()
    return model, trace


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gradient_accumulation_steps": 2},
        {"eval_strategy": "steps", "eval_steps": 2},
    ],
    ids=["plain", "accumulated", "with evaluation"],
)
def test_three_steps_of_a_trainer_leave_the_same_weights(tmp_path: Path, options: dict[str, Any]) -> None:
    plain, _ = trained(tmp_path, False, **options)
    traced, trace = trained(tmp_path, True, **options)
    assert same_weights(plain, traced) and trace.internal_errors == 0
    steps = [step for step in trace.steps() if step.phase == "train"]
    assert [(step.index, step.input, step.logits) for step in steps] == [
        (n, (2, 8), (2, 2)) for n in range(3)
    ]
    assert {step.loop.name for step in steps} == {"Trainer._inner_training_loop"}
    # The rate falls evenly from 5e-5 to 0 in three steps.
    assert [step.facts["learning_rate"] for step in steps] == pytest.approx([5e-5, 5e-5 * 2 / 3, 5e-5 / 3])
    # 2 of 8 places of each row are padding.
    assert rows(steps, "padding_share") == [(0.25,)] * 3
    first = steps[0].facts["loss"]
    assert (first if isinstance(first, float) else first[0]) == pytest.approx(math.log(2))
    assert all(
        {"forward", "loss", "backward", "clip", "optimizer", "scheduler", "zero_grad"} == set(step.times)
        for step in steps
    )
    expected = [(2, 2)] * 3 if "gradient_accumulation_steps" in options else [None] * 3
    assert [step.facts.get("accumulated") for step in steps] == expected
    if "eval_strategy" in options:
        # Evaluations after step 2 and after the last: 12 rows in batches of 6.
        assert phases(trace) == ["train", "train", "eval", "eval", "train", "eval", "eval"]
        evaluated = [step for step in trace.steps() if step.phase == "eval"]
        assert [step.input for step in evaluated] == [(6, 8)] * 4
        assert {step.loop.name for step in evaluated} == {"Trainer.evaluate"}
        assert all(isinstance(step.facts["loss"], float) for step in evaluated)


def test_the_gradients_of_bert_are_those_worked_out_by_hand() -> None:
    """5 tensors of embeddings, 16 of each of 2 layers, 2 of the pooler, 2 of the classifier: 41.

    The head gives 0 for both labels, so each probability is 1/2.  With both labels 0 the gradient of the
    classifier's bias is the mean of (1/2 - 1, 1/2), of norm sqrt(1/2).
    """
    model = bert()
    bias = model.classifier.bias
    others = [one for one in model.parameters() if one is not bias]
    optimizer = torch.optim.AdamW([{"params": others}, {"params": [bias]}], lr=0.01)
    batch = torch.arange(5, 13).repeat(2, 1)
    with tracelab.trace(values=True, stats=True) as trace:
        model(input_ids=batch, labels=torch.tensor([0, 0])).loss.backward()
        optimizer.step()
    facts = trace.find(kind="optimizer")[0].facts
    assert facts["parameters"] == len(facts["gradients"]) == 5 + 2 * 16 + 2 + 2
    assert dict(facts["group_norms"])[1] == pytest.approx(math.sqrt(0.5))
    assert dict(facts["gradients"])["bert.encoder.layer.1.intermediate.dense.weight"] == (32, 16)
    assert trace.steps()[0].facts["loss"] == pytest.approx(math.log(2))


@pytest.mark.parametrize(
    ("model", "tensors"),
    [
        # 2 embeddings, 12 for each of 2 layers, 2 of the last norm; the head is tied.
        (
            lambda: GPT2LMHeadModel(
                GPT2Config(vocab_size=99, n_embd=16, n_layer=2, n_head=2, n_positions=32)
            ),
            28,
        ),
        # 1 embedding, 9 for each of 2 layers, 1 norm, 1 head.
        (lambda: LlamaForCausalLM(LlamaConfig(vocab_size=99, **SIZES)), 21),
    ],
    ids=["GPT-2", "Llama"],
)
def test_causal_models_begin_at_the_logarithm_of_their_vocabulary(model: Any, tensors: int) -> None:
    made = model()
    nn.init.zeros_(made.get_output_embeddings().weight)
    optimizer = torch.optim.SGD(made.parameters(), lr=0.1)
    ids = torch.arange(3, 15).reshape(2, 6)
    mask = torch.tensor([[1] * 6, [1] * 3 + [0] * 3])
    with tracelab.trace(values=True, stats=True) as trace:
        made(input_ids=ids, attention_mask=mask, labels=ids).loss.backward()
        optimizer.step()
    step, facts = trace.steps()[0], trace.find(kind="optimizer")[0].facts
    assert (step.input, step.mask, step.logits) == ((2, 6), (2, 6), (2, 6, 99))
    assert step.facts["loss"] == pytest.approx(math.log(99))
    assert step.facts["padding_share"] == pytest.approx(3 / 12)
    assert facts["parameters"] == tensors


def test_an_encoder_decoder_step_is_one_step() -> None:
    """T5 with a shared embedding of zeros: all logits are 0 and the loss is ln 99."""
    config = T5Config(
        vocab_size=99, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
    )
    model = T5ForConditionalGeneration(config)
    nn.init.zeros_(model.shared.weight)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    with tracelab.trace(values=True) as trace:
        for _ in range(2):
            model(
                input_ids=torch.ones(2, 6, dtype=torch.long), labels=torch.ones(2, 4, dtype=torch.long)
            ).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    first = trace.steps()[0]
    assert phases(trace) == ["train", "train"]
    assert (first.input, first.logits) == ((2, 6), (2, 4, 99))
    assert first.facts["loss"] == pytest.approx(math.log(99))


def accelerated(accumulate: int) -> nn.Module:
    forget()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulate)
    model = bert()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, 10)
    loader = torch.utils.data.DataLoader(pairs(8), batch_size=2)
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(**batch).loss)
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    return model


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_accelerate_loop_has_a_row_for_each_real_step(accumulate: int) -> None:
    plain = accelerated(accumulate)
    with tracelab.trace(values=True, stats=True) as trace:
        traced = accelerated(accumulate)
    assert same_weights(plain, traced) and trace.internal_errors == 0
    steps = trace.steps()
    assert len(steps) == 4 // accumulate  # 8 rows in batches of 2
    assert {call.name for call in trace.find(kind="optimizer")} == {"AcceleratedOptimizer.step", "AdamW.step"}
    over = [(accumulate, accumulate)] if accumulate > 1 else [None]
    assert [step.facts.get("accumulated") for step in steps] == over * len(steps)
    first = steps[0].facts["loss"]
    assert (first if isinstance(first, float) else first[0]) == pytest.approx(math.log(2))
    assert steps[0].facts["padding_share"] == 0.25 and steps[0].facts["learning_rate"] == 0.01
    assert "grad_norm" in steps[0].facts and set(steps[0].times) >= {"clip", "scheduler", "zero_grad"}
