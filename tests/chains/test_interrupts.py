"""A Ctrl-C at the lines of the whole package leaves nothing behind, also while chains are kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tracelab.recorder import recorder as recording

from ..attacks import hosts
from ..attacks.injector import at_line
from ..promises.interrupting import everywhere


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", hosts.PORTION)
    monkeypatch.setattr(recording, "FLAT", 4)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


def test_ctrl_c_at_some_places_where_chains_are_kept(tmp_path: Path) -> None:
    number, wrong = everywhere(at_line, tmp_path, 41, chain=True)
    assert not wrong, "\n".join(wrong)
    assert number > 30


@pytest.mark.slow
@pytest.mark.parametrize("first", range(3))
def test_ctrl_c_at_every_place_where_chains_are_kept(first: int, tmp_path: Path) -> None:
    number, wrong = everywhere(at_line, tmp_path, 3, first, chain=True)
    assert not wrong, "\n".join(wrong)
    assert number > 300
