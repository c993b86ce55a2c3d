"""Finding calls: patterns, conditions, and what an empty answer says.

The trace that is asked (row numbers are the expected answers):

    0  Whisper.generate            method    defined in WhisperGenerationMixin
    1    Whisper.generate          method    defined in GenerationMixin
    2      WhisperEncoder.forward  module    model.encoder
    3        Linear.forward        module    model.encoder.fc1
    4      Whisper._sample         method    defined in GenerationMixin
    5        Whisper.forward       module    the root itself               step 0
    6          Linear.forward      module    model.decoder.fc1             step 0
    7        Whisper.forward       module    the root itself    error      step 1
    8          Linear.forward      module    model.decoder.fc1  error      step 1
    9  mel_filter                  function  defined in transformers.audio_utils
    10 Tokenizer.decode            method    open
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders import Node, build, call
from tests.rows import STARTED, enter, ids, leave, recording
from tracelab import PatternWarning
from tracelab.calls import Trace
from tracelab.events import Lane
from tracelab.fold import fold


def method(name: str, defined_in: str, *children: Node) -> Node:
    return call(name, kind="method", root="Whisper", path="", defined_in=defined_in, children=list(children))


def module(name: str, path: str, *children: Node, error: str | None = None) -> Node:
    return call(name, root="Whisper", path=path, error=error, children=list(children))


@pytest.fixture(scope="module")
def trace() -> Trace:
    linear = module("Linear.forward", "model.decoder.fc1")
    failing = module("Linear.forward", "model.decoder.fc1", error="ValueError")
    encoder = module("WhisperEncoder.forward", "model.encoder", module("Linear.forward", "model.encoder.fc1"))
    loop = method(
        "Whisper._sample",
        "GenerationMixin",
        module("Whisper.forward", "", linear),
        module("Whisper.forward", "", failing, error="ValueError"),
    )
    inner = method("Whisper.generate", "GenerationMixin", encoder, loop)
    return build(
        method("Whisper.generate", "WhisperGenerationMixin", inner),
        call("mel_filter", kind="function", defined_in="transformers.audio_utils"),
        call("Tokenizer.decode", kind="method", open=True),
    )


# --- patterns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", list(range(11))),
        ("Whisper.generate", [0, 1]),
        ("WhisperGenerationMixin.generate", [0]),
        ("GenerationMixin.generate", [1]),
        ("GenerationMixin.*", [1, 4]),
        ("*GenerationMixin.*", [0, 1, 4]),
        ("generate", [0, 1]),
        ("_sample", [4]),
        ("forward", [2, 3, 5, 6, 7, 8]),
        ("*forward", [2, 3, 5, 6, 7, 8]),
        ("*.forward", [2, 3, 5, 6, 7, 8]),
        ("Whisper*.forward", [2, 5, 7]),
        ("Whisper.*", [0, 1, 4, 5, 7]),
        ("*Linear*", [3, 6, 8]),
        ("L?near.forward", [3, 6, 8]),
        ("L[aeiou]near.forward", [3, 6, 8]),
        ("mel_filter", [9]),
        ("transformers.audio_utils.mel_filter", [9]),
        ("mel_*", [9]),
        ("Tokenizer.decode", [10]),
    ],
)
def test_a_pattern_finds_and_counts_the_same_calls(trace: Trace, pattern: str, expected: list[int]) -> None:
    assert ids(trace.find(pattern)) == expected
    assert trace.count(pattern) == len(expected)


def test_no_pattern_means_all(trace: Trace) -> None:
    assert trace.find() == list(trace.calls)
    assert trace.count() == 11


def test_what_is_found_are_the_calls_of_the_trace(trace: Trace) -> None:
    found = trace.find("Linear.forward")
    assert isinstance(found, list)
    assert found == [trace.calls[3], trace.calls[6], trace.calls[8]]
    assert repr(found) == repr([trace.calls[3], trace.calls[6], trace.calls[8]])


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"path": ""}, [0, 1, 4, 5, 7]),
        ({"path": "model.encoder"}, [2]),
        ({"path": "model.*"}, [2, 3, 6, 8]),
        ({"path": "*.fc1"}, [3, 6, 8]),
        ({"path": "*"}, [0, 1, 2, 3, 4, 5, 6, 7, 8]),  # 9 and 10 have no place in a model
        ({"owner": "Linear"}, [3, 6, 8]),
        ({"owner": "Whisper*"}, [0, 1, 2, 4, 5, 7]),
        ({"owner": "GenerationMixin"}, []),  # the owner is the class of self
        ({"owner": ""}, [9]),
        ({"kind": "module"}, [2, 3, 5, 6, 7, 8]),
        ({"kind": "function"}, [9]),
        ({"kind": "loss"}, []),
        ({"step": 0}, [5, 6]),
        ({"step": 1}, [7, 8]),
        ({"step": 2}, []),
        ({"step": -1}, []),  # -1 is how "no step" is stored, and is no step
        ({"status": "error"}, [7, 8]),
        ({"status": "open"}, [10]),
        ({"status": "ok"}, [0, 1, 2, 3, 4, 5, 6, 9]),
        ({"path": "model.*", "owner": "Linear", "kind": "module", "step": 1, "status": "error"}, [8]),
        ({"path": "model.*", "status": "open"}, []),
    ],
)
def test_conditions(trace: Trace, conditions: dict[str, Any], expected: list[int]) -> None:
    assert ids(trace.find("*", **conditions)) == expected


def test_conditions_narrow_a_pattern(trace: Trace) -> None:
    assert ids(trace.find("forward", path="*decoder*")) == [6, 8]
    assert ids(trace.find("Whisper.*", kind="method", owner="Wh*")) == [0, 1, 4]
    assert ids(trace.find("GenerationMixin.*", status="ok")) == [1, 4]


# --- nothing found ------------------------------------------------------------------------------------


def warned(ask: Callable[[], Any]) -> tuple[Any, str]:
    """The answer and the text of the one warning."""
    with pytest.warns(PatternWarning) as seen:
        answer = ask()
    assert len(seen) == 1
    assert Path(seen[0].filename) == Path(__file__)  # it points at the line that asked
    return answer, str(seen[0].message)


@pytest.mark.parametrize(
    ("pattern", "near"),
    [
        ("Whisper.generat", "Whisper.generate"),
        ("WhisperEncodr.forward", "WhisperEncoder.forward"),
        ("whisper.forward", "Whisper.forward"),  # patterns know capitals
        ("Liner.*", "Linear.forward"),
        ("mel_filters", "mel_filter"),
        ("Tokeniser.decode", "Tokenizer.decode"),
        # every way to write a pattern can be mistyped: the bare function, the class whose code ran
        ("_sampl", "_sample"),
        ("decod", "decode"),
        ("WhisperGenerationMixn.generate", "WhisperGenerationMixin.generate"),
    ],
)
def test_an_unknown_pattern_warns_and_names_the_nearest(trace: Trace, pattern: str, near: str) -> None:
    found, message = warned(lambda: trace.find(pattern))
    assert found == []
    assert len(found) == 0
    assert repr(pattern) in message
    assert near in message
    assert "\n" not in message
    assert repr(found) == f"<{message}>"  # who switches warnings off still reads it


@pytest.mark.parametrize("pattern", ["", "zzz_qqq_0815", "*zzz_qqq_0815*"])
def test_a_pattern_that_comes_near_nothing_says_how_to_see_the_names(trace: Trace, pattern: str) -> None:
    found, message = warned(lambda: trace.find(pattern))
    assert found == []
    assert repr(pattern) in message
    # generate, encoder, Linear, _sample, Whisper.forward, mel_filter, decode: seven different names
    assert "7 names" in message
    assert "find(" in message


def test_a_known_pattern_under_conditions_that_nothing_meets_does_not_warn(trace: Trace) -> None:
    found = trace.find("Linear.forward", status="open")  # a warning would be an error here
    assert found == []
    assert "'Linear.forward'" in repr(found)
    assert repr(found) != "[]"


def test_a_count_of_nothing_is_an_answer(trace: Trace) -> None:
    assert trace.count("Nobody.*") == 0
    assert Trace().count() == 0


def test_an_empty_trace_can_be_asked() -> None:
    found = Trace().find()
    assert found == []
    assert "no call" in repr(found)
    assert warned(lambda: Trace().find("Linear.forward"))[0] == []


def test_a_callable_of_which_no_call_was_kept_is_not_known() -> None:
    # A limit drops calls whose site is in the table already: D is such a site, A is not.
    kept = Trace(fold(recording(Lane("main", enter("A", 0, 1) + leave(0, 2)), dropped=1), STARTED + 3))
    assert {site.owner for site in kept.columns.sites} >= {"A", "D"}
    assert ids(kept.find("A.run")) == [0]
    found, message = warned(lambda: kept.find("D.run"))
    assert found == []
    assert message.count("D.run") == 1  # as what was asked for, not as what comes near
    assert "A.run" in message


@pytest.mark.parametrize("status", ["fine", "OK", "", 0])
def test_a_status_that_does_not_exist(trace: Trace, status: Any) -> None:
    with pytest.raises(ValueError, match="ok, error, open") as caught:
        trace.find(status=status)
    assert repr(status) in str(caught.value)


@pytest.mark.parametrize("bad", ["\x1b[31m", "\x9b2J", "\u202e", "\u200b", "\n", "\u2028"])
def test_no_name_acts_in_an_answer(bad: str) -> None:
    evil = build(call(f"Evil{bad}Model.forward"))
    found, message = warned(lambda: evil.find(f"EvilModel{bad}.forward"))
    for text in (message, repr(found), repr(evil.find())):
        assert "Evil" in text
        assert [character for character in text if unicodedata.category(character)[0] == "C"] == []
        assert len(text.splitlines()) == 1
