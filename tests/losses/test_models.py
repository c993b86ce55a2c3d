"""Labels counted and ignored, the denominator and the shift, by hand on real models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy as bound_before

import tracelab
from tracelab.calls import LabelPlace, Loss

from .batches import IDS, LABELS, bert, both, gpt2, llama, t5


def loss_of(trace: tracelab.Trace) -> Loss:
    (loss,) = trace.losses()
    return loss


def test_classification_of_pairs() -> None:
    model, types = bert("SequenceClassification", num_labels=2), torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    labels = torch.tensor([0, 1])
    loss = loss_of(both(lambda: model(IDS, token_type_ids=types, labels=labels).loss))
    assert (loss.function, loss.computes) == ("CrossEntropyLoss", ("cross_entropy",))
    assert (loss.logits, loss.labels_shape) == ((2, 2), (2,))
    # One label for each pair, none ignored.
    assert (loss.labels, loss.ignored, loss.denominator) == (2, 0, 2)
    assert (loss.shifted, loss.reduction, loss.ignore_index, loss.classes) == (None, "mean", -100, 2)
    assert loss.model is not None
    assert loss.model.name == "BertForSequenceClassification.forward"
    assert loss.call.facts["denominator"] == 2
    assert loss.call.facts["shifted"] is False


@pytest.mark.parametrize("build", [gpt2, llama], ids=["gpt2", "llama"])
@pytest.mark.filterwarnings("ignore:.*loss_type.*")
def test_causal_training_shifts_inside(build: Any) -> None:
    model = build()
    trace = both(lambda: model(IDS, labels=LABELS).loss)
    loss = loss_of(trace)
    assert loss.function == "ForCausalLMLoss"
    assert loss.file is not None
    assert loss.file.endswith("loss/loss_utils.py")
    source = Path(loss.file.replace("~", str(Path.home()))).read_text().splitlines()
    assert loss.line is not None
    assert source[loss.line - 1].startswith("def ForCausalLMLoss(")
    # Padded by one at the right and shifted: 2 x 6 labels.  Row 0 loses its first label and ends in one
    # ignored; row 1 counts 12, 13, 14 and ignores three: 12 labels, 1 + 3 ignored, 8 count.
    assert (loss.logits, loss.labels_shape) == ((2, 6, 32), (2, 6))
    assert (loss.logits_after, loss.labels_after) == ((12, 32), (12,))
    assert (loss.labels, loss.ignored, loss.denominator) == (12, 4, 8)
    assert loss.shifted == "inside"
    assert loss.call.kind == "loss"
    assert loss.call.facts["shifted"] is True
    # One story: the calls below it are its children.
    assert [call.name for call in trace.find(kind="loss")] == [
        "ForCausalLMLoss",
        "fixed_cross_entropy",
        "cross_entropy",
    ]
    (inner,) = loss.call.children
    assert [call.name for call in inner.children] == ["cross_entropy"]


@pytest.mark.parametrize("number", [20, torch.tensor(20)], ids=["int", "tensor"])
def test_the_denominator_of_a_whole_accumulated_batch(number: Any) -> None:
    model = llama()
    loss = loss_of(both(lambda: model(IDS, labels=LABELS, num_items_in_batch=number).loss))
    # The sum over 8 labels is divided by what the Trainer counted over all micro-batches.
    assert (loss.labels, loss.ignored, loss.denominator, loss.num_items_in_batch) == (12, 4, 20, 20)
    assert loss.reduction == "sum"
    assert loss.call.facts["num_items_in_batch"] == 20


def test_labels_that_were_shifted_before() -> None:
    model, shifted = llama(), functional.pad(LABELS, (0, 1), value=-100)[..., 1:].contiguous()
    loss = loss_of(both(lambda: model(IDS, labels=LABELS, shift_labels=shifted).loss))
    assert (loss.shifted, loss.labels, loss.ignored, loss.denominator) == ("by the caller", 12, 4, 8)


def test_a_decoder_s_inputs_are_shifted_and_not_its_labels() -> None:
    model = t5()
    loss = loss_of(both(lambda: model(input_ids=IDS, labels=LABELS).loss))
    # 12 labels, 2 of them padding, all others count: the first one too.
    assert (loss.labels, loss.ignored, loss.denominator) == (12, 2, 10)
    assert loss.shifted == "by the inputs"
    assert (loss.logits, loss.labels_shape) == ((2, 6, 32), (2, 6))
    assert (loss.logits_after, loss.labels_after) == ((12, 32), (12,))


def test_classification_of_tokens() -> None:
    model, labels = bert("TokenClassification", num_labels=5), LABELS.clamp(max=4)
    loss = loss_of(both(lambda: model(IDS, labels=labels).loss))
    assert (loss.labels, loss.ignored, loss.denominator, loss.classes) == (12, 2, 10, 5)
    assert (loss.logits, loss.labels_shape, loss.shifted) == ((2, 6, 5), (2, 6), None)


def test_masked_words() -> None:
    model, labels = bert("MaskedLM"), torch.full((2, 6), -100)
    labels[0, 2], labels[1, 1] = 7, 12
    loss = loss_of(both(lambda: model(IDS, labels=labels).loss))
    assert (loss.labels, loss.ignored, loss.denominator, loss.shifted) == (12, 10, 2, None)


@pytest.mark.parametrize("build", [bert, llama], ids=["bert", "llama"])
def test_regression_and_several_labels_at_once(build: Any) -> None:
    one, three = (
        build("SequenceClassification", num_labels=1),
        build("SequenceClassification", num_labels=3, problem_type="multi_label_classification"),
    )
    loss = loss_of(both(lambda: one(IDS, labels=torch.tensor([0.5, 1.5])).loss))
    assert (loss.computes, loss.labels, loss.ignored, loss.denominator) == (("mse_loss",), 2, 0, 2)
    loss = loss_of(both(lambda: three(IDS, labels=torch.ones(2, 3)).loss))
    # Each of 2 rows has 3 yes-or-no labels.
    assert loss.computes == ("binary_cross_entropy_with_logits",)
    assert (loss.labels, loss.ignored, loss.denominator) == (6, 0, 6)
    if build is llama:
        assert (loss.function, loss.problem_type) == (
            "ForSequenceClassificationLoss",
            "multi_label_classification",
        )


def test_questions_have_two_losses() -> None:
    model = bert("QuestionAnswering")
    start, end = torch.tensor([1, 2]), torch.tensor([3, 9])
    losses = both(lambda: model(IDS, start_positions=start, end_positions=end).loss).losses()
    # The end at 9 is outside of 6 positions: clamped to 6, which is the label that is ignored.
    assert [(loss.labels, loss.ignored, loss.denominator, loss.ignore_index) for loss in losses] == [
        (2, 0, 2, 6),
        (2, 1, 1, 6),
    ]


def weighted(inputs: torch.Tensor, logits: torch.Tensor, keytokens: list[int]) -> torch.Tensor:
    """The loss of the course's chapter 7.6: rows weigh more the more key tokens they have."""
    labels, shifted = inputs[..., 1:].contiguous(), logits[..., :-1, :].contiguous()
    each = nn.CrossEntropyLoss(reduction="none")(shifted.view(-1, shifted.size(-1)), labels.view(-1))
    rows = each.view(shifted.size(0), shifted.size(1)).mean(dim=1)
    weights = torch.stack([(inputs == token).float() for token in keytokens]).sum(dim=[0, 2])
    return (rows * (1.0 + weights)).mean()


def test_the_weighted_loss_of_chapter_7_6() -> None:
    model = gpt2()
    loss = loss_of(both(lambda: weighted(IDS, model(IDS).logits, [6, 7])))
    # 2 rows of 6 lose one place each: 10 labels, one number for each, nothing is divided in torch.
    assert (loss.labels, loss.ignored, loss.denominator, loss.reduction) == (10, 0, None, "none")
    assert (loss.shifted, loss.call.facts["shifted"]) == ("by the caller", True)
    assert (loss.logits, loss.labels_shape) == ((2, 6, 32), (2, 6))
    assert (loss.logits_after, loss.labels_after) == ((10, 32), (10,))
    assert loss.model is not None
    assert loss.model.name == "GPT2LMHeadModel.forward"


def test_a_function_that_was_imported_by_name_is_seen() -> None:
    logits, labels = torch.ones(3, 4), torch.tensor([0, 3, -100])
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    trace = both(lambda: bound_before(logits, labels, weight=weight, label_smoothing=0.1))
    loss = loss_of(trace)
    # Classes 0 and 3 count with their weights: 1 + 4.
    assert (loss.labels, loss.ignored, loss.denominator, loss.weighted) == (3, 1, 5.0, True)
    assert loss.smoothing == 0.1
    assert loss.call.call_site is not None
    assert loss.call.call_site.file == __file__


@pytest.mark.parametrize(
    ("act", "counted"),
    [
        # Broadcast: every one of 3 against every one of 3.
        (lambda: functional.mse_loss(torch.ones(3, 1), torch.ones(3)), ("mse_loss", 3, 0, 9)),
        (lambda: functional.l1_loss(torch.ones(2, 3), torch.ones(2, 3)), ("l1_loss", 6, 0, 6)),
        (lambda: functional.mse_loss(torch.ones(2), torch.ones(2), reduction="sum"), ("mse_loss", 2, 0, 1)),
        (
            lambda: functional.cross_entropy(torch.ones(2, 4), torch.full((2, 4), 0.25)),
            ("cross_entropy", 2, 0, 2),
        ),
        # Pixels: 2 x 3 x 3 labels, 9 of them ignored.
        (
            lambda: functional.cross_entropy(
                torch.ones(2, 4, 3, 3), torch.tensor([0, 255]).view(2, 1, 1).expand(2, 3, 3), ignore_index=255
            ),
            ("cross_entropy", 18, 9, 9),
        ),
        (
            lambda: functional.kl_div(torch.zeros(2, 4), torch.ones(2, 4), reduction="batchmean"),
            ("kl_div", 8, 0, 2),
        ),
        (
            lambda: functional.nll_loss(torch.ones(2, 4), torch.tensor([1, -100])),
            ("nll_loss", 2, 1, 1),
        ),
    ],
    ids=["broadcast", "l1", "sum", "soft", "pixels", "kl", "nll"],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_functions_of_torch(act: Any, counted: tuple[Any, ...]) -> None:
    loss = loss_of(both(act))
    assert (loss.function, loss.labels, loss.ignored, loss.denominator) == counted


def test_speech_without_alignment() -> None:
    logits = torch.zeros(5, 2, 4).log_softmax(-1)
    lengths, targets = torch.tensor([5, 5]), torch.tensor([[1, 2], [3, 1]])
    loss = loss_of(both(lambda: functional.ctc_loss(logits, targets, lengths, torch.tensor([2, 2]))))
    assert (loss.function, loss.labels, loss.reduction) == ("ctc_loss", 4, "mean")


def test_the_trainer_s_label_smoother() -> None:
    from transformers.trainer_pt_utils import LabelSmoother

    model, smoother = llama(), LabelSmoother(epsilon=0.2)
    losses = both(lambda: smoother(model(IDS), LABELS, shift_labels=True)).losses()
    # Without the first place: 2 x 5 labels; 2 of the second row are padding.
    (loss,) = losses
    assert (loss.function, loss.labels, loss.ignored, loss.denominator) == ("LabelSmoother", 10, 2, 8)
    assert (loss.smoothing, loss.shifted) == (0.2, "inside")


@pytest.mark.parametrize("values", [False, True])
@pytest.mark.parametrize("task", ["causal", "custom", "tokens"])
def test_a_label_out_of_range_is_named_in_terms_of_the_batch(task: str, values: bool) -> None:
    wrong = IDS.clone()
    wrong[1, 3] = 99
    model = bert("TokenClassification", num_labels=15) if task == "tokens" else gpt2()

    def act() -> Any:
        if task == "custom":
            return weighted(wrong, model(IDS).logits, [6])
        return model(IDS, labels=wrong).loss

    with pytest.raises(IndexError, match="Target 99 is out of bounds") as expected:
        act()
    with tracelab.trace(values=values) as trace, pytest.raises(IndexError) as found:
        act()
    assert str(found.value) == str(expected.value)
    loss = loss_of(trace)
    # Wherever the shift was, row and position are those of the batch; the label itself is private.
    assert loss.out_of_range == (LabelPlace(1, 3, 99 if values else None),)
    assert loss.wrong == 1
    assert loss.call.status == "error"


def test_the_loss_itself_only_with_values() -> None:
    model = llama()
    trace = both(lambda: model(IDS, labels=LABELS).loss, values=True)
    assert loss_of(trace).value == pytest.approx(model(IDS, labels=LABELS).loss.item())
    assert loss_of(both(lambda: model(IDS, labels=LABELS).loss)).value is None


@pytest.mark.parametrize("name", ["run.json", "run.json.gz", "run.jsonl"])
def test_losses_come_back_from_a_file(tmp_path: Path, name: str) -> None:
    models = [(llama(), LABELS), (bert("TokenClassification", num_labels=32), LABELS)]
    with tracelab.trace(file=tmp_path / "run.jsonl") as trace:
        for model, labels in models:
            model(IDS, labels=labels)
    if name != "run.jsonl":
        trace.save(tmp_path / name)
    again = tracelab.load(tmp_path / name)
    fields = [field for field in Loss.__dataclass_fields__ if field not in ("call", "model")]
    said = [[getattr(loss, field) for field in fields] for loss in trace.losses()]
    assert [[getattr(loss, field) for field in fields] for loss in again.losses()] == said
    assert [call.facts for call in again.calls] == [call.facts for call in trace.calls]
