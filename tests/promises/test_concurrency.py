"""Whatever runs at the same time, every call has the parent of its own stack, and every call is counted.

Threads that change places each microsecond, on shared models, with limits, readers and files; executors;
traces within traces that begin and end on many threads; the thread of continuous batching.
"""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn
from transformers import ContinuousBatchingConfig, GenerationConfig

import tracelab
from tracelab.calls import Trace

from ..attacks.threads import Chain, X, at_once, paths_agree, switching
from ..models import ZOO
from .figures import Figures


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


def test_recorded_and_dropped_are_exact_with_threads_and_a_limit(figures: Figures) -> None:
    """Readers of the trace and a file that is written meanwhile do not change what is counted."""
    models = [ZOO[name].build() for name in ("bert", "gpt2", "t5", "llama")]
    inputs = [ZOO[name].inputs() for name in ("bert", "gpt2", "t5", "llama")]
    turns = 6
    seen = turns * sum(ZOO[name].calls for name in ("bert", "gpt2", "t5", "llama"))
    over = threading.Event()

    def runs(at: int) -> Callable[[], None]:
        def run() -> None:
            for _ in range(turns):
                with torch.no_grad():
                    models[at](**inputs[at])

        return run

    def read(trace: Trace) -> None:
        while not over.is_set():
            assert trace.recorded <= trace.meta["options"]["limit"]
            assert trace.dropped + trace.recorded <= seen

    for limit in (seen // 3, seen - 1, seen):
        over.clear()
        with switching(), tracelab.trace(limit=limit) as trace:
            reader = threading.Thread(target=read, args=(trace,))
            reader.start()
            at_once(*[runs(at) for at in range(4)])
            over.set()
            reader.join()
        assert (trace.recorded, trace.dropped) == (limit, seen - limit)
        assert trace.complete == (limit == seen)
        figures("calls of threads", seen)


def test_traces_that_begin_and_end_within_one_another_on_many_threads() -> None:
    """Each sees exactly the calls of its own thread between its beginning and its end."""
    chain = Chain(3)

    def work() -> None:
        name = threading.current_thread().name
        for turn in range(8):
            with tracelab.trace() as outer:
                chain(X)
                with tracelab.trace(depth=1) as inner:
                    for _ in range(turn):
                        chain(X)
                chain(X)
            mine = [call for call in outer.calls if call.thread == name]
            assert [call.path for call in mine] == ["", "inner", "inner.inner"] * (2 + turn)
            assert paths_agree(mine)
            assert [call.path for call in inner.calls if call.thread == name] == [""] * turn
            assert inner.dropped >= 2 * turn

    with switching():
        at_once(work, work, work)


def test_the_thread_of_continuous_batching(figures: Figures) -> None:
    config = GenerationConfig(max_new_tokens=4, do_sample=False, eos_token_id=-1, pad_token_id=0)
    batching = ContinuousBatchingConfig(
        num_blocks=16, page_size=8, max_batch_tokens=32, use_cuda_graph=False, max_blocks_per_request=2
    )
    model = ZOO["llama"].build()
    model.set_attn_implementation("sdpa")

    def generate() -> list[list[int]]:
        done = model.generate_batch([[5, 6, 7], [8, 9, 10, 11]], config, batching)
        return [done[key].generated_tokens for key in sorted(done)]

    alone = generate()
    with switching(), tracelab.trace() as trace:
        assert generate() == alone
    assert [len(tokens) for tokens in alone] == [4, 4]
    forwards = trace.find("LlamaForCausalLM.forward")
    assert len(forwards) >= 4  # one for each token; prompts may come in two portions
    (thread,) = {call.thread for call in forwards}
    assert thread != "MainThread"
    for call in trace.find("LlamaDecoderLayer.forward"):
        assert [above.path for above in call.ancestors][:2] in (["model", ""], ["", "model"])
        assert call.thread == thread
    modules = trace.find(kind="module")
    assert len(modules) == len(forwards) * ZOO["llama"].calls and trace.complete
