"""100,000 calls: under 8 MB, written in 2 s and read in 1.5 s; times are given threefold here."""

from __future__ import annotations

import random
import time
from array import array
from pathlib import Path

import pytest

from tracelab.calls import Columns, Trace
from tracelab.events import Place, Signature, Site
from tracelab.exporters import load, save
from tracelab.values import ContainerSpec, ScalarSpec, TensorSpec

ROWS = 100_000


@pytest.fixture(scope="module")
def long_trace() -> Trace:
    """A decoding run of about this size: 1,000 steps of 100 calls, some ten new specs in each step."""
    chance = random.Random(1)
    file = "/usr/lib/python3/site-packages/transformers/models/whisper/modeling_whisper.py"
    columns = Columns(threads=["MainThread"])
    for number in range(200):
        path = f"model.decoder.layers.{number}.self_attn"
        columns.sites.append(
            Site("module", "WhisperAttention", "WhisperAttention", "forward", "Whisper", path, file, number)
        )
        columns.places.append(Place(file, number))
    for number in range(10_000):
        state = TensorSpec((1, 8, number, 64), "float32")
        columns.specs.append(ContainerSpec("tuple", ((0, state), (1, ScalarSpec("NoneType"))), 2))
        columns.signatures.append(
            Signature((number,), (("attention_mask", number), ("past_key_values", number)))
        )
    columns.site = array("i", [row % 200 for row in range(ROWS)])
    columns.place = array("i", columns.site)
    columns.inputs = array("i", [row // 10 for row in range(ROWS)])
    columns.output = array("i", columns.inputs)
    columns.parent = array("i", [max(-1, row - chance.randrange(1, 20)) for row in range(ROWS)])
    columns.start = array("q", [row * 600_000 for row in range(ROWS)])  # one minute
    columns.duration = array("q", [chance.randrange(10**7) for _ in range(ROWS)])
    columns.status = array("b", bytes(ROWS))
    columns.error = array("i", [-1] * ROWS)
    columns.thread = array("i", [0] * ROWS)
    return Trace(columns)


@pytest.mark.parametrize(("suffix", "megabytes"), [(".json", 8), (".json.gz", 2.5)])
def test_a_long_trace(long_trace: Trace, tmp_path: Path, suffix: str, megabytes: float) -> None:
    path = tmp_path / f"long{suffix}"
    began = time.process_time()
    save(long_trace, path)
    written = time.process_time()
    back = load(path)
    read = time.process_time()
    assert back.columns == long_trace.columns
    assert path.stat().st_size < megabytes * 1e6
    assert written - began < 6
    assert read - written < 4.5
