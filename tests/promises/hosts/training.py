"""Training: three steps of the real Trainer, a loop of one's own, checkpointing in both ways."""

from __future__ import annotations

import tempfile
from typing import Any

import torch
from torch import nn

from ...models import ZOO
from .host import Host


def trained(model: Any, **options: Any) -> Any:
    """Three steps of the Trainer on eight made-up rows; weights, optimizer, losses."""
    from transformers import Trainer, TrainingArguments

    torch.manual_seed(5)
    rows = [{"input_ids": torch.randint(5, 60, (7,)), "unused": 1} for _ in range(8)]
    rows = [{**row, "labels": row["input_ids"].clone()} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            output_dir=folder,
            max_steps=3,
            per_device_train_batch_size=2,
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=3,
            **options,
        )
        trainer = Trainer(model=model, args=settings, train_dataset=rows, eval_dataset=rows[:2])
        trainer.train()
        history = [
            {key: value for key, value in entry.items() if "runtime" not in key and "per_second" not in key}
            for entry in [*trainer.state.log_history, trainer.evaluate()]
        ]
    assert trainer.state.global_step == 3
    return model.state_dict(), trainer.optimizer.state_dict(), history


def trained_with_all(model: Any) -> Any:
    return trained(
        model,
        gradient_checkpointing=True,
        gradient_accumulation_steps=2,
        eval_strategy="steps",
        eval_steps=1,
        label_smoothing_factor=0.1,
        max_grad_norm=0.5,
        bf16=True,
    )


def own_loop(model: nn.Module) -> Any:
    """AdamW, clipping, a schedule and a hook on a gradient; every gradient of every step."""
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
    ids, seen = ZOO["llama"].inputs()["input_ids"], []
    next(model.parameters()).register_hook(lambda gradient: seen.append(gradient.clone()))
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(ids, labels=ids).loss
        loss.backward()
        seen += [loss, nn.utils.clip_grad_norm_(model.parameters(), 0.5)]
        seen += [weight.grad.clone() for weight in model.parameters()]
        optimizer.step()
        schedule.step()
    return seen, model, optimizer.state_dict()


def checkpointed(reentrant: bool) -> Any:
    def act(model: Any) -> Any:
        model.train().gradient_checkpointing_enable({"use_reentrant": reentrant})
        ids, runs = ZOO["llama"].inputs()["input_ids"], []
        for layer in model.model.layers:
            layer.mlp.register_forward_pre_hook(lambda module, args: runs.append(torch.is_grad_enabled()))
        model(ids, labels=ids, use_cache=False).loss.backward()
        return runs, [weight.grad for weight in model.parameters()]

    return act


LLAMA = ZOO["llama"].build
TRAININGS = [
    Host("own loop", LLAMA, own_loop),
    Host("checkpointed", LLAMA, checkpointed(False)),
    Host("checkpointed, reentrant", LLAMA, checkpointed(True)),
]
TRAINERS = [
    Host("Trainer", LLAMA, trained),
    Host("Trainer with all", LLAMA, trained_with_all),
    Host("Trainer of gpt2", ZOO["gpt2"].build, trained),
]
