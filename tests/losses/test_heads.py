"""The layers outside the base of a model, the shapes of its logits, and what a pipeline makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Head

from ..models import ZOO
from ..models.words import WORDS
from .batches import IDS, LABELS, SIZES, bert, gpt2, llama, t5


class Mine(nn.Module):
    """A head that a user put on a base of the library."""

    def __init__(self) -> None:
        from transformers import BertConfig, BertModel

        super().__init__()
        self.body = BertModel(BertConfig(**SIZES))
        self.classifier = nn.Linear(16, 2)

    def forward(self, input_ids: torch.Tensor, **rest: Any) -> torch.Tensor:
        return self.classifier(self.body(input_ids).pooler_output)


def head_of(model: Any, **arguments: Any) -> Head:
    with tracelab.trace() as trace:
        model(input_ids=IDS, **arguments)
    (head,) = trace.heads()
    return head


@pytest.mark.parametrize(
    ("build", "base", "layers", "shapes"),
    [
        # The pooler is a part of BertModel: its 16 numbers a row go to 2 classes.
        (
            lambda: bert("SequenceClassification", num_labels=2),
            ("bert",),
            ["dropout", "classifier"],
            ((2, 16), (2, 2), (2, 2)),
        ),
        (
            lambda: bert("TokenClassification", num_labels=5),
            ("bert",),
            ["dropout", "classifier"],
            ((2, 6, 16), (2, 6, 5), (2, 6, 5)),
        ),
        (lambda: bert("MaskedLM"), ("bert",), ["cls"], ((2, 6, 16), (2, 6, 32), (2, 6, 32))),
        (gpt2, ("transformer",), ["lm_head"], ((2, 6, 16), (2, 6, 32), (2, 6, 32))),
        # 3 classes at each of 6 places, of which the last token's are taken.
        (
            lambda: llama("SequenceClassification", num_labels=3),
            ("model",),
            ["score"],
            ((2, 6, 16), (2, 6, 3), (2, 3)),
        ),
        (Mine, ("body",), ["classifier"], ((2, 16), (2, 2), (2, 2))),
    ],
    ids=["sentence", "token", "masked", "gpt2", "llama", "own"],
)
def test_what_stands_outside_the_base(build: Any, base: Any, layers: Any, shapes: Any) -> None:
    head = head_of(build())
    assert (head.base, [layer.path for layer in head.layers]) == (base, layers)
    assert (head.input, head.output, head.logits) == shapes
    assert head.one_place is (head.output != head.logits)
    assert (head.applies, head.picks, head.postprocess) == (None, None, None)


class Probable(Mine):
    """The same with a softmax of its own at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Softmax(dim=-1)

    def forward(self, input_ids: torch.Tensor, **rest: Any) -> torch.Tensor:
        return self.last(super().forward(input_ids))


@pytest.mark.parametrize(
    ("build", "probabilities", "said", "marked"),
    [
        (
            lambda: bert("SequenceClassification", num_labels=2),
            False,
            "BertForSequenceClassification.forward: bert, then dropout, classifier"
            " · [2,16] → [2,2] logits, not probabilities",
            True,
        ),
        # What a model of one's own gives is not known to be logits.
        (Mine, None, "Mine.forward: body, then classifier · [2,16] → [2,2] output", False),
        (
            Probable,
            True,
            "Probable.forward: body, then classifier, last · [2,16] → [2,2] probabilities",
            False,
        ),
    ],
    ids=["logits", "unknown", "softmax"],
)
def test_logits_are_told_from_probabilities(build: Any, probabilities: Any, said: str, marked: bool) -> None:
    model = build()
    with tracelab.trace() as trace:
        model(input_ids=IDS)
    (head,) = trace.heads()
    assert (head.probabilities, str(head)) == (probabilities, said)
    assert ("not probabilities" in str(trace)) is marked


def test_a_name_does_not_act_where_a_head_is_shown() -> None:
    model = Mine()
    model.add_module("\x1b[31mred", nn.Linear(2, 2))
    model.forward = lambda input_ids: model._modules["\x1b[31mred"](Mine.forward(model, input_ids))  # type: ignore[method-assign]
    with tracelab.trace() as trace:
        model(input_ids=IDS)
    (head,) = trace.heads()
    assert str(head).isprintable() and "x1b[31mred" in str(head)


def test_a_head_that_no_file_had_says_so(tmp_path: Path) -> None:
    from transformers import BertForSequenceClassification, BertModel
    from transformers.utils import logging

    BertModel(bert("MaskedLM").config).save_pretrained(tmp_path)
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it says the same
    logging.disable_progress_bar()
    try:
        with tracelab.trace() as trace:
            model = BertForSequenceClassification.from_pretrained(tmp_path)
            model(input_ids=IDS)
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()
    (head,) = trace.heads()
    assert head.newly_initialised == ("classifier.bias", "classifier.weight")
    assert str(head).endswith(" · newly initialised: classifier.bias, classifier.weight")
    assert "classifier Linear  newly initialised  head" in str(trace)
    trace.save(tmp_path / "run.json")
    (again,) = tracelab.load(tmp_path / "run.json").heads()
    assert again.newly_initialised == head.newly_initialised


def test_an_encoder_and_a_decoder_are_a_base() -> None:
    head = head_of(t5(), labels=LABELS)
    assert head.base == ("encoder", "decoder")
    assert [layer.path for layer in head.layers] == ["lm_head"]


def test_a_base_alone_has_no_head() -> None:
    with tracelab.trace() as trace:
        Mine().body(input_ids=IDS)
        nn.Linear(2, 2)(torch.ones(1, 2))
    assert trace.heads() == []


def test_the_tree_marks_the_head_and_it_comes_back_from_a_file(tmp_path: Path) -> None:
    model = bert("SequenceClassification", num_labels=2)
    with tracelab.trace(file=tmp_path / "run.jsonl") as trace:
        nn.Sequential(model)(IDS)
        model(IDS)
    marked = [line.strip(" │├└─").partition("   ")[0] for line in str(trace).splitlines() if "  head" in line]
    assert marked[:2] == ["dropout Dropout  head", "classifier Linear  head: logits, not probabilities"]
    trace.save(tmp_path / "run.json")
    for name in ("run.json", "run.jsonl"):
        again = tracelab.load(tmp_path / name)
        assert str(again) == str(trace)
        (one,), (other,) = again.heads(), trace.heads()
        assert (one.base, one.input, one.logits, one.calls) == (other.base, other.input, other.logits, 2)
        assert one.model.path == other.model.path == "0"


@pytest.mark.parametrize(
    ("options", "applies", "picks"),
    [
        ({}, "softmax", "argmax"),
        ({"top_k": None}, "softmax", "sort"),
        ({"function_to_apply": "sigmoid"}, "sigmoid", "argmax"),
        ({"function_to_apply": "none"}, "none", "argmax"),
    ],
    ids=str,
)
def test_what_a_pipeline_makes_of_logits(options: dict[str, Any], applies: str, picks: str) -> None:
    from transformers import pipeline

    ready = pipeline(
        "text-classification", model=ZOO["bert"].build(), tokenizer=WORDS["wordpiece"](), device="cpu"
    )
    expected = ready("the cat sat", **options)
    with tracelab.trace() as trace:
        assert ready("the cat sat", **options) == expected
    (head,) = trace.heads()
    assert (head.applies, head.picks) == (applies, picks)
    assert head.postprocess is not None
    assert head.postprocess.name == "TextClassificationPipeline.postprocess"
    does = " and ".join(word for word in (applies, picks) if word != "none")
    assert f".postprocess  {does.replace(' and ', ', then ')}" in str(trace)
    assert str(head).endswith(f" · then {does} in TextClassificationPipeline.postprocess")
    below = [(call.name, call.kind) for call in head.postprocess.children]
    assert below == ([] if applies == "none" else [(applies, "function")])


def test_a_pipeline_that_writes_makes_nothing_of_the_logits() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, pipeline

    words = WORDS["byte_bpe"]()
    sizes = {"vocab_size": len(words), "n_embd": 16, "n_layer": 1, "n_head": 2}
    model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=None))
    write = pipeline("text-generation", model=model, tokenizer=words, device="cpu")
    with tracelab.trace() as trace:
        write("a", max_new_tokens=2, do_sample=False, pad_token_id=0)
    (head,) = trace.heads()
    assert (head.applies, head.picks, head.postprocess) == (None, None, None)
