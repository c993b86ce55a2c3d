"""What is saved comes back as it was: every column, every table, every kind of value."""

from __future__ import annotations

import json
import math
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.builders import build, call
from tests.exporters import samples
from tracelab.calls import Trace
from tracelab.exporters import limits, load, plain, save, specs
from tracelab.exporters.json import decode, encode
from tracelab.values import ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec, TensorStats


def again(trace: Trace) -> Trace:
    """Written and read back, without a disk."""
    return decode("".join(encode(trace)).encode("ascii"))


def plain_again(value: Any) -> Any:
    return plain.decode(json.loads(json.dumps(plain.encode(value), allow_nan=False)))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(samples.traces)
def test_generated_traces_come_back(trace: Trace) -> None:
    # repr and not ==: it tells 1 from 1.0 and True, -0.0 from 0.0, and finds NaN equal to NaN.
    assert repr(again(trace).columns) == repr(trace.columns)


@settings(deadline=None, max_examples=150)
@given(samples.specs)
def test_generated_specs_come_back(spec: Spec) -> None:
    assert repr(specs.decode(json.loads(json.dumps(specs.encode(spec), allow_nan=False)))) == repr(spec)


@settings(deadline=None, max_examples=150)
@given(samples.plain)
def test_generated_plain_data_comes_back(value: Any) -> None:
    assert repr(plain_again(value)) == repr(value)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_trace_looks_the_same_after_a_file(tmp_path: Path, suffix: str) -> None:
    trace = samples.small()
    save(trace, tmp_path / f"run{suffix}")
    assert samples.look(load(tmp_path / f"run{suffix}")) == samples.look(trace)


def test_hand_counted_facts_of_a_file(tmp_path: Path) -> None:
    trace = samples.small()
    trace.save(tmp_path / "run.json")
    back = load(tmp_path / "run.json")
    # generate, forward, forward, open_end
    assert back.recorded == 4
    assert [one.status for one in back.calls] == ["ok", "ok", "error", "open"]
    assert list(back.columns.parent) == [-1, 0, 0, -1]
    # each call takes 1000 ns of its own: forwards at 1000 and 2000, generate ends at 3000
    assert list(back.columns.start) == [0, 1000, 2000, 3000]
    assert list(back.columns.duration) == [3000, 1000, 1000, 1000]
    assert back.calls[2].error == "ValueError"
    assert (back.dropped, back.internal_errors, back.complete) == (7, 2, False)
    assert back.calls[0].facts["shape"] == (1, 6)
    stats = back.calls[1].output
    assert isinstance(stats, TensorSpec) and stats.stats is not None
    assert stats.stats.max == math.inf and stats.stats.mean is not None and math.isnan(stats.stats.mean)


def test_an_empty_trace_comes_back() -> None:
    back = again(Trace())
    assert back.recorded == 0 and back.columns == Trace().columns


def test_what_json_has_no_form_for_is_tagged() -> None:
    assert plain.encode([math.nan, -math.inf, 2**64, (1,), {1: 2}, {"$x": 0}]) == [
        {"$float": "nan"},
        {"$float": "-inf"},
        {"$int": "0x10000000000000000"},  # 2**64 is a one and 64 / 4 = 16 zeros
        {"$tuple": [1]},
        {"$dict": [[1, 2]]},
        {"$dict": [["$x", 0]]},
    ]


def test_a_text_that_looks_like_a_number_stays_a_text() -> None:
    assert plain_again(["nan", "inf", "1", {"float": "nan"}]) == ["nan", "inf", "1", {"float": "nan"}]


def test_names_with_strange_characters_come_back() -> None:
    name = "ein\x1b[31m\n\u202e\udc80é€😀\x00"
    back = again(build(call(f"Model.{name}", inputs={name: ObjectSpec(name)}), thread=name))
    assert (back.calls[0].function, back.calls[0].thread) == (name, name)
    assert back.calls[0].inputs == {name: ObjectSpec(name)}


def test_an_unknown_object_is_written_as_its_class_and_asked_for_nothing() -> None:
    class Loud:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(name)

        def __repr__(self) -> str:
            raise AssertionError("repr")

    class Shade(IntEnum):
        DARK = 3

    assert plain_again({"a": Loud(), "b": Shade.DARK}) == {"a": "<Loud>", "b": 3}
    assert type(plain_again(Shade.DARK)) is int


def test_a_value_that_was_not_kept_is_not_written() -> None:
    assert specs.encode(ScalarSpec("str", "secret", known=False)) == ["scalar", "str"]


def nested(levels: int, inner: Any) -> Any:
    for _ in range(levels):
        inner = {1: inner}
    return inner


def test_the_deepest_data_that_is_written_can_be_read() -> None:
    # {1: ...} takes three brackets a level, the most that there is; a tagged number two more.
    deepest = nested(limits.LEVELS, math.inf)
    spec: Spec = TensorSpec((1,), "float32", stats=TensorStats(math.inf, None, None, None, 0, 0))
    for _ in range(limits.LEVELS):
        spec = ContainerSpec("list", ((2**70, spec),), 1)
    trace = build(call("M.f", output=spec, facts={"deep": nested(limits.LEVELS - 1, math.inf)}), meta=deepest)
    assert repr(again(trace).columns) == repr(trace.columns)


def test_what_is_deeper_is_cut_and_says_what_it_was() -> None:
    assert plain_again(nested(limits.LEVELS + 1, 0)) == nested(limits.LEVELS, "<dict>")
    spec: Spec = ContainerSpec("Innermost", (), 0)
    for _ in range(limits.LEVELS):
        spec = ContainerSpec("list", ((0, spec),), 1)
    back = specs.decode(specs.encode(spec))
    for _ in range(limits.LEVELS):
        assert isinstance(back, ContainerSpec)
        back = back[0]
    assert back == ObjectSpec("Innermost")


def test_long_texts_are_cut_to_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STRING", 5)
    assert plain_again(["12345", "123456", {"123456": 0}]) == ["12345", "1234…", {"1234…": 0}]


def test_numbers_that_are_too_large_are_unknown() -> None:
    assert plain_again([2**1023, 2**1024]) == [2**1023, "<int>"]  # 1024 bits and 1025
    assert specs.decode(specs.encode(ScalarSpec("int", 10**5000, True))) == ScalarSpec("int")
