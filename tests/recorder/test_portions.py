"""Packing while recording: whatever comes in between, no call is lost, doubled or moved.

Each step of the programs below has a size of its own, so every call says which step it belongs to, and what
a trace holds can be held against what was called.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab import running
from tracelab.calls import Trace
from tracelab.events import Lane
from tracelab.packing import Packer
from tracelab.recorder import active, wrapper
from tracelab.recorder import recorder as room

from ..attacks.injector import Injection, at_call, at_line, everywhere, files_of
from ..models import ZOO

PACKING = files_of("events.py", "recorder/recorder.py")
"""Where a portion is begun and ended."""
WITHIN = files_of("packing", "describe/meanings.py", "forms.py")
"""What runs in between: far more lines, of which each so many-th is taken."""
STEPS = 20
"""Two calls each: with portions of 16 calls two are packed."""


class Inner(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def size(step: int) -> int:
    """Grows for a while, begins again, jumps: holes, tables and forms all come up."""
    return step if step % 7 else 1000 - step


SIZES = [size(step) for step in range(STEPS)]
INPUTS = [torch.empty(n) for n in SIZES]


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PORTION", 16)


@pytest.fixture(scope="module", autouse=True)
def made_once() -> None:
    """With its first optimizer torch patches the class for good; that is not what is looked for here."""
    torch.optim.SGD([torch.zeros(1)], lr=0.1)


def seen(trace: Trace) -> list[int]:
    """The sizes that the calls of the outer module were given, each checked to be whole and in its place."""
    found = []
    for call in trace.calls:
        if call.name == "Outer.forward" and call.status == "ok":
            (given,) = call.inputs.values()
            assert given.shape == call.output.shape
            found.append(given.shape[0])
            below = [child for child in call.children if child.name == "Inner.forward"]
            assert [child.inputs["x"].shape for child in below] in ([given.shape], [])
            assert call.parent is None
    return found


def missing(found: list[int]) -> int:
    """How many of the steps are not there; the others stand in their order."""
    rest = iter(SIZES)
    assert all(one in rest for one in found), f"{found} are not in the order of {SIZES}"
    return STEPS - len(found)


def injections(kind: type[Injection], action: Callable[[], None]) -> Iterator[Injection]:
    """At each event where portions begin and end, and at each so many-th within."""
    yield from everywhere(kind, action, PACKING, 4000)
    for number in range(1, 100_000, 211):
        injection = kind(number, action, WITHIN)
        yield injection
        if not injection.fired:
            assert number > 211 * 5, "hardly anything was packed"
            return


def interrupted(error: type[BaseException]) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def test_ctrl_c_at_every_line() -> None:
    for injection in injections(at_line, interrupted(KeyboardInterrupt)):
        model, came = Outer(), 0
        with tracelab.trace() as trace, injection:
            for x in INPUTS:
                try:
                    model(x)
                except KeyboardInterrupt:
                    came += 1
        assert came == injection.fired, injection.where
        # The step that was interrupted may be open or gone, all others are there.
        assert missing(seen(trace)) <= injection.fired, injection.where
        assert trace.internal_errors == 0, injection.where
        assert sum(call.status != "ok" for call in trace.calls) <= 2 * injection.fired, injection.where


@pytest.mark.internal_errors
@pytest.mark.parametrize("error", [MemoryError, RuntimeError, KeyError])
def test_a_fault_at_every_line(error: type[Exception]) -> None:
    lines = (
        everywhere(at_line, interrupted(error), PACKING, 4000)
        if error is not MemoryError
        else injections(at_line, interrupted(error))
    )
    for injection in lines:
        model = Outer()
        with tracelab.trace() as trace:
            with injection:
                for x in INPUTS:
                    assert model(x) is x
            found = seen(trace)
        assert missing(found) <= injection.fired, injection.where
        assert trace.internal_errors == injection.fired, injection.where
        calls = [call for call in trace.calls if call.status == "ok"]
        assert len(calls) >= 2 * STEPS - 2 * injection.fired, injection.where


@pytest.mark.internal_errors
def test_a_packer_that_always_fails_loses_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls 16 and 32 (counted from 0) find that a portion is full."""

    def broken(*args: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Packer, "pack", broken)
    model = Outer()
    with tracelab.trace() as trace:
        for x in INPUTS:
            assert model(x) is x
    assert trace.internal_errors == 2
    assert trace.columns.faults == {"pack: MemoryError": 2}
    assert trace.recorded == 2 * STEPS
    assert missing(seen(trace)) == 0


@pytest.mark.parametrize("kind", [at_line, at_call])
def test_a_signal_handler_that_reads_at_every_line(kind: type[Injection]) -> None:
    """It sees the calls up to now, each once, and what is read later is whole."""
    wrong: list[Any] = []

    def read() -> None:
        found = seen(trace)
        if found != SIZES[: len(found)] or len(found) < done - 1:
            wrong.append((done, found))

    for injection in injections(kind, read):
        model, done = Outer(), 0
        with tracelab.trace() as trace, injection:
            for x in INPUTS:
                done += 1
                model(x)
        assert wrong == [], injection.where
        assert seen(trace) == SIZES, injection.where
        assert (trace.recorded, trace.complete) == (2 * STEPS, True), injection.where


@pytest.mark.parametrize("kind", [at_line, at_call])
def test_a_signal_handler_that_calls_more_than_a_portion(kind: type[Injection]) -> None:
    """It would pack in the middle of packing."""
    other = nn.Identity()
    more = [torch.empty(n, n) for n in range(40)]

    def call() -> None:
        for x in more:
            other(x)

    for injection in injections(kind, call):
        model = Outer()
        with tracelab.trace() as trace, injection:
            for x in INPUTS:
                model(x)
        assert seen(trace) == SIZES, injection.where
        handled = [call.inputs["input"].shape[0] for call in trace.calls if call.name == "Identity.forward"]
        assert handled == list(range(40)) * injection.fired, injection.where
        assert (trace.recorded, trace.dropped) == (2 * STEPS + 40 * injection.fired, 0), injection.where
        assert trace.complete, injection.where


def test_a_handler_that_is_interrupted_while_it_packs() -> None:
    """A first interrupt leaves a portion half packed; the next portions are packed all the same."""
    for first in range(1, 400, 3):
        model = Outer()
        with tracelab.trace() as trace:
            injection = at_line(first, interrupted(KeyboardInterrupt), files_of("events.py"))
            for _ in range(3):
                for x in INPUTS:
                    try:
                        with injection if not injection.fired else at_line(10**9, print, PACKING):
                            model(x)
                    except KeyboardInterrupt:
                        model(x)
        lost = trace.count("Outer.forward") - 3 * STEPS
        assert 0 <= lost <= 1, injection.where
        assert seen(trace) == SIZES * 3, injection.where
        if not injection.fired:
            return
    raise AssertionError("more lines than expected")


# --- threads ----------------------------------------------------------------------------------------


def test_threads_that_pack_while_another_one_reads() -> None:
    models = [Outer() for _ in range(3)]
    wrong: list[Any] = []
    stop = threading.Event()

    def work(model: nn.Module) -> None:
        for _ in range(12):
            for x in INPUTS:
                model(x)

    def read() -> None:
        while not stop.is_set():
            for thread in range(3):
                calls = [
                    call
                    for call in trace.calls
                    if call.thread == f"w{thread}" and call.name == "Outer.forward"
                ]
                found = [call.inputs["x"].shape[0] for call in calls]
                if found != (SIZES * 12)[: len(found)]:
                    wrong.append(found)

    with tracelab.trace() as trace:
        threads = [threading.Thread(target=work, args=(m,), name=f"w{at}") for at, m in enumerate(models)]
        reader = threading.Thread(target=read)
        for thread in (*threads, reader):
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        reader.join()
    assert wrong == []
    for thread in range(3):
        calls = [call for call in trace.calls if call.thread == f"w{thread}" and call.name == "Outer.forward"]
        assert [call.inputs["x"].shape[0] for call in calls] == SIZES * 12
    assert (trace.recorded, trace.complete) == (3 * 12 * 2 * STEPS, True)


# --- limits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 49, 39, 40, 41, 1000])
@pytest.mark.parametrize("depth", [None, 1])
def test_limits_around_portions(limit: int, depth: int | None) -> None:
    """40 calls, of which 20 are at the top."""
    model = Outer()
    with tracelab.trace(limit=limit, depth=depth) as trace:
        for x in INPUTS:
            model(x)
    possible = STEPS if depth else 2 * STEPS
    assert trace.recorded == min(limit, possible)
    assert trace.recorded + trace.dropped == 2 * STEPS
    tops = min(limit, STEPS) if depth else min((limit + 1) // 2, STEPS)
    assert seen(trace) == SIZES[:tops]
    assert trace.complete == (trace.recorded == 2 * STEPS)


@pytest.mark.parametrize("limit", [16, 40, 100, 111])
def test_limits_with_threads(limit: int) -> None:
    models = [Outer() for _ in range(3)]

    def work(model: nn.Module) -> None:
        for x in INPUTS:
            model(x)

    with tracelab.trace(limit=limit) as trace:
        threads = [threading.Thread(target=work, args=(model,)) for model in models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (trace.recorded, trace.recorded + trace.dropped) == (limit, 3 * 2 * STEPS)
    assert len(trace.calls) == limit


# --- several traces ---------------------------------------------------------------------------------


def test_nested_and_overlapping_traces_that_pack() -> None:
    model = Outer()

    def run() -> None:
        for x in INPUTS:
            model(x)

    first, second, third = tracelab.trace(), tracelab.trace(limit=33), tracelab.trace(depth=1)
    one = first.__enter__()
    run()
    two = second.__enter__()
    run()
    three = third.__enter__()
    run()
    first.__exit__(None, None, None)
    run()
    second.__exit__(None, None, None)
    run()
    third.__exit__(None, None, None)
    run()
    assert seen(one) == SIZES * 3
    assert seen(two) == SIZES[:17]
    assert two.dropped == 3 * 2 * STEPS - 33
    assert seen(three) == SIZES * 3
    assert (three.recorded, three.dropped) == (3 * STEPS, 3 * STEPS)
    assert (one.recorded, one.dropped) == (3 * 2 * STEPS, 0)


# --- the same as without ----------------------------------------------------------------------------


def generates(name: str) -> Callable[[], None]:
    def run() -> None:
        model = ZOO[name].build()
        arguments = ZOO[name].generate_arguments()
        model.generate(**arguments)
        model.generate(**{**arguments, "num_beams": 2} if name in ("llama", "t5") else arguments)
        model.generate(**arguments)

    return run


def trains() -> None:
    """Batches padded to their longest row; the third fails in the middle, and it goes on."""
    model = ZOO["bert"].build().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(0)
    for step, length in enumerate((5, 9, 7, 7, 3, 12)):
        ids = torch.ones(2, length, dtype=torch.int64)
        if step == 2:
            ids[0, 0] = 10**9
        try:
            output = model(input_ids=ids)
        except IndexError:
            continue
        next(iter(output.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def handles() -> None:
    """Exceptions at all depths, some handled on the way, and a recursion."""

    class Raising(nn.Module):
        def forward(self, x: torch.Tensor, left: int) -> torch.Tensor:
            if left == 0:
                raise LookupError
            try:
                return self(x, left - 1)
            except LookupError:
                if left % 3:
                    raise
                return x

    module = Raising()
    for at in range(30):
        try:
            module(torch.empty(at), at % 8)
        except LookupError:
            continue


def seen_whole(trace: Trace) -> list[tuple[Any, ...]]:
    return [
        (
            *(call.name, call.parent.id if call.parent else None, call.path, call.root, call.call_site),
            *(call.inputs, call.output, call.status, call.error, call.step, call.start, call.duration),
            call.facts,
        )
        for call in trace.calls
    ]


PROGRAMS: dict[str, Callable[[], None]] = {
    **{name: generates(name) for name in ("llama", "whisper", "t5", "mixtral", "mamba")},
    "training": trains,
    "exceptions": handles,
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("options", [{}, {"limit": 300}, {"depth": 3}], ids=str)
def test_a_trace_is_the_same_without_packing(
    program: str, options: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Call by call, with a clock that counts how often it was read."""
    traces = []
    PROGRAMS[program]()  # what a library makes at first use is there
    for portion in (16, 100, 10**9):
        clock = itertools.count(1000, 10)
        for place, name in ((wrapper, "now"), (room, "perf_counter_ns"), (running, "perf_counter_ns")):
            monkeypatch.setattr(place, name, clock.__next__)
        monkeypatch.setattr(room, "PORTION", portion)
        with torch.random.fork_rng(devices=[]), tracelab.trace(**options) as trace:
            PROGRAMS[program]()
        traces.append(trace)
    packed, portions, plain = traces
    assert (packed.recorded, packed.dropped) == (plain.recorded, plain.dropped)
    expected = seen_whole(plain)
    assert len(expected) > 20
    assert seen_whole(packed) == expected
    assert seen_whole(portions) == expected
    assert str(packed) == str(plain)


def test_portions_are_packed_at_all() -> None:
    """The tests above would say little otherwise."""
    packed: list[int] = []
    pack = Lane.pack

    def counting(self: Lane, everything: bool = False) -> None:
        before = len(self.rows)
        pack(self, everything)
        packed.append(before - len(self.rows))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lane, "pack", counting)
        with tracelab.trace():
            PROGRAMS["llama"]()
    assert sum(ints > 0 for ints in packed) > 10


def test_a_copy_of_a_lane_stays_as_it_is() -> None:
    model = Outer()
    with tracelab.trace():
        for x in INPUTS:
            model(x)
        (writer,) = active.recorders[0]._writers
        copied = writer.lane.copy()
        blocks, rows = list(copied.blocks), list(copied.rows)
        for x in INPUTS:
            model(x)
        assert len(writer.lane.blocks) > len(blocks) > 0
        assert (copied.blocks, copied.rows) == (blocks, rows)
    # A call is two events of three ints each.
    assert sum(block.events for block in blocks) + len(rows) // 3 == 2 * 2 * STEPS
