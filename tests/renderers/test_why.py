"""The answer to why, letter by letter, and what it says where there is nothing to read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers.utils import logging

from tests import reasons
from tests.builders import build, call, t
from tests.models import ZOO
from tests.renderers.golden import compare
from tracelab.demo.whisper import _model, _tokenizer
from tracelab.events import Place
from tracelab.renderers.why import show

PINNED = transformers.__version__ == "5.23.0" and torch.__version__.startswith("2.13.0")
pinned = pytest.mark.skipif(
    not PINNED, reason="lines of code and their numbers are those of the pinned releases"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    logging.set_verbosity_error()
    with reasons.program(tmp_path_factory.mktemp("program")) as module:
        yield module
    logging.set_verbosity_warning()


@pytest.fixture(scope="module")
def whisper(program: Any) -> Any:
    tokenizer = _tokenizer()
    model = _model(len(tokenizer), tokenizer.convert_tokens_to_ids)
    return reasons.traced(program.whisper, model, torch.zeros(1, 80, 100))


@pytest.fixture(scope="module")
def llama(program: Any) -> Any:
    inputs = ZOO["llama"].inputs()
    return reasons.traced(program.forward, ZOO["llama"].build(), **inputs, labels=inputs["input_ids"])


# --- golden texts -----------------------------------------------------------------------------------


@pinned
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("forward", "WhisperForConditionalGeneration.forward"),
        ("generate", "WhisperGenerationMixin.generate"),
        ("super", "GenerationMixin.generate"),
        ("sample", "*._sample"),
        ("encoder", "WhisperEncoder.forward"),
    ],
)
def test_whisper(whisper: Any, name: str, pattern: str) -> None:
    compare(f"why_whisper_{name}", f"{whisper.find(pattern)[0].why()}\n")


@pinned
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("attention", "LlamaAttention.forward"),
        ("decorated", "LlamaDecoderLayer.forward"),
        ("decorated_twice", "LlamaRotaryEmbedding.forward"),
        ("loss", "ForCausalLMLoss"),
    ],
)
def test_llama(llama: Any, name: str, pattern: str) -> None:
    compare(f"why_llama_{name}", f"{llama.find(pattern)[0].why()}\n")


@pinned
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_a_layer_that_peft_has_wrapped(program: Any) -> None:
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["q_proj"], task_type="CAUSAL_LM")
    model = peft.get_peft_model(ZOO["llama"].build(), config)
    trace = reasons.traced(program.forward, model, **ZOO["llama"].inputs())
    compare("why_lora_linear", f"{trace.find(path='*.layers.0.self_attn.q_proj')[0].why()}\n")


@pinned
def test_a_registry(program: Any) -> None:
    trace = reasons.traced(program.forward, ZOO["mixtral"].build(), **ZOO["mixtral"].inputs())
    compare("why_experts", f"{trace.find('MixtralExperts.forward')[0].why()}\n")


@pinned
def test_a_class_of_one_s_own(program: Any) -> None:
    compare("why_own_class", f"{reasons.traced(program.own).find('Mine.forward')[0].why()}\n")


@pinned
def test_a_tokenizer(program: Any) -> None:
    trace = reasons.traced(program.tokens, _tokenizer())
    compare("why_tokenizer", f"{trace.find('*Tokenizer*.__call__')[0].why()}\n")


def test_a_wrapper_on_a_class_that_inherits() -> None:
    """Torch puts one on the class of each optimizer, in the first place where Python looks."""
    optimizer = torch.optim.AdamW([torch.ones(1, requires_grad=True)])
    drawn = str(reasons.traced(optimizer.step).calls[0].why())
    roles = [
        line.split()[-1] for line in drawn.splitlines() if "optim/adam.py" in line and "step" not in line
    ]
    assert "> AdamW" in drawn and roles == ["ran", "function"], drawn


# --- what holds for all -----------------------------------------------------------------------------


def test_it_is_one_screen(whisper: Any, llama: Any) -> None:
    for trace in (whisper, llama):
        for one in {each.name: each for each in trace.calls}.values():
            lines = str(one.why()).splitlines()
            assert len(lines) <= 50 and max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [20, 40, 200, None])
@pytest.mark.parametrize("ascii", [True, False])
def test_other_screens(whisper: Any, width: int | None, ascii: bool) -> None:
    file = io.StringIO()
    for name in ("WhisperEncoder.forward", "GenerationMixin.generate", "*._sample"):
        show(whisper.find(name)[0].why(), width=width, ascii=ascii, file=file)
    drawn = file.getvalue()
    assert drawn.isascii() or not ascii
    assert width is None or max(map(len, drawn.splitlines())) <= width


def test_a_file_that_is_not_here() -> None:
    trace = build(call("A.forward", inputs={"x": t(2)}, place=Place("/nowhere/run.py", 7)))
    assert str(trace.calls[0].why()) == (
        "Why A.forward · call 0\n"
        "?  /nowhere/run.py:7\n"
        "          not installed here\n"
        "→ A.forward  lib/modeling.py:10\n"
        "          not installed here\n"
        "arguments\n"
        "  x  f32[2]  keyword\n"
        "note: this trace keeps no MRO and no decorators: it was written by an earlier\n"
        "tracelab"
    )


def test_names_do_not_act(tmp_path: Path) -> None:
    hostile = "A\x1b[31m\u202e"
    trace = build(
        call(f"{hostile}.forward", path="\x1b]0;x\x07", root=hostile, inputs={"\x07": t(1)}, file="\x1b.py")
    )
    assert str(trace.calls[0].why()).replace("\n", "").isprintable()
