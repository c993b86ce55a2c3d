"""Models that are built in the trace have random weights until somebody loads others: what is known of it."""

from __future__ import annotations

import gc
import inspect
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    EncoderDecoderModel,
    PreTrainedModel,
)

import tracelab

from .conftest import SMALL

IDS = torch.tensor([[2, 5, 3]])


def config() -> BertConfig:
    return BertConfig(**SMALL)


def built() -> Any:
    return BertForSequenceClassification(config())


def random_calls(trace: tracelab.Trace) -> list[str]:
    """The calls of modules that are said to have run with random weights."""
    return [call.name for call in trace.find(kind="module") if call.facts.get("weights") == "random"]


@pytest.mark.parametrize(
    "build",
    [
        built,
        lambda: AutoModelForSequenceClassification.from_config(config()),
        lambda: BertForSequenceClassification._from_config(config()),
    ],
    ids=["constructor", "from_config", "_from_config"],
)
def test_a_model_that_is_built_in_the_trace(build: Callable[[], Any], tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        model = build()
        model(IDS)
        model(IDS)
    # of the first call alone: who knows what was done to it since
    assert random_calls(trace) == ["BertForSequenceClassification.forward"]
    (head,) = trace.heads()
    assert head.random and str(head).endswith(" · random weights")
    assert "BertForSequenceClassification.forward ×2  random at first " in str(trace)
    trace.save(tmp_path / "run.json")
    again = tracelab.load(tmp_path / "run.json")
    assert str(again) == str(trace) and again.heads()[0].random


def test_one_call_says_it_on_its_line() -> None:
    with tracelab.trace() as trace:
        built()(IDS)
    assert "BertForSequenceClassification.forward  random weights " in str(trace)


def loaded(base: Path) -> Any:
    return BertForSequenceClassification.from_pretrained(base)


def copied(base: Path) -> Any:
    model = built()
    model.load_state_dict(BertForSequenceClassification(config()).state_dict())
    return model


def assigned(base: Path) -> Any:
    model = built()
    model.load_state_dict(BertForSequenceClassification(config()).state_dict(), assign=True)
    return model


def with_a_loaded_part(base: Path) -> Any:
    model = built()
    model.bert = BertModel.from_pretrained(base)
    return model


def with_a_copied_part(base: Path) -> Any:
    model = built()
    model.bert.load_state_dict(BertModel(config()).state_dict())
    return model


def put_together(base: Path) -> Any:
    decoder = BertConfig(**SMALL, is_decoder=True, add_cross_attention=True)
    from transformers import BertLMHeadModel

    return EncoderDecoderModel(encoder=BertModel.from_pretrained(base), decoder=BertLMHeadModel(decoder))


@pytest.mark.parametrize(
    "build",
    [loaded, copied, assigned, with_a_loaded_part, with_a_copied_part, put_together],
    ids=lambda build: build.__name__,
)
def test_a_model_into_which_something_was_loaded(build: Callable[[Path], Any], base: Path) -> None:
    with tracelab.trace() as trace:
        model = build(base)
        model(IDS, **({"decoder_input_ids": IDS} if build is put_together else {}))
    assert random_calls(trace) == []
    assert not any(head.random for head in trace.heads())


def test_a_model_from_before_the_trace_is_not_known() -> None:
    model = built()
    with tracelab.trace() as trace:
        model(IDS)
    assert random_calls(trace) == []


def test_a_model_of_ones_own_says_it_of_no_part() -> None:
    with tracelab.trace() as trace:
        body = AutoModel.from_config(config())
        body(IDS)
        nn.Sequential(body)(IDS)
    assert random_calls(trace) == ["BertModel.forward"]


def test_building_leaves_nothing_behind() -> None:
    before = PreTrainedModel.post_init
    with tracelab.trace() as trace:
        assert inspect.signature(PreTrainedModel.post_init) == inspect.signature(before)
        model = built()
        model(IDS)
        alive = weakref.ref(model)
        del model
        gc.collect()
        assert alive() is None
        with pytest.raises(TypeError, match="post_init"):
            PreTrainedModel.post_init()  # type: ignore[call-arg]
    assert PreTrainedModel.post_init is before
    assert trace.count("*.post_init") == 0
