"""Threads, tasks, forks and generators: every call has the parent that it had on its own stack."""

from __future__ import annotations

import _thread
import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

import tracelab
from tracelab.calls import Trace

from ..attacks.threads import Chain, X, at_once, paths_agree, switching
from ..models import ZOO


def test_two_generates_of_one_model() -> None:
    model = ZOO["llama"].build()
    arguments = ZOO["llama"].generate_arguments()
    expected = model.generate(**arguments)
    results: list[torch.Tensor] = []

    def generate() -> None:
        results.append(model.generate(**arguments))

    with switching(), tracelab.trace() as trace:
        at_once(generate, generate)
    assert [torch.equal(result, expected) for result in results] == [True, True]
    facts = ZOO["llama"].generation
    assert facts is not None
    for thread in ("w0", "w1"):
        calls = [call for call in trace.calls if call.thread == thread]
        modules = [call for call in calls if call.kind == "module"]
        assert len(modules) == facts.calls
        assert {call.parent.thread for call in calls if call.parent is not None} == {thread}
        roots = [call.name for call in calls if call.parent is None]
        assert roots == ["LlamaForCausalLM.generate"]
        assert all(
            call.parent is not None and call.parent.path in ("", call.path.rpartition(".")[0])
            for call in modules
            if call.path and "layers" not in call.path
        )
    assert trace.complete
    assert len({call.root for call in trace.calls if call.kind == "module"}) == 1


def test_a_shared_module_called_at_different_depths() -> None:
    """What is remembered of a module's latest caller belongs to one thread at a time."""
    shared = Chain(1)

    class Deep(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.depth = depth

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(60):
                shared(x)
            return x

    flat, nested = Deep(0), nn.Sequential(nn.Sequential(Deep(2)))
    with switching(), tracelab.trace() as trace:
        shared(X)  # a root of its own
        at_once(lambda: flat(X), lambda: nested(X))
    calls = [call for call in trace.find("Chain.forward") if call.parent is not None]
    assert len(calls) == 120
    by_thread = {thread: [c for c in calls if c.thread == thread] for thread in ("w0", "w1")}
    assert [len(found) for found in by_thread.values()] == [60, 60]
    assert {len(call.ancestors) for call in by_thread["w0"]} == {1}
    assert {len(call.ancestors) for call in by_thread["w1"]} == {3}


def test_many_threads_meet_the_same_new_model() -> None:
    for _ in range(5):
        model = Chain(30)
        with switching(), tracelab.trace() as trace:
            at_once(*[lambda model=model: model(X)] * 4)
        assert trace.recorded == 4 * 30
        assert trace.complete
        assert len({call.root for call in trace.calls}) == 1
        assert paths_agree(list(trace.calls))


def test_threads_that_begin_and_end_their_own_traces() -> None:
    """Each sees at least its own calls, and the patches go with the last one."""
    before = nn.Module.__call__
    kept: list[tuple[str, Trace]] = []

    def work() -> None:
        for _ in range(3):
            with tracelab.trace() as trace:
                Chain(3)(X)
            kept.append((threading.current_thread().name, trace))

    with switching():
        at_once(work, work)
    assert nn.Module.__call__ is before
    assert len(kept) == 6
    for name, trace in kept:
        assert [call.path for call in trace.calls if call.thread == name] == ["", "inner", "inner.inner"]


def test_a_trace_ended_in_another_thread() -> None:
    before = nn.Module.__call__
    session = tracelab.trace()
    trace = session.__enter__()
    Chain(2)(X)
    at_once(lambda: session.__exit__(None, None, None))
    Chain(2)(X)
    assert nn.Module.__call__ is before
    assert trace.recorded == 2


def test_an_executor_keeps_one_lane_for_each_of_its_threads() -> None:
    model = Chain(2)
    with tracelab.trace() as trace, ThreadPoolExecutor(2, thread_name_prefix="pool") as pool:
        list(pool.map(lambda _: model(X), range(10)))
    assert trace.count("Chain.forward") == 20
    assert {call.thread for call in trace.calls} <= {"pool_0", "pool_1"}
    assert paths_agree(list(trace.calls))


def test_a_module_as_the_first_function_of_a_thread() -> None:
    """A thread without a Python frame above the module: the caller is unknown, the call is not."""
    done = threading.Event()

    class Telling(nn.Module):
        def forward(self, x: torch.Tensor) -> None:
            done.set()

    class Finished:
        """The thread has ended when its arguments are gone."""

        gone = threading.Event()

        def __del__(self) -> None:
            self.gone.set()

    with tracelab.trace() as trace:
        _thread.start_new_thread(Telling(), (Finished(),))
        assert done.wait(5)
        assert Finished.gone.wait(5)
    assert trace.internal_errors == 0
    assert trace.count("Telling.forward") == 1


def test_threads_that_threading_does_not_know_stay_unknown() -> None:
    """`threading.current_thread()` would enter a dummy for ever: the host counts its threads."""
    done = threading.Event()
    model = Chain(2)

    def work() -> None:
        model(X)
        done.set()

    before = threading.enumerate()
    with tracelab.trace() as trace:
        _thread.start_new_thread(work, ())
        assert done.wait(5)
    assert trace.recorded == 2
    assert [thread for thread in threading.enumerate() if thread not in before] == []


def test_tasks_that_take_turns() -> None:
    models = [Chain(2), Chain(2)]

    async def work(model: nn.Module) -> None:
        for _ in range(3):
            model(X)
            await asyncio.sleep(0)

    async def both() -> None:
        await asyncio.gather(*map(work, models))
        await asyncio.to_thread(models[0], X)

    with tracelab.trace() as trace:
        asyncio.run(both())
    assert [call.path for call in trace.calls] == ["", "inner"] * 7
    assert [call.parent is None for call in trace.calls] == [True, False] * 7
    assert [call.root for call in trace.roots] == ["Chain", "Chain#2"] * 3 + ["Chain"]


def test_generators_that_take_turns() -> None:
    def steps(model: nn.Module) -> Iterator[None]:
        for _ in range(3):
            model(X)
            yield

    class Driving(nn.Module):
        def forward(self, generator: Iterator[None]) -> None:
            next(generator)

    first, second, driving = steps(Chain(1)), steps(Chain(1)), Driving()
    with tracelab.trace() as trace:
        next(first)
        driving(second)
        driving(first)
        next(second)
    # A generator's calls belong to whoever resumes it.
    assert [(c.name, c.parent and c.parent.name) for c in trace.calls] == [
        ("Chain.forward", None),
        ("Driving.forward", None),
        ("Chain.forward", "Driving.forward"),
        ("Driving.forward", None),
        ("Chain.forward", "Driving.forward"),
        ("Chain.forward", None),
    ]
