"""Promise J for packed files: numbers that do not fit each other, and few bytes that stand for very much."""

from __future__ import annotations

import json
import time
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exporters import packing
from tests.exporters.test_bad_files import put, refusal
from tracelab.exporters import limits

Fault = Callable[[dict[str, Any]], Any]


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short segments, and numbers as lists, so that they can be spoilt one by one."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 10_000)
    monkeypatch.setattr(limits, "BYTES", 20_000_000)  # so much room is asked for at once


def text(numbers: bytes, letter: str = "b") -> str:
    return f"{letter}:{b64encode(zlib.compress(numbers, 9)).decode()}"


def block(d: dict[str, Any], number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = d["packed"]["lanes"][0][number]
    return found


def meaning_of(d: dict[str, Any], kind: str) -> int:
    """The number of a meaning whose form is of this kind."""
    forms = [form[0] for form in d["packed"]["forms"]]
    return next(at for at, row in enumerate(d["packed"]["meanings"]) if forms[row[0]] == kind)


def first_moving(d: dict[str, Any]) -> list[int]:
    """A variable that moves: [meaning, position, series]."""
    return next(v for variables in block(d)["variables"] for v in variables if isinstance(v, list))


# The tables: 4 sites, 2 places, 3 facts, 48 visits (4 sites at 12 depths), 1 thread.
FAULTS: dict[str, Fault] = {
    "unknown key 'calls'; known are": lambda d: d.update(calls={}),
    "'errors' is missing": lambda d: d.update({"packed ": d.pop("packed")}),
    "packed: expected an object, got []": lambda d: d.update(packed=[]),
    "packed: 'now' is missing": lambda d: d["packed"].pop("now"),
    "packed: unknown key 'x'": lambda d: d["packed"].update(x=0),
    "packed.now: expected a whole number, ": lambda d: d["packed"].update(now=2**62),
    "packed.facts: expected an object": lambda d: d["packed"]["facts"].__setitem__(0, 1),
    "packed.visits[1]: expected a whole number, 0 to 3, got 4": lambda d: d["packed"]["visits"][
        0
    ].__setitem__(1, 4),
    "packed.visits[1]: expected a whole number, -1 to 1, got 2": (
        lambda d: d["packed"]["visits"][1].__setitem__(1, 2)
    ),
    "packed.visits[1]: expected a whole number, 0 to 200000": (
        lambda d: d["packed"]["visits"][2].__setitem__(1, 200_001)
    ),
    "packed.visits: expected 48 numbers, got 47": lambda d: d["packed"]["visits"][2].pop(),
    "packed.forms[0]: expected one of tensor, ": lambda d: d["packed"]["forms"].__setitem__(0, ["os.system"]),
    "packed.forms[0][0]: expected no number": lambda d: d["packed"]["forms"].__setitem__(
        0, ["given", 1, [], [0]]
    ),
    "packed.meanings[0]: expected a list of 1 or more items, got 0": (
        lambda d: d["packed"]["meanings"].__setitem__(0, [])
    ),
    "packed.meanings[0]: expected a list of 4 items, got 5": lambda d: d["packed"]["meanings"][0].append(1),
    "packed.meanings[0]: expected a whole number, 0 to": (
        lambda d: d["packed"]["meanings"].__setitem__(0, [99])
    ),
    "packed.templates[0].codes: a template without events": (
        lambda d: d["packed"]["templates"][0].update(codes=[], places=[])
    ),
    "packed.templates[0].codes: expected the code of an event, got -1": (
        lambda d: d["packed"]["templates"][0]["codes"].__setitem__(0, -1)
    ),
    "packed.templates[0].codes: expected the code of an event, got -1000003": (
        lambda d: d["packed"]["templates"][0]["codes"].__setitem__(0, -1_000_003)
    ),
    "packed.templates[0].codes: expected a whole number, 0 to 47, got 48": (
        lambda d: d["packed"]["templates"][0]["codes"].__setitem__(0, 48)
    ),
    "packed.templates[0].places: variables that are missing or in the wrong order": (
        lambda d: d["packed"]["templates"][0]["places"].__setitem__(0, 12)
    ),
    "packed.templates[0].places: a variable of two sorts": (
        lambda d: d["packed"]["templates"][0].update(places=[0] * len(d["packed"]["templates"][0]["codes"]))
    ),
    "packed.templates[0].times: expected a list or a text of numbers, got None": (
        lambda d: d["packed"]["templates"][0].update(times=[1, [1] * 6, None, [1], [1]])
    ),
    "packed.lanes: expected a list of 1 items, got 0": lambda d: d["packed"]["lanes"].clear(),
    "packed.lanes[0][0]: 'gaps' is missing": lambda d: block(d).pop("gaps"),
    "packed.lanes[0][0]: expected true or false, got 1": lambda d: block(d).update(summary=1),
    "packed.lanes[0][0]: times are summed up, but there are no sums": lambda d: block(d).update(summary=True),
    "packed.lanes[0][0].templates[1]: expected a whole number, -1 to": (
        lambda d: block(d)["templates"].__setitem__(1, 99)
    ),
    "packed.lanes[0][0].kinds: these are not the templates of the block": lambda d: block(d)["kinds"].pop(),
    "packed.lanes[0][0].variables: expected a list of": lambda d: block(d)["variables"].append([]),
    "packed.lanes[0][0].variables[0]: expected a list of": lambda d: block(d)["variables"][0].pop(),
    "packed.lanes[0][0].variables[0][0]: expected a whole number, 0 to": (
        lambda d: block(d)["variables"][0].__setitem__(0, 999)
    ),
    "packed.lanes[0][0].variables[0][0]: expected the number of arguments": (
        lambda d: block(d)["variables"][0].__setitem__(0, meaning_of(d, "error"))
    ),
    "packed.lanes[0][0].variables[0][0]: expected pairs of a position and a series": (
        lambda d: block(d)["variables"][0].__setitem__(0, [meaning_of(d, "given"), 0])
    ),
    "packed.lanes[0][0].loose: expected": lambda d: block(d)["loose"][0].append(1),
    "packed.lanes[0][0].loose[0]: expected a whole number, 1 to": (
        lambda d: block(d)["loose"][0].__setitem__(0, 0)
    ),
    "packed.lanes[0][0].loose: expected the number of arguments": (
        lambda d: block(d)["loose"][2].__setitem__(0, meaning_of(d, "error"))
    ),
    "packed.lanes[0][0].events: expected a whole number, ": lambda d: block(d).update(events=7),
    "packed.lanes[0][0].gaps: expected": lambda d: block(d)["gaps"].append(1),
    "packed.lanes[0][0].gaps: a clock that runs": lambda d: block(d)["gaps"].__setitem__(0, 2**62),
    "packed.lanes[0][0].first: expected a whole number": lambda d: block(d).update(first=2**62),
    "packed.lanes: an end or a fact of a call that never began": (
        lambda d: (block(d)["loose"][1].__setitem__(0, -2), block(d)["loose"][2].__setitem__(0, 2))
    ),
    "packed.lanes[0][0].variables[0][0]: a series of 12 values for 13 instances": (
        lambda d: block(d)["templates"].append(0)
    ),
    "packed.lanes[0][0].variables[0][0]: expected a whole number, 0 to 3, got 4": (
        lambda d: first_moving(d).__setitem__(1, 4)
    ),
    "packed.lanes[0][0].variables[0][0]: expected a whole number, 0 to 0, got 1": (
        lambda d: first_moving(d).__setitem__(2, 1)
    ),
    "packed.lanes[0][0].series[0]: expected a list of 3 or more": lambda d: block(d).update(series=[[1, 2]]),
    "packed.lanes[0][0].series[0]: runs are three numbers each": lambda d: block(d).update(series=[[1] * 4]),
    "packed.lanes[0][0].series[0]: expected a whole number, 1 or more, got 0": (
        lambda d: block(d).update(series=[[1, 1, 0]])
    ),
    "packed.lanes[0][0].series[0]: expected a whole number of 64 bits": (
        lambda d: block(d).update(series=[[1, 2**60, 12]])
    ),
    "packed.lanes[0][1].variables[0]: other forms than in an earlier block": (
        lambda d: block(d, 1)["variables"][0].__setitem__(2, meaning_of(d, "given"))
    ),
    "packed.lanes[0][0].variables[0][6]: expected a whole number, 0 to 2, got 3": (
        lambda d: (
            block(d)["variables"][0].__setitem__(6, [meaning_of(d, "fact"), 0, 0])
            or block(d)["series"].__setitem__(0, [3, 0, 12])
        )
    ),
    "sites: expected an object, got []": lambda d: d.update(sites=[]),
    "sites.owner[0]: expected a whole number, 0 to": lambda d: d["sites"]["owner"].__setitem__(0, 99),
    "sites.owner: expected a text, got": (
        lambda d: d["sites"]["owner"].__setitem__(0, d["sites"]["values"].index(None))
    ),
    "sites.kind: expected a list or a text of numbers, got None": lambda d: d["sites"].update(kind=None),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_one_thing_wrong(tmp_path: Path, problem: str) -> None:
    document = packing.document(tmp_path)
    FAULTS[problem](document)
    assert refusal(put(tmp_path, json.dumps(document).encode())).startswith(problem)


def told(folder: Path, document: dict[str, Any]) -> str:
    """The refusal of a document, which must come soon and in little memory."""
    path = put(folder, json.dumps(document).encode())
    tracemalloc.start()
    began = time.process_time()
    try:
        problem = refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 10
    return problem


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("x:AAAA", "expected numbers packed as one of b, h, i, I, q"),
        ("bb:AAAA", "expected numbers packed as one of b, h, i, I, q"),
        (":AAAA", "expected numbers packed as one of b, h, i, I, q"),
        ("", "expected numbers packed as one of b, h, i, I, q"),
        ("b:AAAA", "broken packed numbers"),
        ("b:A A A", "broken packed numbers"),
        ("b:\u00e4", "broken packed numbers"),
        (text(b"\1")[:-8], "packed numbers that end at the wrong place"),
        (f"b:{b64encode(zlib.compress(b'1') + b'1').decode()}", "packed numbers that end at the wrong place"),
        (text(b"123", "h"), "packed numbers that end at the wrong place"),
        ({}, "expected a list or a text of numbers, got {}"),
    ],
)
def test_packed_numbers_that_are_none(tmp_path: Path, value: object, problem: str) -> None:
    document = packing.document(tmp_path)
    block(document)["gaps"] = value
    assert told(tmp_path, document).startswith(f"packed.lanes[0][0].gaps: {problem}")


def test_a_bomb_of_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "NUMBERS", 1_000_000)
    document = packing.document(tmp_path)
    block(document)["gaps"] = text(bytes(300_000_000))  # 300 kB of zeros, deflated
    assert told(tmp_path, document) == "packed.lanes[0][0].gaps: more numbers than are read"


def test_instances_that_unfold_to_billions(tmp_path: Path) -> None:
    document = packing.document(tmp_path)
    one = block(document, 1)
    kind = one["kinds"][0]
    one["templates"] = text(bytes([kind]) * 30_000_000)  # 30,000,000 instances of at least 8 events
    one["kinds"], one["variables"] = [kind], one["variables"][:1]
    one["variables"][0] = [v if type(v) is int else v[0] for v in one["variables"][0]]
    one["loose"] = [[], [], []]
    assert "more numbers than are read" in told_roughly(tmp_path, document)


def told_roughly(folder: Path, document: dict[str, Any]) -> str:
    """The refusal, in bounded time; memory is that of the numbers themselves."""
    began = time.process_time()
    problem = refusal(put(folder, json.dumps(document).encode()))
    assert time.process_time() - began < 15
    return problem


def test_forms_inside_of_forms_double_each_time(tmp_path: Path) -> None:
    document = packing.document(tmp_path)
    forms = document["packed"]["forms"]
    forms += [["container", "tuple", [], [], 0]]
    for _ in range(31):
        forms.append(["container", "tuple", [0, 1], [len(forms) - 1] * 2, 2])
    # 1, 3, 7, 15 ... specs; 2 ** 20 - 1 is the first above a million
    assert told(tmp_path, document).endswith("a form of 1048575 specs on 19 levels")


def test_many_wide_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CELLS", 1000)
    document = packing.document(tmp_path)
    document["packed"]["meanings"] += [document["packed"]["meanings"][0]] * 1000
    assert told(tmp_path, document).endswith("more numbers than are read")


def test_calls_that_stand_deep_below_nothing(tmp_path: Path) -> None:
    document = packing.document(tmp_path)
    packed = document["packed"]
    for column, value in zip(packed["visits"], (0, 0, limits.DEPTH), strict=True):
        column.append(value)
    last = len(packed["visits"][0]) - 1
    nothing = meaning_of(document, "nothing")
    # each entry at depth 200,000 looks through the levels above it: 250 of them would, then it is too much
    packed["lanes"][0].append(
        {
            **block(document),
            "templates": [-1],
            "kinds": [],
            "variables": [],
            "series": [],
            "loose": [[600], [last, -2 - 2 * limits.DEPTH] * 300, [nothing] * 600],
            "events": 600,
            "gaps": [1] * 599,
        }
    )
    assert told(tmp_path, document).endswith("too many calls without a call on the level above")
