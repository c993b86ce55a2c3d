"""The gate and the host: other tracers keep their events and place, a Ctrl-C comes out, nothing stays."""

from __future__ import annotations

import pdb
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace

from ..attacks.injector import at_call, at_line, everywhere, files_of
from ..attacks.threads import at_once, switching

X = torch.ones(2)

pytestmark = pytest.mark.skipif(
    hasattr(sys, "monitoring"), reason="the slot of sys.settrace, up to Python 3.11"
)


class Net(nn.Module):
    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.act = act

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + 1
        self.act()
        z = helper(y)
        return z


def helper(y: torch.Tensor) -> torch.Tensor:
    doubled = y * 2
    return doubled


FIRST = Net.forward.__code__.co_firstlineno


@pytest.fixture(autouse=True)
def slot_as_before() -> Iterator[None]:
    before = sys.gettrace()
    yield
    try:
        assert sys.gettrace() is before
    finally:
        sys.settrace(before)


def seen(trace: Trace) -> list[list[int]]:
    """The lines of each watched call, counted from the `def`."""
    passes = [call.facts["lines"] for call in trace.calls if "lines" in call.facts]
    return [[line.number - one.first for line in one.lines] for one in passes]


WHOLE = [0, 1, 2, 3, 4]


class Tracer:
    """A host's tracer in Python; `sees` what it is told of."""

    def __init__(self, local: bool = True) -> None:
        self.local = local
        self.sees: list[tuple[str, str, int]] = []

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename == __file__:
            self.sees.append((frame.f_code.co_name, event, frame.f_lineno))
        return self if self.local else None


def under(tracer: Any, act: Callable[[], object]) -> None:
    sys.settrace(tracer)
    try:
        act()
    finally:
        sys.settrace(None)


@pytest.mark.parametrize("local", [True, False])
def test_a_tracer_of_the_host_sees_what_it_saw(local: bool) -> None:
    alone, with_us = Tracer(local), Tracer(local)
    model = Net()
    under(alone, lambda: model(X))

    def traced() -> None:
        with tracelab.trace(source="Net.forward") as trace:
            sys.settrace(with_us)
            model(X)
            assert sys.gettrace() is with_us
            sys.settrace(None)
        assert seen(trace) == [WHOLE]

    traced()
    assert [one for one in with_us.sees if one[0] in ("forward", "helper")] == [
        one for one in alone.sees if one[0] in ("forward", "helper")
    ]
    assert {"forward", "helper"} <= {name for name, _, _ in with_us.sees}


def test_coverage_loses_no_line() -> None:
    coverage = pytest.importorskip("coverage")
    measured = []
    for source in (None, "Net.forward"):
        measuring = coverage.Coverage(data_file=None, include=[__file__])
        measuring.start()
        try:
            with tracelab.trace(source=source) as trace:
                Net()(X)
        finally:
            measuring.stop()
        measured.append(sorted(measuring.get_data().lines(__file__)))
    assert seen(trace) == [WHOLE]
    assert measured[0] == measured[1]
    assert {FIRST + 1, FIRST + 4} <= set(measured[1])


def test_a_debugger_that_takes_the_slot_keeps_it() -> None:
    """`breakpoint()` in a watched function; the debugger is told to go on, and takes its tracer out."""
    stopped: list[str] = []

    class Debugger(pdb.Pdb):
        def interaction(self, frame: FrameType | None, traceback: Any) -> None:
            stopped.append("" if frame is None else frame.f_code.co_name)
            self.set_continue()

    debugger = Debugger(nosigint=True)
    with tracelab.trace(source="Net.forward") as trace:
        Net(lambda: debugger.set_trace())(X)
        Net()(X)
    assert stopped == ["<lambda>"]
    assert seen(trace)[1] == WHOLE
    assert trace.meta["lines_lost"] == {"sys.settrace(None)": 1}
    # How the first one ended was not seen, and is not made up.
    ended = [call.facts["lines"].ended for call in trace.calls if "lines" in call.facts]
    assert ended == ["open", "return"]


def test_a_tracer_that_is_set_within_stays() -> None:
    taking = Tracer()
    with tracelab.trace(source="Net.forward") as trace:
        Net(lambda: sys.settrace(taking))(X)
        assert sys.gettrace() is taking
        sys.settrace(None)
    assert trace.meta["lines_lost"] == {"tests.lines.test_gate.Tracer": 1}
    said = "lines unseen, tracer replaced: 1 call, tests.lines.test_gate.Tracer"
    assert said in str(trace).splitlines()
    assert seen(trace) == [WHOLE]  # the frame itself was told of its lines


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_our_tracer_reaches_the_program(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while a value is described; the interpreter then empties the slot."""
    tracer = Tracer()
    with tracelab.trace(source="Net.forward") as trace:
        describer = trace._pull.__self__.recorder.describer  # type: ignore[attr-defined,union-attr]

        def interrupted(value: object) -> int:
            raise error

        sys.settrace(tracer)
        try:
            with monkeypatch.context() as patched:
                patched.setattr(describer, "see", interrupted)
                with pytest.raises(error):
                    Net()(X)
            assert sys.gettrace() is tracer
        finally:
            sys.settrace(None)
        Net()(X)
    assert seen(trace)[-1] == WHOLE
    assert trace.calls[0].status == "error"


@pytest.mark.parametrize("kind", [at_line, at_call])
def test_ctrl_c_at_every_line_leaves_no_tracer(kind: type[at_line]) -> None:
    """The injector has the slot itself; its `at_call` uses the profiler's."""
    model = Net()
    for injection in everywhere(kind, interrupt, files_of("lines", "recorder/lines.py")):
        came = False
        with tracelab.trace(source="Net.forward") as trace:
            try:
                with injection:
                    model(X)
            except KeyboardInterrupt:
                came = True
            assert came == injection.fired, injection.where
            model(X)
        model(X)
        assert sys.gettrace() is None, injection.where
        assert trace.calls[-1].status == "ok", injection.where
        assert trace.internal_errors == 0, injection.where


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.internal_errors
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, StopIteration])
def test_faults_of_ours_stay_inside(error: type[Exception]) -> None:
    model, expected = Net(), (X + 1) * 2

    def fail() -> None:
        raise error

    for injection in everywhere(
        at_call, fail, files_of("lines/watch.py", "lines/watching.py", "lines/stores.py")
    ):
        with tracelab.trace(source="Net.forward") as trace, injection:
            result = model(X)
        assert torch.equal(result, expected), injection.where
        assert sys.gettrace() is None
        assert trace.calls[0].status in ("ok", "open"), injection.where


def test_threads() -> None:
    model = Net()
    with switching(), tracelab.trace(source="Net.forward") as trace:
        at_once(*[lambda: [model(X) for _ in range(20)]] * 3)
    assert seen(trace) == [WHOLE] * 60
    assert threading.gettrace() is None


def test_a_thread_that_the_call_starts_is_not_watched() -> None:
    other = Net()

    def begin() -> None:
        thread = threading.Thread(target=helper, args=(X,))
        thread.start()
        thread.join()

    with tracelab.trace(source="Net.forward") as trace:
        Net(begin)(X)
        other(X)
    assert seen(trace) == [WHOLE] * 2


def test_a_call_that_outlives_its_trace() -> None:
    session = tracelab.trace(source="Net.forward")
    with session as trace:
        Net(lambda: session.__exit__(None, None, None))(X)
    assert sys.gettrace() is None
    assert trace.calls[0].status == "open"
