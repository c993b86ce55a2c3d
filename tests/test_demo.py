"""The demos run the real pipeline of each model, and the command shows it without noise."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import tracelab
from tracelab.cli import main
from tracelab.demo import NAMES, build
from tracelab.errors import SetupError


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets this for its own process; here it is put back."""
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "error")


def traced(name: str) -> tracelab.Trace:
    run, _ = build(name)
    with tracelab.trace() as trace:
        run()
    assert trace.complete
    return trace


def test_whisper() -> None:
    trace = traced("whisper")
    assert trace.count("WhisperFeatureExtractor.__call__") == 1
    assert trace.count("WhisperEncoder.forward") == 1
    # The first of 6 new tokens comes from the prompt of 4, the others from one token each.
    encode, *steps = trace.steps()
    assert [step.input for step in steps] == [(1, 4), *[(1, 1)] * 5]
    assert [step.cache_before for step in steps] == [0, 4, 5, 6, 7, 8]
    # 16,000 samples / 160 a column = 100 columns of 80 mel bands; a convolution of stride 2 leaves 50.
    assert str(trace.find("WhisperEncoder.forward")[0].inputs["input_features"]) == "f32[1,80,100]"
    assert (encode.phase, encode.input, encode.facts["output"]) == ("encode", (1, 80, 100), (1, 50, 64))
    assert {step.cross_length for step in steps} == {50}


def test_llama() -> None:
    trace = traced("llama")
    assert trace.count("LlamaTokenizer*.__call__") == 1
    # The prompt, then one token for each of the other 7 of 8 new ones.
    sizes = [step.input[1] for step in trace.steps() if step.input]
    assert len(sizes) == 8 and sizes[0] > 1 and sizes[1:] == [1] * 7


def test_bert() -> None:
    trace = traced("bert")
    model = trace.find("BertForSequenceClassification.forward")[0]
    ids, kinds, mask = (str(model.inputs[name]) for name in ("input_ids", "token_type_ids", "attention_mask"))
    assert ids == kinds == mask and ids.startswith("i64[2,")
    assert trace.count("BertLayer.forward") == 4


def test_t5() -> None:
    trace = traced("t5")
    # 3 encoder layers once; 3 decoder layers in each of 6 steps.
    assert trace.count("T5Block.forward") == 3 + 3 * 6
    assert [step.phase for step in trace.steps()] == ["encode", "prefill", *["decode"] * 5]
    assert [step.input for step in trace.steps()[1:]] == [(1, 1)] * 6


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_is_the_same_every_time(name: str) -> None:
    first, second = traced(name), traced(name)
    assert [call.name for call in first.calls] == [call.name for call in second.calls]
    assert [str(call.output) for call in first.calls] == [str(call.output) for call in second.calls]


def test_demo_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "-o", str(tmp_path / "demo.json")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    about, noise, blank, *tree = out.splitlines()
    assert about.startswith("Whisper, 4 + 4 layers") and noise.startswith("Random weights") and blank == ""
    text = "\n".join(tree)
    assert "WhisperForConditionalGeneration.generate" in text
    assert "prefill" in text and "decode" in text
    # 6 steps: one line for the prefill, one for the 5 equal ones; then the table says the same again.
    assert len(tracelab.load(tmp_path / "demo.json").steps()) == 1 + 6  # the encoder before them


def test_demo_command_with_a_view(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "bert", "--depth", "1", "--ascii"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.isascii()
    assert "BertForSequenceClassification" in out and "BertLayer" not in out


def test_demo_command_to_stdout_is_a_trace_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "bert", "-o", "-"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and json.loads(out)["format"] == "tracelab"


def test_an_unknown_demo_names_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"no demo 'gpt5'; the demos are whisper, llama, bert, t5"):
        build("gpt5")


def test_without_torch_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["demo", "llama"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1 and "torch" in err and "pip install" in err
