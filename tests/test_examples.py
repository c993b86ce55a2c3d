"""Each lesson in examples/ runs and is right: its printed claims against numbers derived by hand.

The lessons run in this process, one after another, so that torch is imported once.  The script without
tracelab runs twice in processes of its own: by `python`, and by `tracelab run`.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import tracelab

REPOSITORY = Path(__file__).resolve().parent.parent
EXAMPLES = REPOSITORY / "examples"

CLAIMS = {
    "whisper_generate": [
        "encoder runs: 1 at model.encoder",
        "before the first step: True",
        # 4 prompt tokens, then one token in each of the other 5 of 6 steps.
        "tokens that went in, step by step: [4, 1, 1, 1, 1, 1]",
        # Nothing, then the prompt, then one more each time.
        "tokens in the cache before each step: [0, 4, 5, 6, 7, 8]",
        # 4 decoder layers, once each.
        "cross-attention keys computed: 4 in steps [0]",
        # 4 decoder layers in each of 6 steps.
        "cross-attention queries computed: 24 in steps [0, 1, 2, 3, 4, 5]",
    ],
    "llama_prefill_and_decode": [
        "with a cache, tokens read in each step: [5, 1, 1, 1]",
        # Without a cache the 5 prompt tokens and all that came since are read again.
        "without, tokens read in each step: [5, 6, 7, 8]",
        "phases: ['prefill', 'decode', 'decode', 'decode']",
        # 2 texts of 2 beams each.
        "batch 2 with 2 beams, rows in each step: [4, 4, 4, 4]",
    ],
    "bert_pair": [
        # 2 pairs, 2 labels; the loss is one number.
        "labels: i64[2]",
        "logits: f32[2,2]",
        "loss: f32[]",
        "the tokenizer ran before the model: True",
        "layers: 4",
    ],
    "t5_encoder_once": [
        "encoder runs: 1",
        # One for each of 6 new tokens.
        "decoder runs: 6",
        "outermost call above the encoder: T5ForConditionalGeneration.generate",
        "model forwards above the encoder: 0",
        "which is what the encoder gave: True",
    ],
    "find_and_query": [
        # 4 layers in each of 8 steps; one layer in each of 8 steps; 4 layers in one step.
        "attention calls: 32",
        "of the last layer: 8",
        "in step 0: 4",
        "path: model.layers.0.self_attn",
        "called by: LlamaDecoderLayer.forward",
        "calls: ['q_proj', 'k_proj', 'v_proj', 'o_proj']",
        # One row, one token in a decode step, 64 features.
        "hidden_states: f32[1,1,64]",
        "stands in: modeling_llama.py line > 0: True",
        "the file holds the same tree: True",
    ],
}
"""What each lesson must say, line by line."""

UNTRACED = "own_script_for_run"


def test_every_lesson_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*CLAIMS, UNTRACED}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_lesson_says_what_is_true(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    for claim in CLAIMS[name]:
        assert claim in lines


def test_a_script_of_ones_own_runs_as_it_is(tmp_path: Path) -> None:
    script = [str(EXAMPLES / f"{UNTRACED}.py"), "--tokens", "3"]
    plain = in_a_process(script, tmp_path)
    traced = in_a_process(["-m", "tracelab", "run", "-o", "run.json.gz", *script], tmp_path)
    assert (traced.returncode, traced.stdout) == (plain.returncode, plain.stdout) == (0, "tokens: 6\n")
    assert traced.stderr.startswith(plain.stderr) and "GPT2LMHeadModel.generate" in traced.stderr
    trace = tracelab.load(tmp_path / "run.json.gz")
    # 3 prompt tokens, then one at a time; 2 layers in each of 3 steps.
    assert [step.input for step in trace.steps()] == [(1, 3), (1, 1), (1, 1)]
    assert trace.count("GPT2Block.forward") == 6
    assert trace.complete


def in_a_process(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
