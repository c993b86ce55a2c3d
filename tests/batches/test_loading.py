"""Loading: what a keyword changed, which weights the file did not have, and who runs with such weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
)

import tracelab

from .conftest import SMALL

pytestmark = pytest.mark.usefixtures("quiet")

HEAD = ("classifier.bias", "classifier.weight")


def test_a_head_that_the_file_does_not_have(base: Path) -> None:
    with tracelab.trace() as trace:
        model = AutoModelForSequenceClassification.from_pretrained(
            base, num_labels=3, attn_implementation="eager", dtype=torch.bfloat16
        )
        model(torch.tensor([[2, 5, 3]]))
    expected = {
        "dtype": "bfloat16",
        "attention": "eager",
        "weights": "loaded",
        "overridden": ("num_labels", "attn_implementation", "dtype"),
        "missing": HEAD,
        "newly_initialised": HEAD,
    }
    outer, inner = trace.find("*.from_pretrained", owner="*ForSequenceClassification")
    assert outer.name == "AutoModelForSequenceClassification.from_pretrained"
    assert inner.name == "BertForSequenceClassification.from_pretrained"
    assert outer.facts == expected
    # the config was read by the Auto class, outside of the inner call
    assert inner.facts == {name: fact for name, fact in expected.items() if name != "overridden"}
    fresh = {call.path: call.facts["newly_initialised"] for call in trace.calls if is_fresh(call)}
    assert fresh == {"classifier": ("bias", "weight")}
    assert "classifier Linear  newly initialised" in str(trace)
    assert "BertForSequenceClassification.from_pretrained  newly initialised: classifier\n" in str(trace)
    assert str(trace).count("newly initialised") == 3  # the two loads, and the layer


def is_fresh(call: tracelab.Call) -> bool:
    return call.kind == "module" and "newly_initialised" in call.facts


def test_a_head_of_another_size(base: Path, tmp_path: Path) -> None:
    BertForSequenceClassification.from_pretrained(base, num_labels=2).save_pretrained(tmp_path / "two")
    with tracelab.trace() as trace:
        model = BertForSequenceClassification.from_pretrained(
            tmp_path / "two", num_labels=4, ignore_mismatched_sizes=True
        )
        model(torch.tensor([[2, 5, 3]]))
    facts = trace.find("BertForSequenceClassification.from_pretrained")[0].facts
    assert facts["mismatched"] == (("classifier.bias", (2,), (4,)), ("classifier.weight", (2, 8), (4, 8)))
    assert facts["newly_initialised"] == HEAD
    assert facts["overridden"] == ("num_labels",)
    assert "missing" not in facts
    assert [call.path for call in trace.calls if is_fresh(call)] == ["classifier"]


def test_weights_that_the_model_has_no_place_for(base: Path, tmp_path: Path) -> None:
    BertForSequenceClassification.from_pretrained(base).save_pretrained(tmp_path / "head")
    with tracelab.trace() as trace:
        BertModel.from_pretrained(tmp_path / "head")(torch.tensor([[2, 5, 3]]))
    assert trace.find("BertModel.from_pretrained")[0].facts == {
        "dtype": "float32",
        "attention": "sdpa",
        "weights": "loaded",
        "unexpected": HEAD,
    }
    assert not [call for call in trace.calls if is_fresh(call)]


def test_the_second_model_of_a_class_has_all_its_weights(base: Path, tmp_path: Path) -> None:
    BertForSequenceClassification.from_pretrained(base).save_pretrained(tmp_path / "whole")
    ids = torch.tensor([[2, 5, 3]])
    with tracelab.trace() as trace:
        fresh = BertForSequenceClassification.from_pretrained(base)
        whole = BertForSequenceClassification.from_pretrained(tmp_path / "whole")
        whole(ids)
        fresh(ids)
    heads = trace.find(path="classifier")
    assert [(call.root, is_fresh(call)) for call in heads] == [
        ("BertForSequenceClassification#2", False),
        ("BertForSequenceClassification", True),
    ]


def test_tied_weights(tmp_path: Path) -> None:
    config = LlamaConfig(**SMALL, num_key_value_heads=2, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    with tracelab.trace() as trace:
        LlamaForCausalLM.from_pretrained(tmp_path)
    facts = trace.find("LlamaForCausalLM.from_pretrained")[0].facts
    assert facts["tied"] == (("lm_head.weight", "model.embed_tokens.weight"),)
    assert "missing" not in facts  # the file has it once


def test_from_config_has_random_weights() -> None:
    with tracelab.trace() as trace:
        AutoModel.from_config(BertConfig(**SMALL), attn_implementation="eager")
    # the config says no dtype: then it is torch's own
    assert trace.find("AutoModel.from_config")[0].facts == {"attention": "eager", "weights": "random"}


def test_tokenizers_and_configs_are_loaded_and_saved(base: Path, tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        config = AutoConfig.from_pretrained(base, hidden_dropout_prob=0.5)
        config.save_pretrained(tmp_path / "again")
        AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "again")
    names = [call.name for call in trace.roots]
    assert names == [
        "AutoConfig.from_pretrained",
        "BertConfig.save_pretrained",
        "AutoTokenizer.from_pretrained",
        "BertTokenizer.save_pretrained",
    ]
    assert trace.roots[0].facts == {"overridden": ("hidden_dropout_prob",)}
    assert trace.count("BertTokenizer.from_pretrained") == 1


def test_the_values_of_a_keyword_are_kept_with_values_only(base: Path) -> None:
    for values in (False, True):
        with tracelab.trace(values=values) as trace:
            AutoConfig.from_pretrained(base, hidden_size=32, problem_type="regression")
        facts = trace.roots[0].facts
        assert facts["overridden"] == ("hidden_size", "problem_type")
        assert ("given" in facts, "stored" in facts) == (values, values)
    assert facts["stored"] == (("hidden_size", 8),)
    assert facts["given"] == (("hidden_size", 32), ("problem_type", "regression"))


def test_loading_gives_the_same_weights_and_report(base: Path) -> None:
    torch.manual_seed(5)
    expected, report = BertForSequenceClassification.from_pretrained(base, output_loading_info=True)
    torch.manual_seed(5)
    with tracelab.trace() as trace:
        loaded, traced = BertForSequenceClassification.from_pretrained(base, output_loading_info=True)
    assert traced == report
    for name, weight in expected.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name])
    assert trace.find("BertForSequenceClassification.from_pretrained")[0].facts["missing"] == HEAD
    assert trace.internal_errors == 0


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with tracelab.trace() as trace, pytest.raises(ValueError, match="Unrecognized model"):
        AutoModel.from_pretrained(tmp_path)
    assert [call.status for call in trace.roots] == ["error"]


def test_facts_come_back_from_a_file(base: Path, tmp_path: Path) -> None:
    with tracelab.trace() as trace:
        BertForSequenceClassification.from_pretrained(base)(torch.tensor([[2, 5, 3]]))
    trace.save(tmp_path / "run.json.gz")
    loaded = tracelab.load(tmp_path / "run.json.gz")
    assert [call.facts for call in loaded.calls] == [call.facts for call in trace.calls]
    assert str(loaded) == str(trace)
