"""Ctrl-C at every line of ours, signal handlers that call modules, and what the next call then sees."""

from __future__ import annotations

import gc
import sys

import pytest
import torch
from torch import nn

import tracelab
from tracelab import session as room
from tracelab.calls import Trace
from tracelab.instruments import Family

from ..attacks.injector import at_call, at_line, everywhere, files_of

HOT = files_of("recorder/wrapper.py", "recorder/recorder.py")
COLD = files_of(
    "session.py",
    "patching.py",
    "arrivals.py",
    "instruments/attachment.py",
    "instruments/families.py",
    "recorder/active.py",
)


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) * 2


class Failing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ZeroDivisionError


def interrupt() -> None:
    raise KeyboardInterrupt


def checked_after_interrupt(trace: Trace, where: str) -> None:
    """What must hold once a Ctrl-C came out of a call and another root was called after it."""
    last = trace.calls[-2]
    assert (last.name, last.parent, last.status) == ("Outer.forward", None, "ok"), where
    assert [child.name for child in last.children] == ["Inner.forward"], where
    for call in trace.calls:
        # An interrupted call may be unknown or open, but never "ok" without an output.
        assert call.status != "ok" or call.output is not None, where


@pytest.mark.parametrize("warm", [False, True], ids=["first call", "later call"])
def test_ctrl_c_at_every_line_of_the_hot_path(warm: bool) -> None:
    before = nn.Module.__call__
    x = torch.ones(2)
    reached = 0
    for injection in everywhere(at_line, interrupt, HOT):
        model, second = Outer(), Outer()
        with tracelab.trace() as trace:
            if warm:
                model(x)
            seen = False
            try:
                with injection:
                    assert torch.equal(model(x), torch.tensor([4.0, 4.0]))
            except KeyboardInterrupt:
                seen = True
            assert seen == injection.fired, f"{injection.where}: the host did not see its Ctrl-C"
            second(x)
        assert nn.Module.__call__ is before, injection.where
        checked_after_interrupt(trace, injection.where)
        assert trace.internal_errors == 0, injection.where
        reached += injection.fired
    # Two modules; each has at least six lines in the wrapper and one each in enter and leave.
    assert reached > 2 * (6 + 1 + 1)


def test_ctrl_c_at_every_line_while_an_exception_is_noted() -> None:
    x = torch.ones(2)
    model = nn.Sequential(Failing())
    for injection in everywhere(at_line, interrupt, HOT):
        second = Outer()
        with tracelab.trace() as trace:
            with pytest.raises((KeyboardInterrupt, ZeroDivisionError)) as caught, injection:
                model(x)
            assert (caught.type is KeyboardInterrupt) == injection.fired, injection.where
            second(x)
        checked_after_interrupt(trace, injection.where)


def test_ctrl_c_at_every_line_of_nested_traces() -> None:
    x = torch.ones(2)
    model = Outer()
    for injection in everywhere(at_line, interrupt, HOT):
        second = Outer()
        with tracelab.trace() as outer, tracelab.trace() as inner:
            try:
                with injection:
                    model(x)
            except KeyboardInterrupt:
                pass
            second(x)
        for trace in (outer, inner):
            checked_after_interrupt(trace, injection.where)


def test_ctrl_c_at_every_line_on_the_way_in_and_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is left afterwards, dropping the handle or `reset()` takes it away."""
    # One family: with all of them the way in is ten thousand lines long.
    family = Family("torch:nn.Module", ("__call__",), kind="module", subclasses=False, by_object=True)
    monkeypatch.setattr(room, "_attachment", room.Attachment((family,)))
    before = nn.Module.__call__
    left = []
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    for injection in everywhere(at_line, interrupt, COLD):
        session = tracelab.trace()
        try:
            with injection, session:
                pass
        except KeyboardInterrupt:
            pass
        del session
        gc.collect()
        tracelab.reset()
        if nn.Module.__call__ is not before or room._attachment.watcher in sys.meta_path:
            left.append(injection.where)
            room._attachment.patches.undo_all()
            room._attachment.watcher.remove()
            room._attachment.families.forget()
    gc.unfreeze()
    assert not left, "\n".join(left)


# --- signal handlers, __del__ and the garbage collector call traced modules -------------------------


def test_a_handler_that_calls_a_module_anywhere_in_our_code() -> None:
    """The handler's call shows where it came, and the host's calls keep their parents and results."""
    x = torch.ones(2)
    handler_module = Inner()

    def handler() -> None:
        handler_module(x)

    wrong = []
    for injection in everywhere(at_call, handler, HOT | files_of("describe")):
        model = Outer()
        try:
            with tracelab.trace() as trace, injection:
                result = model(x)
        except Exception as error:
            wrong.append(f"{injection.where}: {error!r}")
            continue
        assert torch.equal(result, torch.tensor([4.0, 4.0]))
        outer = trace.find("Outer.forward")
        inner = trace.find("Inner.forward", path="inner")
        if [call.status for call in trace.calls] != ["ok"] * (2 + injection.fired):
            wrong.append(f"{injection.where}: {[(c.name, c.status) for c in trace.calls]}")
        elif outer[0].parent is not None or inner[0].parent != outer[0]:
            wrong.append(f"{injection.where}: parents")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, MemoryError])
def test_what_the_host_raises_comes_out_as_the_same_object(kind: type[BaseException]) -> None:
    error = kind("from the host")

    class Raising(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise error

    model = nn.Sequential(Raising())
    with tracelab.trace() as trace:
        with pytest.raises(kind) as caught:
            model(torch.ones(1))
        assert caught.value is error
        Outer()(torch.ones(1))
    assert [(call.status, call.error) for call in trace.calls[:2]] == [("error", kind.__name__)] * 2
    assert [call.parent for call in trace.find("Outer.forward")] == [None]
