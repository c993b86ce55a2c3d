"""Reads, asks and draws a saved trace of a Whisper `generate` where neither torch nor transformers exists."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tracelab


def main(path: str) -> None:
    """Fail loudly if any part of the reading side needs more than rich and click."""
    trace = tracelab.load(path)
    print(trace)
    steps = trace.steps()
    assert [step.phase for step in steps] == ["encode", "prefill"] + ["decode"] * (len(steps) - 2), steps
    assert trace.count("WhisperEncoder.forward") == 1
    assert trace.find("WhisperForConditionalGeneration.forward")
    assert not {"torch", "transformers", "numpy"} & set(sys.modules)


main(sys.argv[1])
