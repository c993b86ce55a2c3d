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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab import session as room
from tracelab.calls import Trace
from tracelab.recorder import active
from tracelab.recorder import recorder as recording

from ..attacks import hosts
from ..attacks.injector import Injection, Place, at_call, at_line, files_of, survey
from .figures import Figures

PACKAGE = files_of(".")
GENUINE = nn.Module.__call__
X = torch.ones(2)


def left() -> list[str]:
    """What is left of any trace in this process."""
    found = [] if nn.Module.__call__ is GENUINE else ["Module.__call__"]
    found += [f"{patch.holder.__name__}.{patch.name}" for patch in room._attachment.patches]
    found += ["import hook" for finder in sys.meta_path if type(finder).__module__.startswith("tracelab")]
    found += ["recorder"] * len(active.recorders) + ["ending"] * len(room._endings)
    writers = [thread for thread in threading.enumerate() if thread.name.startswith("tracelab")]
    for thread in writers:  # a Ctrl-C may have cut off the wait for it
        thread.join(5)
    return found + [thread.name for thread in writers if thread.is_alive()]


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PORTION", hosts.PORTION)
    monkeypatch.setattr(recording, "FLAT", 4)


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# --- Ctrl-C everywhere ------------------------------------------------------------------------------


def interrupt() -> None:
    raise KeyboardInterrupt


class Run:
    """One traced run of the program into a file, and then everything that reads the trace."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.trace: Trace | None = None
        self.came = False

    def __call__(self, injection: Injection) -> None:
        self.trace = None
        try:
            with injection:
                with tracelab.trace(file=self.file) as self.trace:
                    hosts.small()
                self.read(self.trace)
        except KeyboardInterrupt:
            self.came = True

    def read(self, trace: Trace) -> tuple[Any, ...]:
        return str(trace), len(trace.steps()), trace.count("Inner.forward"), trace.recorded, trace.complete


def interrupted_at(kind: type[Injection], place: Place, number: int, file: Path) -> list[str]:
    """What is wrong after a Ctrl-C at one place.

    The interpreter lets none out of a callback for a dead object or of a generator that dies half used; it
    says so through its hook.
    """
    lost: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, lost.append
    injection = kind(number, interrupt, PACKAGE, only=place)
    run = Run(file)
    try:
        run(injection)
    finally:
        sys.unraisablehook = before
    wrong = left()
    if injection.fired != run.came and not lost:
        wrong.append("the host did not see its Ctrl-C")
    if wrong:
        tracelab.reset()
    if run.trace is not None and run.read(run.trace)[3] > 12 * 4 + 2:
        wrong.append(f"{run.trace.recorded} calls")
    if list(file.parent.iterdir()) not in ([file], []):
        wrong.append(f"{[path.name for path in file.parent.iterdir()]} in the folder")
    for path in file.parent.iterdir():
        tracelab.load(path) if path == file else None
        path.unlink()
    with tracelab.trace() as again:
        hosts.Model()(torch.ones(2))
    # The model and its three parts, of which one failed.
    if (again.recorded, again.complete, again.internal_errors) != (4, True, 0):
        wrong.append(f"the next trace: {again.recorded} calls, {again.columns.faults}")
    return [f"{injection.where or place} in {injection.code}: {what}" for what in wrong]


def everywhere(kind: type[Injection], folder: Path, step: int, first: int = 0) -> tuple[int, list[str]]:
    """A Ctrl-C at each `step`-th place from the `first` on: its first, last or middle time."""
    run = Run(folder / "run.jsonl")
    for _ in range(2):  # what is imported and made at first use is there
        run(kind(0, interrupt, frozenset()))
    places = survey(kind, PACKAGE, run)
    for path in folder.iterdir():
        path.unlink()
    wrong: list[str] = []
    some = list(places.items())[first::step]
    for number, (place, times) in enumerate(some):
        if number % 50 == 0:
            gc.collect()
        which = (1, times, times // 2 + 1)[number % 3]
        wrong += interrupted_at(kind, place, which, run.file)
    return len(some), wrong


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


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_traces_that_end_in_any_order_on_any_thread(order: tuple[int, ...], no_collector: None) -> None:
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
