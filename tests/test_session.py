"""`trace()` itself: in and out on every way, options, decorator, overlapping traces, lost handles, reset."""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import pickle
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab import session as room
from tracelab.calls import Trace
from tracelab.errors import SetupError
from tracelab.instruments.families import Families
from tracelab.recorder import active

X = torch.ones(1, 2)
GENUINE = nn.Module.__call__


def model() -> nn.Module:
    return nn.Sequential(nn.Identity())


def patched() -> bool:
    return nn.Module.__call__ is not GENUINE


def finders() -> list[Any]:
    return [finder for finder in sys.meta_path if type(finder).__module__.startswith("tracelab")]


def clean() -> bool:
    """Nothing of any trace is left in the process."""
    return not patched() and active.recorders == () and finders() == [] and len(room._attachment.patches) == 0


# --- the block --------------------------------------------------------------------------------------


def test_in_and_out() -> None:
    with tracelab.trace() as trace:
        assert patched()
        assert len(finders()) == 1
        model()(X)
        assert trace.recorded == 2
    assert clean()
    assert isinstance(trace, Trace)
    assert [call.status for call in trace.calls] == ["ok", "ok"]


def test_nothing_is_patched_before_the_block() -> None:
    session = tracelab.trace()
    assert clean()
    model()(X)
    with session as trace:
        pass
    assert trace.recorded == 0
    assert trace.complete
    assert str(trace)


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_exception_ends_the_trace_and_goes_on(kind: type[BaseException]) -> None:
    error = kind()
    with pytest.raises(kind) as caught, tracelab.trace() as trace:
        model()(X)
        raise error
    assert caught.value is error
    assert clean()
    assert trace.recorded == 2


def test_a_call_that_is_running_when_the_trace_ends_is_open() -> None:
    session = tracelab.trace()

    class Ending(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            session.__exit__(None, None, None)
            return x

    trace = session.__enter__()
    outer = nn.Sequential(Ending())
    assert outer(X) is X
    outer[0].forward = lambda x: x
    outer(X)
    assert [(call.name, call.status) for call in trace.calls] == [
        ("Sequential.forward", "open"),
        ("Ending.forward", "open"),
    ]
    assert not trace.complete
    assert clean()


def test_a_session_is_used_once() -> None:
    session = tracelab.trace()
    with session:
        pass
    with pytest.raises(SetupError, match="entered already"), session:
        pass
    assert clean()


def test_leaving_twice_and_leaving_what_was_never_entered() -> None:
    session = tracelab.trace()
    session.__exit__(None, None, None)
    with session as trace:
        model()(X)
    session.__exit__(None, None, None)
    assert trace.recorded == 2
    assert clean()


def test_a_trace_can_be_read_while_it_runs() -> None:
    with tracelab.trace() as trace:
        seen = []
        for _ in range(3):
            model()(X)
            seen.append((trace.recorded, len(trace.roots), str(trace) != ""))
        assert trace.columns is trace.columns
    assert seen == [(2, 1, True), (4, 2, True), (6, 3, True)]
    assert trace.recorded == 6


def test_what_came_after_the_block_is_not_in_it() -> None:
    with tracelab.trace() as trace:
        model()(X)
    columns = trace.columns
    with tracelab.trace():
        model()(X)
    assert trace.columns is columns
    assert trace.recorded == 2


def test_a_failing_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (RuntimeError, KeyboardInterrupt):

        def broken(self: Any, kind: type[BaseException] = kind) -> None:
            raise kind("in the middle")

        monkeypatch.setattr(Families, "attach", broken)
        with pytest.raises(kind, match="in the middle"), tracelab.trace():
            pass
        assert clean()


# --- several at once --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)], ids=str)
def test_overlapping_traces_end_in_any_order(order: tuple[int, ...]) -> None:
    sessions = [tracelab.trace() for _ in range(3)]
    traces = [session.__enter__() for session in sessions]
    identity = nn.Identity()
    for at in order:
        identity(X)
        sessions[at].__exit__(None, None, None)
    identity(X)
    # The first to end has seen one call, the second two, the third three.
    assert [traces[at].recorded for at in order] == [1, 2, 3]
    assert clean()


def test_a_trace_that_begins_and_ends_within_a_call() -> None:
    class Tracing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with tracelab.trace() as self.trace:
                return self.inner(x)

    outer_model = Tracing()
    with tracelab.trace() as outer:
        outer_model(X)
    assert [call.name for call in outer.calls] == ["Tracing.forward", "Identity.forward"]
    assert [(call.name, call.parent) for call in outer_model.trace.calls] == [("Identity.forward", None)]
    alone = Tracing()
    alone(X)
    assert [call.name for call in alone.trace.calls] == ["Identity.forward"]


def test_traces_with_different_options_do_not_mix() -> None:
    identity = nn.Identity()
    with (
        tracelab.trace(values=True) as open_one,
        tracelab.trace() as private,
        tracelab.trace(limit=0) as none,
    ):
        identity("secret")
    assert str(open_one.calls[0].inputs["input"]) == "'secret'"
    assert "secret" not in repr(private.columns.specs)
    assert (none.recorded, none.dropped) == (0, 1)


# --- lost handles -----------------------------------------------------------------------------------


def test_a_session_that_nobody_holds_ends() -> None:
    def lose() -> None:
        tracelab.trace().__enter__()

    lose()
    gc.collect()
    assert clean()


def test_an_abandoned_generator_ends_its_trace() -> None:
    def steps() -> Iterator[Trace]:
        with tracelab.trace() as trace:
            yield trace

    generator = steps()
    trace = next(generator)
    model()(X)
    del generator
    assert clean()
    assert trace.recorded == 2


def test_a_lost_session_does_not_take_the_patches_of_a_new_one() -> None:
    """The collector may find the lost one at any moment, also while the new one begins."""
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    for at in range(1, 60):
        gc.disable()
        tracelab.trace().__enter__()
        lines = [at]

        def collect(frame: Any, event: str, argument: Any, lines: list[int] = lines) -> Any:
            if not frame.f_code.co_filename.endswith(("tracelab/session.py", "instruments/attachment.py")):
                return None
            if event == "line":
                lines[0] -= 1
                if lines[0] == 0:
                    gc.collect()
            return collect

        session = tracelab.trace()
        before = sys.gettrace()
        sys.settrace(collect)
        try:
            trace = session.__enter__()
        finally:
            sys.settrace(before)
            gc.enable()
        model()(X)
        session.__exit__(None, None, None)
        recorded = trace.recorded
        gc.collect()
        tracelab.reset()
        if recorded != 2 or lines[0] > 0:
            gc.unfreeze()
        assert recorded == 2, f"the patches went while the trace began (line event {at})"
        if lines[0] > 0:
            break
    else:
        raise AssertionError("more lines than expected")
    assert clean()


# --- reset ------------------------------------------------------------------------------------------


def test_reset_ends_everything() -> None:
    session = tracelab.trace()
    trace = session.__enter__()
    model()(X)
    tracelab.reset()
    assert clean()
    model()(X)
    session.__exit__(None, None, None)
    assert trace.recorded == 2
    tracelab.reset()
    assert clean()


def test_reset_takes_out_what_an_interrupted_end_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C while the first one unwinds, for somebody who still holds the handle."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    session = tracelab.trace()
    with monkeypatch.context() as patch:
        patch.setattr(room._attachment.patches, "undo_all", interrupted)
        with pytest.raises(KeyboardInterrupt), session as trace:
            model()(X)
    assert patched()
    tracelab.reset()
    assert clean()
    assert trace.recorded == 2
    assert trace.calls[0].status == "ok"


def test_a_session_is_gone_with_its_block_whatever_became_of_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C at the entry of `__exit__`: no line of ours has run, and the trace is still held."""

    def interrupted(self: Any, *error: Any) -> None:
        raise KeyboardInterrupt

    gc.collect()
    gc.disable()
    try:
        monkeypatch.setattr(room.Session, "__exit__", interrupted)
        with pytest.raises(KeyboardInterrupt), tracelab.trace() as trace:
            model()(X)
        assert clean()
    finally:
        gc.enable()
    assert trace.recorded == 2


def test_a_trace_after_reset_works() -> None:
    tracelab.reset()
    with tracelab.trace() as trace:
        model()(X)
    assert trace.recorded == 2


# --- options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 0}, r"depth=0 is not possible; it is a number of levels from 1 on, or None for all"),
        ({"depth": -1}, r"depth=-1"),
        ({"depth": 1.5}, r"depth=1.5"),
        ({"depth": True}, r"depth=True"),
        ({"depth": "2"}, r"depth='2'"),
        ({"limit": -1}, r"limit=-1 is not possible; it is a number of calls from 0 on"),
        ({"limit": None}, r"limit=None"),
        ({"limit": 1e6}, r"limit=1000000.0"),
    ],
    ids=str,
)
def test_bad_options_are_refused_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        tracelab.trace(**options)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert clean()


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="colour"):
        tracelab.trace(colour=True)


def test_what_a_trace_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    with tracelab.trace(depth=2, limit=7) as trace:
        model()(X)
    meta = trace.meta
    assert meta["options"] == {
        "values": False,
        "stats": False,
        "shapes": True,
        "depth": 2,
        "times": "exact",
        "limit": 7,
        "chain": False,
        "see_through_compile": False,
    }
    assert meta["python"] == ".".join(map(str, sys.version_info[:3]))
    assert meta["torch"] == torch.__version__
    assert trace.calls[0].rank == 3
    assert not any(str(value).startswith("/") for value in meta.values())


@pytest.mark.parametrize("rank", ["", "x", "-1", "1.5", "²"])
def test_an_odd_rank_is_no_rank(monkeypatch: pytest.MonkeyPatch, rank: str) -> None:
    monkeypatch.setenv("RANK", rank)
    with tracelab.trace() as trace:
        model()(X)
    assert trace.calls[0].rank is None


# --- decorator --------------------------------------------------------------------------------------


def test_a_decorated_function_is_recorded_anew_each_time() -> None:
    @tracelab.trace()
    def run(times: int, *, scale: int = 1) -> int:
        """Runs a model."""
        for _ in range(times):
            model()(X)
        return times * scale

    assert run(2, scale=3) == 6
    first = run.trace
    assert run(1) == 1
    assert (first.recorded, run.trace.recorded) == (4, 2)
    assert run.__name__ == "run"
    assert run.__doc__ == "Runs a model."
    assert list(inspect.signature(run).parameters) == ["times", "scale"]
    assert clean()


def test_a_decorated_function_that_fails() -> None:
    @tracelab.trace()
    def run() -> None:
        model()(X)
        raise LookupError

    with pytest.raises(LookupError):
        run()
    assert run.trace.recorded == 2
    assert clean()


def test_a_decorated_recursion() -> None:
    traces: list[Trace] = []

    @tracelab.trace()
    def run(depth: int) -> None:
        model()(X)
        if depth:
            run(depth - 1)
            traces.append(run.trace)

    run(1)
    # The outer recording sees both runs, the inner one its own.
    assert traces[0].recorded == 2
    assert clean()


def test_decorated_coroutines() -> None:
    @tracelab.trace()
    async def run() -> int:
        await asyncio.sleep(0)
        model()(X)
        return 5

    assert inspect.iscoroutinefunction(run)
    assert asyncio.run(run()) == 5
    assert run.trace.recorded == 2
    assert clean()


def test_decorated_generators() -> None:
    @tracelab.trace()
    def run() -> Iterator[int]:
        model()(X)
        got = yield 1
        model()(X)
        yield got

    assert inspect.isgeneratorfunction(run)
    generator = run()
    assert next(generator) == 1
    assert generator.send(7) == 7
    assert list(generator) == []
    assert run.trace.recorded == 4
    assert clean()
    started = run()
    next(started)
    started.close()
    assert clean()


def test_decorated_async_generators() -> None:
    @tracelab.trace()
    async def run() -> AsyncIterator[int]:
        model()(X)
        yield 1
        model()(X)

    async def use() -> list[int]:
        return [number async for number in run()]

    assert inspect.isasyncgenfunction(run)
    assert asyncio.run(use()) == [1]
    assert run.trace.recorded == 4
    assert clean()


def test_a_decorated_method() -> None:
    class Runner:
        @tracelab.trace()
        def run(self, x: torch.Tensor) -> torch.Tensor:
            return model()(x)

    assert Runner().run(X) is X
    assert Runner.run.trace.recorded == 2


def test_a_decorator_with_a_root() -> None:
    followed = nn.Identity()

    @tracelab.trace(followed)
    def run() -> None:
        followed(X)
        nn.ReLU()(X)

    run()
    assert [call.name for call in run.trace.calls] == ["Identity.forward"]


# --- memory of the handle ---------------------------------------------------------------------------


def test_a_finished_trace_dies_at_del() -> None:
    """Its columns may be large: they go with the last reference, without the collector."""
    gc.collect()
    gc.disable()
    try:
        with tracelab.trace() as trace:
            model()(X)
        assert trace.recorded == 2
        watched = weakref.ref(trace)
        del trace
        assert watched() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("library", ["torch", "transformers"])
def test_a_blocked_or_mocked_library_does_no_harm(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    from unittest.mock import MagicMock

    before = sys.modules.get(library)
    act: Callable[[], Any] = nn.Identity()
    for stand_in in (None, MagicMock()):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, stand_in)
            with tracelab.trace() as trace:
                act(X)
            assert trace.internal_errors == 0
    assert sys.modules.get(library) is before
    assert clean()


# --- what is read later ------------------------------------------------------------------------------


def test_a_trace_tells_of_its_own_run_and_not_of_the_time_when_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANK", "3")
    with tracelab.trace() as trace:
        model()(X)
    monkeypatch.setenv("RANK", "5")
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert trace.meta["rank"] == 3
    assert trace.calls[0].rank == 3
    assert trace.meta["torch"] != "0.0"


@pytest.mark.parametrize("read_first", [False, True])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda trace: pickle.loads(pickle.dumps(trace))])
def test_a_trace_can_be_copied_and_pickled(again: Callable[[Any], Any], read_first: bool) -> None:
    with tracelab.trace() as trace:
        model()(X)
        assert again(trace).recorded == 2
    if read_first:
        assert trace.recorded == 2
    other = again(trace)
    assert [call.name for call in other.calls] == [call.name for call in trace.calls]
    assert str(other) == str(trace)
    assert pickle.loads(pickle.dumps(trace.calls[1])).name == trace.calls[1].name


def test_a_trace_that_is_kept_alone_records_until_it_is_gone() -> None:
    """`trace().__enter__()` without a variable for the session: who keeps the trace means it."""
    before = nn.Module.__call__
    trace = tracelab.trace().__enter__()
    nn.Linear(2, 2)(X)
    assert trace.recorded == 1
    assert nn.Module.__call__ is not before
    del trace
    gc.collect()
    assert nn.Module.__call__ is before


def test_a_with_statement_holds_its_session_by_itself() -> None:
    with tracelab.trace() as trace:
        session = trace._session
    assert session is None
