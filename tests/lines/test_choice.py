"""Patterns of `source=`."""

from __future__ import annotations

import pytest

import tracelab
from tracelab.errors import SetupError
from tracelab.events import Site
from tracelab.lines import Choice

SITE = Site(
    "module",
    "WhisperAttention",
    "WhisperAttention",
    "forward",
    root="WhisperForConditionalGeneration",
    path="model.decoder.layers.0.self_attn",
    file="~/site-packages/transformers/models/whisper/modeling_whisper.py",
)


@pytest.mark.parametrize(
    "pattern",
    [
        "WhisperAttention.forward",
        "Whisper*.forward",
        "forward",
        "model.decoder.layers.0.self_attn",
        "model.decoder.layers.*.self_attn",
        "*.self_attn",
        "modeling_whisper.py",
        "*/models/whisper/*",
    ],
)
def test_what_fits(pattern: str) -> None:
    assert Choice.parse(pattern).fits(SITE)


@pytest.mark.parametrize("pattern", ["LlamaAttention.forward", "model.decoder", "self_attn", "whisper.py"])
def test_what_does_not(pattern: str) -> None:
    assert not Choice.parse(pattern).fits(SITE)


def test_the_first_call_only() -> None:
    choice = Choice.parse(" forward@first ")
    assert (choice.pattern, choice.most, str(choice)) == ("forward", 1, "forward@first")
    assert Choice.parse("forward").most is None


@pytest.mark.parametrize("written", ["", "  ", 3, b"forward", ["forward", None], "forward@second", object()])
def test_what_is_no_pattern(written: object) -> None:
    with pytest.raises(SetupError, match=r"source=.* is not possible; ") as error:
        tracelab.trace(source=written)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_lines_need_values_to_look_at() -> None:
    with pytest.raises(SetupError, match="shapes=False"):
        tracelab.trace(source="forward", shapes=False)
