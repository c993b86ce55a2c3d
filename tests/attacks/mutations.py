"""Files that were good and are spoilt: some bytes, some values, or some lines of them.

`GOOD` has a writer for each format that a reader accepts; `spoilt` gives as many mutations of one as wanted.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tracelab
from tests.exporters import packing, samples

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
            spoilt[at:at] = chance.choice(FRAGMENTS)
        if not spoilt:
            break
    return bytes(spoilt)


def spoil_lines(data: bytes, chance: random.Random) -> bytes:
    """Spoil lines of a stream, or lose, double, swap or cut some."""
    lines = data.splitlines(keepends=True)
    for _ in range(chance.choice((1, 1, 2))):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        deed = chance.randrange(6)
        if deed == 0 and len(lines) > 1:
            del lines[at]
        elif deed == 1:
            lines.insert(at, lines[other])
        elif deed == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif deed == 3 or not lines[at].endswith(b"}\n"):  # cut, or cut before
            lines[-1] = lines[-1][: chance.randrange(len(lines[-1])) + 1]
        else:
            lines[at] = spoil_structure(lines[at].decode(), chance) + b"\n"
    return b"".join(lines)


# --- good files -------------------------------------------------------------------------------------


def flat(folder: Path) -> bytes:
    """Each call by itself."""
    samples.small().save(folder / "flat.json")
    return (folder / "flat.json").read_bytes()


def packed(folder: Path) -> bytes:
    """A packed trace with everything in it, summed times too; the test shortens what is packed from."""
    packing.trace(12, summary=True).save(folder / "packed.json")
    return (folder / "packed.json").read_bytes()


def compressed(folder: Path) -> bytes:
    samples.small().save(folder / "flat.json.gz")
    return (folder / "flat.json.gz").read_bytes()


def stream(folder: Path) -> bytes:
    """What a run with values and an error has written."""
    model, refused = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.ones(3)
    with tracelab.trace(file=folder / "run.jsonl", values=True, stats=True):
        for rows in (1, 2, 3):
            model(torch.ones(rows, 2))
        try:
            model(refused)
        except RuntimeError:
            model(torch.ones(1, 2))
    return (folder / "run.jsonl").read_bytes()


def spoil_text(data: bytes, chance: random.Random) -> bytes:
    """Structure twice as often as bytes."""
    return spoil_structure(data.decode(), chance) if chance.randrange(3) else spoil_bytes(data, chance)


def spoil_stream(data: bytes, chance: random.Random) -> bytes:
    return spoil_lines(data, chance) if chance.randrange(3) else spoil_bytes(data, chance)


Spoil = Callable[[bytes, random.Random], bytes]
GOOD: dict[str, tuple[Callable[[Path], bytes], Spoil]] = {
    "flat": (flat, spoil_text),
    "packed": (packed, spoil_text),
    "compressed": (compressed, spoil_bytes),
    "stream": (stream, spoil_stream),
}


def spoilt(kind: str, folder: Path, files: int) -> Iterator[bytes]:
    """So many mutations of the good file of one kind, the same each time."""
    write, spoil = GOOD[kind]
    good, chance = write(folder), random.Random(20240607)
    for _ in range(files):
        yield spoil(good, chance)
