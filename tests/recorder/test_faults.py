"""Our own faults: counted, logged once for each place, never seen by the host, and off after a hundred."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab import session as room
from tracelab.describe import Describer
from tracelab.instruments import Sites
from tracelab.instruments.families import Families
from tracelab.recorder import Recorder, active

pytestmark = pytest.mark.internal_errors

X = torch.ones(1, 2)
KINDS = [RuntimeError, MemoryError, RecursionError, StopIteration]


def model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(2, 2), nn.ReLU())


def raising(kind: type[BaseException]) -> Callable[..., Any]:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise kind("ours")

    return broken


# --- in the hot path --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("owner", "name", "recorded"),
    [
        # One Sequential, one Linear, one ReLU.  A fault on the way in loses the call, on the way out its end.
        (Describer, "signature", 0),
        (Sites, "locate", 0),
        (Describer, "see", 3),
    ],
)
def test_a_fault_of_ours_is_counted_and_the_host_does_not_notice(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: type,
    name: str,
    recorded: int,
    kind: type[BaseException],
) -> None:
    expected = model()(X)
    monkeypatch.setattr(owner, name, raising(kind))
    with tracelab.trace() as trace:
        assert torch.equal(model()(X), expected)
    assert trace.recorded == recorded
    assert {call.status for call in trace.calls} <= {"open"}
    assert trace.internal_errors == 3
    assert not trace.complete
    places = list(trace.columns.faults)
    assert len(places) == 1
    assert kind.__name__ in places[0]
    ours = [record for record in caplog.records if record.name == "tracelab"]
    assert len(ours) == 1
    assert places[0] in ours[0].getMessage()


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_while_a_host_error_is_noted(monkeypatch: pytest.MonkeyPatch, kind: type) -> None:
    class Failing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise error

    error = ZeroDivisionError()
    monkeypatch.setattr(Describer, "error_name", raising(kind))
    with tracelab.trace() as trace, pytest.raises(ZeroDivisionError) as caught:
        nn.Sequential(Failing())(X)
    assert caught.value is error
    assert caught.value.__context__ is None
    assert trace.internal_errors == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_no_fault_is_not_swallowed(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    before = nn.Module.__call__
    monkeypatch.setattr(Describer, "see", raising(kind))
    with pytest.raises(kind), tracelab.trace() as trace:
        model()(X)
    assert nn.Module.__call__ is before
    assert trace.internal_errors == 0


def test_recording_is_switched_off_after_a_hundred_faults(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Describer, "signature", raising(RuntimeError))
    before = nn.Module.__call__
    identity = nn.Identity()
    with tracelab.trace() as trace:
        for _ in range(150):
            identity(X)
        assert active.recorders == ()
    assert trace.internal_errors == 100
    assert nn.Module.__call__ is before
    assert "switched off after 100" in caplog.text


def test_a_switched_off_trace_leaves_another_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = nn.Identity()
    with tracelab.trace() as healthy:
        with tracelab.trace() as broken:
            monkeypatch.setattr(active.recorders[1].describer, "see", raising(RuntimeError))
            for _ in range(120):
                identity(X)
            assert len(active.recorders) == 1
        identity(X)
    assert broken.internal_errors == 100
    assert broken.recorded == 100
    assert healthy.recorded == 121
    assert healthy.complete


def test_a_trace_that_begins_after_another_was_switched_off_ends_cleanly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, finders = nn.Module.__call__, list(sys.meta_path)
    identity = nn.Identity()
    first, second = tracelab.trace(), tracelab.trace()
    first.__enter__()
    with monkeypatch.context() as patch:
        patch.setattr(Describer, "signature", raising(RuntimeError))
        for _ in range(100):
            identity(X)
    trace = second.__enter__()
    first.__exit__(None, None, None)
    identity(X)
    second.__exit__(None, None, None)
    left = [finder for finder in sys.meta_path if finder not in finders]
    for finder in left:
        sys.meta_path.remove(finder)
    assert nn.Module.__call__ is before
    assert trace.recorded == 1
    assert left == [], "an import hook was left behind"


def test_a_fault_is_not_forgotten_because_the_trace_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = nn.Identity()
    with tracelab.trace() as trace:
        identity(X)
        assert trace.recorded == 1
        assert trace.internal_errors == 0
        monkeypatch.setattr(Describer, "signature", raising(RuntimeError))
        identity(X.double())  # unlike the last one
    assert trace.internal_errors == 1
    assert not trace.complete


def test_a_broken_log_handler_of_the_host_is_not_our_way_to_break_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left on device")

    handler = Broken()
    logging.getLogger("tracelab").addHandler(handler)
    monkeypatch.setattr(Describer, "see", raising(RuntimeError))
    try:
        with tracelab.trace() as trace:
            assert model()(X).shape == (1, 2)
    finally:
        logging.getLogger("tracelab").removeHandler(handler)
    assert trace.internal_errors == 3


# --- near the recursion limit -----------------------------------------------------------------------


def at_depth_left(left: int, act: Callable[[], Any]) -> Any:
    """Runs `act` where only `left` more Python frames fit on the stack."""
    used = 0
    frame: Any = sys._getframe()
    while frame is not None:
        used, frame = used + 1, frame.f_back

    def down(more: int) -> Any:
        return act() if more <= 0 else down(more - 1)

    return down(sys.getrecursionlimit() - used - left - 2)


def fewest_frames(act: Callable[[], Any]) -> int:
    """How many free frames `act` needs to succeed."""
    for left in range(1, 200):
        try:
            at_depth_left(left, act)
        except RecursionError:
            continue
        return left
    raise AssertionError("needs more than 200 frames")


@pytest.mark.parametrize("warm", [False, True], ids=["first call", "later call"])
def test_near_the_recursion_limit_the_host_loses_one_frame_and_no_more(warm: bool) -> None:
    """Untraced, the identity needs a few frames; traced, one more for the wrapper.

    With fewer frames than the recorder itself needs, the call is lost and counted, but it works.
    """
    identity = nn.Identity()
    needed = fewest_frames(lambda: identity(X))
    broken = []
    for left in range(needed + 1, needed + 40):
        with tracelab.trace():
            if warm:
                identity(X)
            try:
                assert at_depth_left(left, lambda: identity(X)) is X
            except RecursionError:
                broken.append(left - needed)
    assert broken == [], "with so many frames more than the host needs, the host failed"


# --- on the way in and out --------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["tracelab.fold.fold", "tracelab.running.meta"])
def test_a_fault_at_the_end_does_not_break_the_block(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    before = nn.Module.__call__
    monkeypatch.setattr(broken, raising(RuntimeError))
    with tracelab.trace():
        result = model()(X)
    assert result.shape == (1, 2)
    assert nn.Module.__call__ is before


def test_a_fault_at_the_end_does_not_hide_the_host_s_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelab.fold.fold", raising(RuntimeError))
    with pytest.raises(ZeroDivisionError), tracelab.trace():
        raise ZeroDivisionError


@pytest.fixture
def stubborn() -> Iterator[Any]:
    """A kind of class that refuses every `setattr` while its `frozen` is on.  Melted after the test."""

    class Stubborn(type):
        frozen = False

        def __setattr__(cls, name: str, value: Any) -> None:
            if Stubborn.frozen:
                raise AttributeError(f"{cls.__name__} is frozen")
            super().__setattr__(name, value)

    yield Stubborn
    Stubborn.frozen = False


def test_a_class_that_refuses_to_be_patched_does_not_stop_a_trace(stubborn: Any) -> None:
    class Frozen(nn.Module, metaclass=stubborn):
        def generate(self) -> int:
            return 1

    before = nn.Module.__call__
    stubborn.frozen = True
    with tracelab.trace() as trace:
        assert Frozen().generate() == 1
        nn.Identity()(X)
    assert trace.count("Identity.forward") == 1
    assert nn.Module.__call__ is before


def test_a_class_that_refuses_to_be_patched_can_be_defined_during_a_trace(stubborn: Any) -> None:
    with tracelab.trace():
        stubborn.frozen = True

        class Frozen(nn.Module, metaclass=stubborn):
            def generate(self) -> int:
                return 1

        assert Frozen().generate() == 1


def test_a_class_that_freezes_itself_during_a_trace_does_not_break_its_end(stubborn: Any) -> None:
    class Freezing(nn.Module, metaclass=stubborn):
        def generate(self) -> int:
            return 1

    before, original = nn.Module.__call__, vars(Freezing)["generate"]
    try:
        with tracelab.trace() as trace:
            nn.Identity()(X)
            stubborn.frozen = True
        assert nn.Module.__call__ is before
        assert trace.recorded == 1
    finally:
        stubborn.frozen = False
        if vars(Freezing)["generate"] is not original:
            Freezing.generate = original


def test_faults_of_a_recorder_by_place() -> None:
    recorder = Recorder(Sites(), Describer())
    for _ in range(3):
        recorder.fault("enter forward", ValueError())
    recorder.fault("leave forward", ValueError())
    assert recorder.faults == {"enter forward: ValueError": 3, "leave forward: ValueError": 1}


# --- doors of the host that stand open during a trace -----------------------------------------------


@pytest.mark.internal_errors
def test_a_fault_of_ours_does_not_come_out_of_a_class_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    with tracelab.trace() as trace:
        monkeypatch.setattr(Families, "_adopt", raising(RuntimeError))

        class Born(nn.Module):
            def generate(self) -> None: ...

        monkeypatch.undo()
        assert Born().generate() is None
    assert trace.internal_errors >= 1
    assert not trace.complete


@pytest.mark.internal_errors
def test_a_fault_of_ours_does_not_come_out_of_an_import(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "arriving_library.py").write_text("answer = 42\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(room._attachment.watcher, "_names", frozenset({"arriving_library"}))
    with tracelab.trace() as trace:
        monkeypatch.setattr(Families, "attach", raising(RuntimeError))
        import arriving_library  # type: ignore[import-not-found]

        monkeypatch.undo()
    sys.modules.pop("arriving_library")
    assert arriving_library.answer == 42
    assert trace.internal_errors == 1
