"""What a filter keeps."""

from __future__ import annotations

import pytest

from tests.analyses.recorded import llama_forward, whisper
from tests.builders import build
from tracelab.analyses.selection import matching
from tracelab.calls import Trace
from tracelab.errors import PatternWarning


def kept(trace: Trace, pattern: str) -> list[str]:
    return [trace.calls[row].path or trace.calls[row].name for row in sorted(matching(trace, pattern))]


FORWARD = build(llama_forward(1, 1, None, layers=2))
TOP = ["LlamaForCausalLM.forward", "model"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("lm_head", ["LlamaForCausalLM.forward", "lm_head"]),
        ("LlamaForCausalLM.forward", ["LlamaForCausalLM.forward"]),
        (
            "LlamaMLP.*",
            [*TOP, "model.layers.0", "model.layers.0.mlp", "model.layers.1", "model.layers.1.mlp"],
        ),
        ("LlamaMLP", [*TOP, "model.layers.0", "model.layers.0.mlp", "model.layers.1", "model.layers.1.mlp"]),
        ("model.layers.1", [*TOP, "model.layers.1"]),
        ("layers.1", [*TOP, "model.layers.1"]),
        (
            "model.layers.*.mlp",
            [*TOP, "model.layers.0", "model.layers.0.mlp", "model.layers.1", "model.layers.1.mlp"],
        ),
    ],
)
def test_matches_and_what_is_above_them(pattern: str, expected: list[str]) -> None:
    assert kept(FORWARD, pattern) == expected


def test_a_path_does_not_match_by_accident() -> None:
    # `mlp` is no part of `lm_head`, and `ayers.1` is no path.
    with pytest.warns(PatternWarning):
        assert kept(FORWARD, "ayers.1") == []


def test_an_unknown_pattern_names_the_nearest() -> None:
    with pytest.warns(PatternWarning, match=r"WhisperEncodr.*WhisperEncoder\.forward"):
        assert matching(whisper(), "WhisperEncodr.forward") == frozenset()
