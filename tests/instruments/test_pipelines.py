"""Pipelines: preparation, model and post-processing in one tree, eager and lazy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tracelab

from ..models import ZOO
from ..models.words import WORDS


@pytest.fixture
def classifier() -> Any:
    from transformers import pipeline

    return pipeline(
        "text-classification", model=ZOO["bert"].build(), tokenizer=WORDS["wordpiece"](), device="cpu"
    )


def test_one_text(classifier: Any) -> None:
    expected = classifier("the cat")
    with tracelab.trace() as trace:
        assert classifier("the cat") == expected
    outer, inner = trace.find("TextClassificationPipeline.__call__")
    assert inner.parent == outer
    assert inner.defined_in == "Pipeline"
    assert [call.function for call in inner.children] == ["preprocess", "forward", "postprocess"]
    (forward,) = trace.find("TextClassificationPipeline.forward")
    assert (forward.kind, forward.defined_in, forward.path) == ("method", "Pipeline", None)
    (model,) = trace.find("BertForSequenceClassification.forward")
    assert forward in model.ancestors


def test_a_generator_is_worked_off_after_the_call_has_returned(classifier: Any) -> None:
    def texts() -> Iterator[str]:
        yield "the cat"
        yield "a dog"

    with tracelab.trace() as trace:
        lazy = classifier(texts())
        assert trace.count("BertForSequenceClassification.forward") == 0
        for _ in range(2):
            next(iter(lazy))
    assert trace.complete
    models = trace.find("BertForSequenceClassification.forward")
    assert models
    assert all("__call__" not in [above.function for above in call.ancestors] for call in models)


def test_a_pipeline_can_be_followed(classifier: Any) -> None:
    with tracelab.trace(classifier) as trace:
        ZOO["llama"].build()(**ZOO["llama"].inputs())
        classifier("the cat")
    assert [call.name for call in trace.roots] == ["TextClassificationPipeline.__call__"]


def test_an_error_in_a_pipeline(classifier: Any) -> None:
    with tracelab.trace() as trace, pytest.raises((TypeError, ValueError)):
        classifier(3)
    assert trace.roots[0].status == "error"
