"""Loops of plain PyTorch: which calls make up a step, in every order that programs have."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab

from .loops import X, Y, both, loss_of, net, phases, rows


def test_the_phases_of_a_step_are_calls_of_their_kind() -> None:
    def program() -> nn.Module:
        model = net()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(model).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return model

    trace = both(program)
    kinds = [(call.kind, call.function) for call in trace.roots[:6]]
    assert kinds == [
        ("method", "zero_grad"),
        ("module", "forward"),
        ("loss", "cross_entropy"),
        ("backward", "backward"),
        ("function", "clip_grad_norm_"),
        ("optimizer", "step"),
    ]
    steps = trace.steps()
    assert [(step.index, step.phase, step.input) for step in steps] == [
        (n, "train", (6, 4)) for n in range(3)
    ]
    assert list(steps[0].times) == ["forward", "loss", "backward", "clip", "optimizer", "zero_grad"]
    assert sum(steps[0].times.values()) - steps[0].times["zero_grad"] <= steps[0].duration
    assert all(
        call.call_site.file.endswith(("test_plain_loops.py", "loops.py"))
        for call in trace.roots
        if call.call_site
    )


def test_loss_rate_and_norm_are_those_of_a_model_worked_out_by_hand() -> None:
    """y = w x with w = 2, x = 3: y = 6, loss = y² = 36, gradient 2 y x = 36.

    That is clipped to 9, so w = 2 - 0.5 · 9.
    """
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with tracelab.trace(values=True, stats=True) as trace:
        (model(torch.tensor([[3.0]])) ** 2).sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 9.0)
        optimizer.step()
    assert model.weight.item() == pytest.approx(2 - 0.5 * 9)
    facts = trace.steps()[0].facts
    assert facts["loss"] == 36.0
    assert facts["learning_rate"] == 0.5
    assert facts["norm_before_clip"] == pytest.approx(36.0)
    assert facts["grad_norm"] == pytest.approx(9.0)


def test_values_and_norms_are_kept_only_where_they_were_asked_for() -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    with tracelab.trace() as trace:
        loss_of(model).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 9.0)
        optimizer.step()
    assert dict(trace.steps()[0].facts) == {"optimizer_class": "SGD"}
    assert "norm" not in trace.find("clip_grad_norm_")[0].facts


def test_accumulated_batches_are_one_step() -> None:
    """Five batches of 1 to 5 rows, a step after every second one and after the last."""

    def program() -> nn.Module:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for number in range(5):
            (loss_of(model, number + 1) / 2).backward()
            if number % 2 or number == 4:
                optimizer.step()
                optimizer.zero_grad()
        return model

    trace = both(program, values=True)
    steps = trace.steps()
    assert rows(steps, "accumulated") == [((2, 2),), ((2, 2),), ((1, 2),)]
    assert [len(step.facts["loss"]) for step in steps[:2]] == [2, 2]
    assert [step.input for step in steps] == [(1, 4), (3, 4), (5, 4)]
    assert all("zero_grad" in step.times for step in steps)


def test_a_closure_runs_model_and_backward_inside_the_optimizer() -> None:
    def program() -> nn.Module:
        model = net()
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model)
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        return model

    trace = both(program, stats=True)
    steps = trace.steps()
    assert rows(steps, "closure", "accumulated") == [(3, None), (3, None)]
    assert all("grad_norm" in step.facts and "without_gradient" not in step.facts for step in steps)
    assert sum(steps[0].times.values()) <= trace.find(kind="optimizer")[0].duration * 1.001


class Half(nn.Module):
    """A generator or a discriminator."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        done: torch.Tensor = self.linear(x)
        return done


class Generator(Half):
    """Makes rows."""


class Critic(Half):
    """Judges rows."""


def test_two_optimizers_have_steps_of_their_own_models() -> None:
    generator, critic, loss = Generator(4), Critic(1), nn.BCEWithLogitsLoss()
    of_generator = torch.optim.SGD(generator.parameters(), lr=0.1)
    of_critic = torch.optim.SGD(critic.parameters(), lr=0.1)
    with tracelab.trace() as trace:
        for _ in range(3):
            of_critic.zero_grad()
            real, made = critic(X), critic(generator(X).detach())
            (loss(real, torch.ones(6, 1)) + loss(made, torch.zeros(6, 1))).backward()
            of_critic.step()
            of_generator.zero_grad()
            loss(critic(generator(X)), torch.ones(6, 1)).backward()
            of_generator.step()
    steps = trace.steps()
    assert phases(trace) == ["train"] * 6
    assert [step.call.root for step in steps] == ["Critic", "Generator"] * 3
    assert all(set(step.times) >= {"forward", "loss", "backward", "optimizer", "zero_grad"} for step in steps)


def test_one_loss_for_two_optimizers_is_one_step() -> None:
    encoder, head = Generator(4), Critic(1)
    both_of_them = [torch.optim.SGD(part.parameters(), lr=0.1) for part in (encoder, head)]
    with tracelab.trace() as trace:
        for _ in range(2):
            head(encoder(X)).sum().backward()
            for optimizer in both_of_them:
                optimizer.step()
                optimizer.zero_grad()
    assert phases(trace) == ["train", "train"]
    assert trace.steps()[0].facts["optimizer_class"] == "SGD"


def test_a_second_backward_of_one_graph_belongs_to_the_same_batch() -> None:
    model, optimizer = net(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tracelab.trace() as trace:
        for _ in range(2):
            out = model(X)
            out.sum().backward(retain_graph=True)
            out.mean().backward()
            optimizer.step()
    assert rows(trace.steps(), "accumulated") == [(None,), (None,)]
    assert trace.count("backward") == 4


@pytest.mark.parametrize("shared", [False, True], ids=["own line", "line shared with training"])
def test_evaluation_between_steps_and_a_teacher_are_told_apart(shared: bool) -> None:
    model, teacher = net(), Critic(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def run(x: torch.Tensor) -> Any:
        return model(x)

    def evaluate() -> None:
        with torch.no_grad():
            for size in (2, 3):
                run(X[:size]) if shared else model(X[:size])

    with tracelab.trace() as trace:
        for _ in range(3):
            with torch.no_grad():
                teacher(X)
            out = run(X)
            nn.functional.cross_entropy(out, Y).backward()
            optimizer.step()
            optimizer.zero_grad()
            evaluate()
    assert phases(trace) == ["train", "eval", "eval"] * 3
    inputs = [step.input for step in trace.steps()]
    assert inputs == [(6, 4), (2, 4), (3, 4)] * 3
    assert {step.call.root for step in trace.steps()} == {"Sequential"}


def test_a_scaler_that_skips_says_so() -> None:
    """The scale is 4 at first, an infinite loss is skipped and halves it; the loss is the unscaled one."""

    def program() -> nn.Module:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        for number in range(3):
            optimizer.zero_grad()
            loss = loss_of(model) * (float("inf") if number == 1 else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return model

    trace = both(program, values=True)
    steps = trace.steps()
    assert rows(steps, "skipped") == [(None,), (True,), (None,)]
    assert steps[0].facts["loss"] == pytest.approx(loss_of(net()).item())
    assert "optimizer_class" not in steps[1].facts


class Boom(torch.autograd.Function):
    """Fails in backward."""

    error: BaseException = ValueError("no")

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        """The same values."""
        return x * 1

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Nothing."""
        raise Boom.error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_the_table_ends_where_backward_was_left(error: BaseException) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    Boom.error = error
    with pytest.raises(type(error)), tracelab.trace() as trace:
        for number in range(3):
            loss = loss_of(model)
            (Boom.apply(loss) if number == 2 else loss).backward()
            optimizer.step()
    assert rows(trace.steps(), "ended") == [(None,), (None,), (type(error).__name__,)]
    assert f"ended by {type(error).__name__}" in text(trace)


def text(trace: tracelab.Trace) -> str:
    from io import StringIO

    from tracelab.renderers.steps import show_steps

    out = StringIO()
    show_steps(trace, width=160, file=out)
    return out.getvalue()


def test_steps_without_any_optimizer_end_at_backward() -> None:
    model = net()
    with tracelab.trace() as trace:
        for _ in range(3):
            loss_of(model).backward()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter -= 0.1 * parameter.grad
            model.zero_grad()
    assert phases(trace) == ["train"] * 3
    assert rows(trace.steps(), "ended") == [(None,)] * 3


def test_threads_train_side_by_side() -> None:
    def train() -> None:
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            loss_of(model).backward()
            optimizer.step()

    with tracelab.trace() as trace:
        threads = [threading.Thread(target=train) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for thread in threads:
        own = [step.index for step in trace.steps() if step.call.thread == thread.name]
        assert own == [0, 1, 2, 3, 4]


def test_batches_of_a_loop_are_known_by_their_collators_one_ahead() -> None:
    """Of two batches of one shape 1/4 and 1/2 is padding; the second is made before the first is used."""
    trace = looking_ahead()
    made = [call.id for call in trace.find("collate")]
    for row, share in zip(made, (0.25, 0.5), strict=True):
        trace.columns.facts[row] = {"padding_share": share}
    assert rows(trace.steps(), "padding_share") == [(0.25,), (0.5,)]


def collate() -> dict[str, torch.Tensor]:
    """A batch; what it says of padding is put in by the test."""
    return {"input_ids": torch.ones(6, 4)}


def looking_ahead() -> tracelab.Trace:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tracelab.trace(
        collate, net, nn.Sequential, torch.optim.Optimizer, "torch.autograd:backward"
    ) as trace:
        batches = [collate(), collate()]
        for batch in batches:
            model(batch["input_ids"]).sum().backward()
            optimizer.step()
    return trace


@pytest.mark.parametrize("number", [1, 5])
def test_evaluation_between_the_only_two_steps(number: int) -> None:
    """There is nothing to compare a single step with; a line that comes five times is a loop of its own."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tracelab.trace() as trace:
        loss_of(model).backward()
        optimizer.step()
        with torch.no_grad():
            for _ in range(number):
                model(X[:2])
        model(X).sum().backward()
        optimizer.step()
    found = phases(trace)
    assert found == (["train", *["eval"] * 5, "train"] if number == 5 else ["train", "train"])


def test_inference_has_no_steps() -> None:
    model = net()
    with tracelab.trace() as trace:
        model(X)
    assert trace.steps() == []


def test_steps_come_back_from_a_file(tmp_path: Path) -> None:
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with tracelab.trace(values=True, stats=True) as trace:
        for rows_of_batch in (2, 5, 3, 6):
            loss_of(model, rows_of_batch).backward()
            optimizer.step()
    for name in ("run.json", "run.json.gz"):
        trace.save(tmp_path / name)
        loaded = tracelab.load(tmp_path / name)
        assert [(s.facts, s.times, s.input) for s in loaded.steps()] == [
            (s.facts, s.times, s.input) for s in trace.steps()
        ]
    assert trace.step(-1).input == (6, 4)
    with pytest.raises(IndexError, match="there is no step 4: this trace has 4 of training"):
        trace.step(4)
    table = text(loaded)
    assert "0–3   train  [2–6,4] varied" in table
    assert "grad norm" in table and "loss" in table and "padding" not in table
