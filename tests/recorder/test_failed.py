"""What an instrument tells of a call that an exception leaves: asked once, then the exception goes on."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import tracelab
from tracelab.recorder import Target, Tells


class Host:
    """What is traced."""

    def fail(self, error: BaseException) -> None:
        raise error


def told(error: BaseException, **tells: Any) -> dict[str, Any]:
    """The facts of a call of `Host.fail` that ends with `error`."""
    with (
        tracelab.trace("tests.recorder.test_failed:Host.fail") as trace,
        pytest.raises(type(error)) as caught,
    ):
        instrument(Tells(**tells))
        Host().fail(error)
    assert caught.value is error
    (call,) = trace.calls
    assert (call.status, call.error) == ("error", type(error).__name__)
    return call.facts


def instrument(tells: Tells) -> None:
    """Give the wrapper that stands on `Host.fail` an instrument that tells."""
    for cell in Host.fail.__closure__ or ():
        if isinstance(cell.cell_contents, Target):
            cell.cell_contents.tells = tells


def test_it_is_told_the_exception() -> None:
    facts = told(
        ValueError("no"),
        before=lambda *_: {"begun": 1},
        failed=lambda it, args, kwargs, error, values: {"why": type(error).__name__, "given": len(args)},
    )
    assert facts == {"begun": 1, "why": "ValueError", "given": 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_an_interrupt_is_not_looked_into(error: BaseException) -> None:
    assert told(error, failed=lambda *_: {"asked": True}) == {}


@pytest.mark.internal_errors
def test_a_fault_of_the_instrument_changes_nothing() -> None:
    def fault(*_: Any) -> None:
        raise RuntimeError("ours")

    error = ValueError("the host's")
    assert told(error, failed=fault) == {}
    assert error.__context__ is None


def test_functions_of_a_module_are_a_family(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tracelab.instruments.families import Families, Family
    from tracelab.patching import Patches

    def work(x: int) -> int:
        return x + 1

    module: Any = ModuleType("a_module_with_functions")
    module.work = work
    monkeypatch.setitem(sys.modules, module.__name__, module)
    patches = Patches()
    families = Families(patches, (Family("a_module_with_functions:", ("work", "absent"), "function"),))
    families.attach()
    families.attach()  # twice is once
    assert (len(patches), module.work is work, module.work(1)) == (1, False, 2)
    patches.undo_all()
    assert module.work is work


def test_each_class_is_a_callee_of_its_own_for_a_class_method() -> None:
    with tracelab.trace("tests.recorder.test_failed:Made.make") as trace:
        First.make()
        Second.make()
        First.make()
    assert [call.name for call in trace.calls] == ["First.make", "Second.make", "First.make"]


class Made:
    """What has a class method."""

    @classmethod
    def make(cls) -> Made:
        return cls()


class First(Made):
    """One."""


class Second(Made):
    """Two."""
