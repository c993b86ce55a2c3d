"""Windows of long audio, and the attempts at each."""

from __future__ import annotations

from tests.analyses.recorded import WHISPER, helper, ids, method
from tests.builders import build, call, t


def attempt(root: str) -> object:
    encoder = call(
        "WhisperEncoder.forward", root=root, path="model.encoder", inputs={"input_features": t(1, 80, 9)}
    )
    step = call(f"{root}.forward", root=root, path="", inputs={"decoder_input_ids": ids(1, 3)})
    return method("generate", encoder, method("_sample", step, root=root), root=root)


def test_each_window_is_counted_and_each_attempt_at_it() -> None:
    # The first window takes two attempts, the second one; a second sound begins at 1 again.
    first = method("generate_with_fallback", attempt(WHISPER), attempt(WHISPER), root=WHISPER)
    second = method("generate_with_fallback", attempt(WHISPER), root=WHISPER)
    other = method("generate_with_fallback", attempt(WHISPER), root=WHISPER)
    trace = build(
        method("generate", helper("_prepare"), first, second, root=WHISPER),
        method("generate", other, root=WHISPER),
    )
    found = [(step.phase, step.facts["window"], step.facts["attempt"]) for step in trace.steps()]
    places = [(1, 1), (1, 2), (2, 1), (1, 1)]
    assert found == [(phase, *place) for place in places for phase in ("encode", "prefill")]


def test_a_loop_of_its_own_has_no_window() -> None:
    (_, step) = build(attempt(WHISPER)).steps()
    assert not {"window", "attempt"} & {*step.facts}
