"""Mutated files end in a trace that can be looked at, or in `TraceFileError`; nothing else, and soon."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.exporters import packing, samples
from tracelab.calls import Trace
from tracelab.errors import TraceFileError
from tracelab.exporters import load

STRANGE: list[Any] = [
    *(None, True, -1, 0, 1, 2, 3, 10**9, 2**63, -(2**63) - 1, 1.5, -0.0, "", "x", "\udc80\x1b"),
    *([], {}, [[]], [0, 1], {"$": 0}, {"$float": "nan"}, {"$int": "0xffffffffffffffffff"}),
    *({"$dict": [[[], 0]]}, {"$tuple": [1, [2]]}, ["tensor", [1], "float32"], ["cache", "a", None, 1]),
    *(["container", "a", [["b", ["scalar", "c"]]], 7], ["object"], ["scalar", "int", {"$tuple": []}]),
]
FRAGMENTS = (b"[", b"{", b'"', b"\\", b"-", b"9" * 30, b"e999", b"NaN", b"\xff")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside `value`."""
    found = []
    waiting = [value]
    while waiting:
        current = waiting.pop()
        keys = list(current) if isinstance(current, dict) else range(len(current))
        for key in keys:
            found.append((current, key))
            if isinstance(current[key], (dict, list)):
                waiting.append(current[key])
    return found


def spoil_structure(text: str, chance: random.Random) -> bytes:
    """Replace, remove, double or move values of the document."""
    document = json.loads(text)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        known = places(document)
        if not known:
            break
        container, key = chance.choice(known)
        deed = chance.randrange(4)
        if deed == 0:
            del container[key]
        elif deed == 1:
            other, there = chance.choice(known)
            container[key] = json.loads(json.dumps(other[there]))
        elif deed == 2 and isinstance(container, list):
            container.insert(key, container[key])
        else:
            container[key] = copy.deepcopy(chance.choice(STRANGE))
    return json.dumps(document).encode()


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, remove or repeat bytes."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(spoilt))
        end = at + chance.randrange(1, 20)
        deed = chance.randrange(5)
        if deed == 0:
            spoilt[at] = chance.randrange(256)
        elif deed == 1:
            spoilt[at] ^= 1 << chance.randrange(8)
        elif deed == 2:
            del spoilt[at:end]
        elif deed == 3:
            spoilt[at:at] = spoilt[at:end]
        else:
            spoilt[at:at] = chance.choice(
                (b"[", b"{", b'"', b"\\", b"-", b"9" * 30, b"e999", b"NaN", b"\xff")
            )
        if not spoilt:
            break
    return bytes(spoilt)


def storm(folder: Path, files: int, trace: Trace) -> tuple[int, int]:
    """Load so many mutated files of a trace; how many were traces and how many were refused."""
    chance = random.Random(20240607)
    trace.save(folder / "good.json")
    trace.save(folder / "good.json.gz")
    text = (folder / "good.json").read_text()
    packed = (folder / "good.json.gz").read_bytes()
    path = folder / "spoilt"
    read = refused = 0
    for number in range(files):
        if number % 10 == 0:
            data = spoil_bytes(packed, chance)
        elif number % 3:
            data = spoil_structure(text, chance)
        else:
            data = spoil_bytes(text.encode(), chance)
        path.write_bytes(data)
        try:
            samples.look(load(path))
            read += 1
        except TraceFileError as error:
            refused += 1
            assert str(error).isprintable(), error
    return read, refused


def folded(monkeypatch: pytest.MonkeyPatch) -> Trace:
    """A packed trace with everything in it; summed times too."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 1000)  # lists, so that numbers are spoilt too
    return packing.trace(12, summary=True)


def test_mutated_files(tmp_path: Path) -> None:
    read, refused = storm(tmp_path, 500, samples.small())
    # Both ends must be reached, or the mutations are not what they should be.
    assert read > 25 and refused > 250 and read + refused == 500


def test_mutated_packed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, refused = storm(tmp_path, 300, folded(monkeypatch))
    assert read > 10 and refused > 150 and read + refused == 300


@pytest.mark.slow
def test_many_mutated_files(tmp_path: Path) -> None:
    read, refused = storm(tmp_path, 10_000, samples.small())
    assert read > 500 and refused > 5000


@pytest.mark.slow
def test_many_mutated_packed_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, refused = storm(tmp_path, 10_000, folded(monkeypatch))
    assert read > 300 and refused > 5000
