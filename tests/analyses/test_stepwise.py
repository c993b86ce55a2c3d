"""Two steps side by side."""

from __future__ import annotations

from tests.analyses.recorded import whisper


def test_prefill_against_decode_in_a_few_lines() -> None:
    trace = whisper(decode=2)
    lines = str(trace.step(0).compare(trace.step(1))).splitlines()
    # 4 tokens at the places 0 to 3, then one at place 4.
    assert lines[:3] == ["phase: prefill → decode", "input: [1,4] → [1,1]", "positions: 0–3 → 4"]
    assert "cache at entry: 0 → 4" in lines
    # What is computed of the sound once is kept: keys and values in each of 4 layers.
    assert "only in the first: model.decoder.layers.(0-3).encoder_attn.k_proj" in lines
    assert "only in the first: model.decoder.layers.(0-3).encoder_attn.v_proj" in lines


def test_decode_against_decode() -> None:
    trace = whisper(decode=2)
    assert str(trace.step(1).compare(trace.step(2))).splitlines() == [
        "positions: 4 → 5",
        "cache at entry: 4 → 5",
        "cache at exit: 5 → 6",
    ]
