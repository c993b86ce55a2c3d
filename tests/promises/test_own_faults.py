"""A fault of tracelab's own never reaches the traced program: it is counted, logged once, and shown.

RuntimeError, MemoryError, RecursionError and OSError are raised at every line that records, describes,
packs, streams or ends, and by every function that does; what may come out is named in `OUTSIDE`.
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.recorder import recorder as recording

from ..attacks import hosts
from .failing import ERRORS, Log, broken, faults, holders, ours
from .figures import Figures

pytestmark = pytest.mark.internal_errors


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", hosts.PORTION)
    monkeypatch.setattr(recording, "FLAT", 4)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """No collector; a thread that dies is heard as a line too many.  What is raised in a callback for a dead
    object is not heard: the interpreter lets nothing out of these."""
    log = Log()
    monkeypatch.setattr(threading, "excepthook", lambda told: log.lines.append(repr(told.exc_value)))
    monkeypatch.setattr(sys, "unraisablehook", lambda told: None)
    logging.getLogger("tracelab").addHandler(log)
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    gc.disable()
    yield log
    gc.enable()
    gc.unfreeze()
    logging.getLogger("tracelab").removeHandler(log)


def test_faults_at_some_lines(log: Log, tmp_path: Path, figures: Figures) -> None:
    number, wrong = faults(17, 0, tmp_path / "run.jsonl", log)
    assert not wrong, "\n".join(wrong)
    assert number > 50
    figures("faults injected", number)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(3))
def test_faults_at_every_line(first: int, log: Log, tmp_path: Path, figures: Figures) -> None:
    number, wrong = faults(3, first, tmp_path / "run.jsonl", log)
    assert not wrong, "\n".join(wrong)
    assert number > 400
    figures("faults injected", number)


# --- what fails always ------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_every_function_fails_always(
    each: int, log: Log, monkeypatch: pytest.MonkeyPatch, figures: Figures
) -> None:
    with tracelab.trace() as trace:
        expected = hosts.small()
    assert trace.complete
    wrong, places = [], holders()
    names = dict(list(ours().items())[::each])
    for number, (name, (_, key, function)) in enumerate(names.items()):
        standing = [holder for holder in places if vars(holder).get(key) is function]
        wrong += broken(name, key, standing, ERRORS[number % len(ERRORS)], log, expected, monkeypatch)
    assert not wrong, "\n".join(wrong)
    assert len(names) * each > 150
    figures("functions broken", len(names))


# --- switched off ------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS)
def test_after_a_hundred_faults_recording_stops_and_says_so(
    error: type[Exception], log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the screen, in a stream and in a saved file; calls that still run then are counted, not logged."""

    class Deep(nn.Module):
        def __init__(self, below: int) -> None:
            super().__init__()
            self.below = Deep(below - 1) if below else None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.below is None:
                for _ in range(95):
                    nn.Identity()(x)
                return x
            return self.below(x)

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error("ours")

    model, x = Deep(9), torch.ones(3)
    with tracelab.trace(file=tmp_path / "run.jsonl") as trace, monkeypatch.context() as patch:
        patch.setattr("tracelab.describe.describer.Describer.usual_value", fail)
        assert model(x) is x
        assert model(x) is x
    # 95 identities and the 5 innermost levels are a hundred; the other 5 levels end after that.
    assert trace.columns.faults == {f"leave: {error.__name__}": 105}
    assert trace.recorded == 105
    assert len(log.lines) == 2
    assert "switched off after 100" in log.lines[1]
    trace.save(tmp_path / "saved.json")
    for told in (trace, tracelab.load(tmp_path / "run.jsonl"), tracelab.load(tmp_path / "saved.json")):
        assert told.meta["switched_off"] is True
        assert told.internal_errors == 105
        assert not told.complete
        assert "switched off by 105 faults of its own" in str(told)
