"""However a trace ends, every function that it patched is the very one that was there before.

The injector raises KeyboardInterrupt at every line and every call of our own whole package, while a program
is traced into a file and then read; nobody calls `reset()` and the garbage collector is switched off.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab import session as session_room
from tracelab.recorder import recorder as recording

from ..attacks import hosts
from ..attacks.injector import Injection, at_call, at_line
from ..models import ZOO
from .figures import Figures
from .interrupting import everywhere, left

X = torch.ones(2)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", hosts.PORTION)
    monkeypatch.setattr(recording, "FLAT", 4)


@pytest.fixture(scope="module")
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


# --- Ctrl-C everywhere ------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "step"), [(at_line, 23), (at_call, 31)], ids=["lines", "calls"])
def test_ctrl_c_at_some_places_of_the_whole_package(
    kind: type[Injection], step: int, no_collector: None, tmp_path: Path, figures: Figures
) -> None:
    number, wrong = everywhere(kind, tmp_path, step)
    assert not wrong, "\n".join(wrong)
    assert number > 50
    figures("interrupts injected", number)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [at_line, at_call], ids=["lines", "calls"])
@pytest.mark.parametrize("first", range(3))
def test_ctrl_c_at_every_place_of_the_whole_package(
    kind: type[Injection], first: int, no_collector: None, tmp_path: Path, figures: Figures
) -> None:
    number, wrong = everywhere(kind, tmp_path, 3, first)
    assert not wrong, "\n".join(wrong)
    assert number > 500
    figures("interrupts injected", number)


# --- every way out ----------------------------------------------------------------------------------

EXITS = [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, MemoryError, RecursionError]
EXITS += [StopAsyncIteration, ExceptionGroup, asyncio.CancelledError]


@pytest.mark.parametrize("kind", EXITS)
@pytest.mark.parametrize("where", ["block", "forward", "decorated", "stack"])
def test_every_exception_type_ends_the_trace_and_comes_out(
    kind: type[BaseException], where: str, no_collector: None, tmp_path: Path
) -> None:
    error = ExceptionGroup("two", [ValueError()]) if kind is ExceptionGroup else kind()

    class Raising(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise error

    def act() -> None:
        if where == "block":
            raise error
        Raising()(X)

    with pytest.raises(kind) as caught:
        if where == "decorated":
            tracelab.trace(file=tmp_path / "run.jsonl")(act)()
        elif where == "stack":
            with contextlib.ExitStack() as stack:
                stack.enter_context(tracelab.trace())
                act()
        else:
            with tracelab.trace(file=tmp_path / "run.jsonl"):
                act()
    assert caught.value is error
    assert left() == []


def test_traces_that_end_in_any_order_on_any_thread(no_collector: None) -> None:
    for order in itertools.permutations(range(4)):
        ended_in(order)


def ended_in(order: tuple[int, ...]) -> None:
    sessions = [tracelab.trace() for _ in order]
    traces = [session.__enter__() for session in sessions]
    identity = nn.Identity()
    for turn, number in enumerate(order):
        identity(X)
        if turn % 2:
            sessions[number].__exit__(None, None, None)
        else:
            thread = threading.Thread(target=sessions[number].__exit__, args=(None, None, None))
            thread.start()
            thread.join()
    assert [traces[number].recorded for number in order] == [1, 2, 3, 4]
    assert left() == []


def test_threads_that_begin_and_end_traces_at_once(figures: Figures) -> None:
    """While others call: nobody takes the patches away under somebody's feet, and the last one does."""
    wrong: list[Any] = []

    def work() -> None:
        model = hosts.Inner()
        for _ in range(40):
            with tracelab.trace(model) as trace:
                for _ in range(3):
                    model(X)
            if trace.recorded != 3:
                wrong.append(trace.recorded)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []
    assert left() == []
    figures("traces begun and ended at once", 6 * 40)


def test_a_trace_that_is_ended_inside_a_forward(no_collector: None) -> None:
    session = tracelab.trace()
    other = tracelab.trace()

    class Ending(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            session.__exit__(None, None, None)
            return inner(x) * 2

    inner = hosts.Inner()
    trace, whole = session.__enter__(), other.__enter__()
    assert torch.equal(nn.Sequential(Ending())(X), torch.full((2,), 4.0))
    assert [call.status for call in trace.calls] == ["open", "open"]
    other.__exit__(None, None, None)
    assert [call.status for call in whole.calls] == ["ok"] * 3
    assert left() == []


def test_abandoned_generators_and_coroutines(no_collector: None) -> None:
    def steps() -> Iterator[None]:
        with tracelab.trace():
            yield

    async def waiting() -> None:
        with tracelab.trace():
            await asyncio.sleep(60)

    generator = steps()
    next(generator)
    assert left() != []
    del generator
    assert left() == []

    async def cancelled() -> None:
        task = asyncio.ensure_future(waiting())
        await asyncio.sleep(0)
        assert left() != []
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert left() == []


@pytest.mark.internal_errors
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("part", ["watcher.remove", "families.forget", "patches.undo_all"])
def test_an_end_that_is_cut_off_once_is_whole_while_the_handle_is_held(
    part: str, error: type[BaseException], no_collector: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _, name = part.partition(".")
    place = getattr(session_room._attachment, owner)
    whole, cut = getattr(place, name), [True]

    def once() -> None:
        if cut:
            cut.clear()
            raise error
        whole()

    session = tracelab.trace()
    with contextlib.suppress(KeyboardInterrupt), monkeypatch.context() as patch, session as trace:
        hosts.Inner()(X)
        patch.setattr(place, name, once)
    assert left() == []
    assert (trace.recorded, trace.internal_errors) == (1, int(error is MemoryError))


def test_a_lost_handle_ends_at_once(no_collector: None, tmp_path: Path) -> None:
    """Also while the trace is still held, which then has what came until then."""
    session = tracelab.trace(file=tmp_path / "run.jsonl")
    trace = session.__enter__()
    hosts.Inner()(X)
    del session
    assert left() == []
    hosts.Inner()(X)
    assert trace.recorded == 1
    assert tracelab.load(tmp_path / "run.jsonl").complete


def test_reset_ends_all_that_anybody_holds(no_collector: None, tmp_path: Path) -> None:
    held = [tracelab.trace(), tracelab.trace(file=tmp_path / "run.jsonl"), tracelab.trace(limit=0)]
    traces = [session.__enter__() for session in held]
    hosts.Inner()(X)
    tracelab.reset()
    assert left() == []
    hosts.Inner()(X)
    assert [trace.recorded + trace.dropped for trace in traces] == [1, 1, 1]
    assert tracelab.load(tmp_path / "run.jsonl").complete
    for session in held:
        session.__exit__(None, None, None)
    tracelab.reset()
    assert left() == []


# --- wrappers that somebody else got hold of ----------------------------------------------------------


@pytest.fixture(scope="module")
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(X)


def inert(call: Callable[[], Any]) -> Any:
    """What `call` gives after the trace, when a second one is recording other things too."""
    once = call()
    with tracelab.trace(limit=0) as trace:
        pass
    assert (trace.recorded, trace.dropped) == (0, 0)
    assert left() == []
    return once


def test_what_compiled_call_captured_is_inert(no_collector: None, compiled_once: None) -> None:
    """transformers compiles `model.__call__` at first use, and keeps it."""
    model = ZOO["llama"].build()
    inputs = ZOO["llama"].inputs()
    with torch.no_grad():
        expected = model(**inputs).logits
        with tracelab.trace() as trace:
            captured = model.__call__
            compiled = torch.compile(model.__call__, backend="eager")
            model._compiled_call = compiled
        recorded = trace.recorded
        assert torch.equal(inert(lambda: captured(**inputs).logits), expected)
        assert torch.equal(inert(lambda: compiled(**inputs).logits), expected)
    assert trace.recorded == recorded


def test_what_accelerate_prepared_is_inert(no_collector: None) -> None:
    accelerate = pytest.importorskip("accelerate")
    # A process has one state, and it may be an earlier test's.
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
    model = hosts.Inner()
    with tracelab.trace() as trace:
        prepared = accelerate.Accelerator(cpu=True, mixed_precision="bf16").prepare(model)
        assert torch.equal(prepared(X), X + 1)
    recorded = trace.recorded
    assert recorded >= 1
    assert torch.equal(inert(lambda: prepared(X)), X + 1)
    assert trace.recorded == recorded


def test_a_foreign_patch_over_ours_survives_and_ours_below_sleeps(no_collector: None) -> None:
    """Of two traces one ends before the foreign patch, one after; a later trace counts each call once."""
    genuine = nn.Module.__call__
    seen: list[str] = []
    first, second = tracelab.trace(), tracelab.trace()
    early, late = first.__enter__(), second.__enter__()
    below = nn.Module.__call__

    def foreign(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        seen.append(type(self).__name__)
        return below(self, *args, **kwargs)

    try:
        nn.Module.__call__ = foreign
        first.__exit__(None, None, None)
        hosts.Inner()(X)
        second.__exit__(None, None, None)
        assert nn.Module.__call__ is foreign
        hosts.Inner()(X)
        with tracelab.trace() as later:
            hosts.Inner()(X)
        assert nn.Module.__call__ is foreign
    finally:
        nn.Module.__call__ = genuine
    assert (early.recorded, late.recorded, later.recorded) == (0, 1, 1)
    assert seen == ["Inner"] * 3
    assert left() == []
