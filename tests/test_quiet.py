"""The collector rests while many objects are made, and is afterwards as it was."""

from __future__ import annotations

import gc

import pytest

from tracelab.calls import quiet


def test_the_collector_rests_inside_only() -> None:
    with quiet():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_comes_back_after_an_exception() -> None:
    with pytest.raises(KeyError), quiet():
        raise KeyError
    assert gc.isenabled()


def test_a_program_that_switched_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with quiet():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_one_inside_another() -> None:
    with quiet():
        with quiet():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
