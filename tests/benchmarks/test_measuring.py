"""The benchmark program works: its arithmetic, its workloads, and how it takes a tracer that misbehaves."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from . import costs
from .costs import BASE, Cost, cost_of
from .measure import Spread, added, added_ratio, deadline, memory_of, once, ratios, rounds_of, spread
from .parts import VARIANTS, parts_of
from .sizes import STEP, answers_of, repeated, show_seconds, size_of, traced, unrepeated
from .tracers import BY_NAME, TRACERS, Enter, Tracer, Watch, faults_of
from .workloads import WORKLOADS, Program, Workload, chain

OURS = ("default", "gc", "names", "summary", "values", "stats", "file")


@pytest.fixture(scope="module")
def small_chain() -> Program:
    return chain(length=3, times=2)


# --- arithmetic -------------------------------------------------------------------------------------


def test_differences_and_ratios_are_taken_inside_a_round() -> None:
    # The second round ran on a machine half as fast.
    taken = {"none": [10.0, 20.0], "hooks": [11.0, 22.0], "traced": [12.0, 26.0]}
    assert added(taken, "traced", "none") == [2.0, 6.0]
    assert ratios(taken, "traced", "none") == [1.2, 1.3]
    # medians 4 and 1.5
    assert added_ratio(taken, "traced", "hooks", "none") == pytest.approx(4 / 1.5)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([3.0], (3.0, 3.0, 3.0)),
        ([1.0, 2.0], (1.25, 1.5, 1.75)),  # a quarter, a half, three quarters of the way
        ([5.0, 1.0, 2.0, 3.0, 4.0], (2.0, 3.0, 4.0)),
    ],
)
def test_quartiles(figures: list[float], expected: tuple[float, float, float]) -> None:
    assert spread(figures) == Spread(*expected)


def test_rounds_change_their_order() -> None:
    order: list[str] = []
    works = {name: lambda name=name: order.append(name) for name in "abc"}
    taken = rounds_of(works, 4)
    # there and back, then the same beginning one further
    assert "".join(order) == "abc" + "cba" + "bca" + "acb"
    assert {name: len(figures) for name, figures in taken.items()} == {"a": 4, "b": 4, "c": 4}


@pytest.mark.parametrize("quiet", [True, False])
def test_the_collector_is_quiet_only_during_a_run(quiet: bool) -> None:
    seen: list[bool] = []
    once(lambda: seen.append(gc.isenabled()), quiet=quiet)
    assert seen == [not quiet]
    assert gc.isenabled()


def test_the_collector_is_back_after_a_failure() -> None:
    with pytest.raises(ZeroDivisionError):
        once(lambda: 1 // 0)
    assert gc.isenabled()


def test_memory_counts_what_is_left_and_what_was_there() -> None:
    def work() -> bytes:
        bytes(300_000)
        return bytes(100_000)

    found = memory_of(work)
    assert 100_000 <= found.kept < 150_000
    assert 300_000 <= found.peak < 450_000
    assert len(found.left) == 100_000


def test_a_deadline_rings_and_is_taken_off() -> None:
    with pytest.raises(TimeoutError, match=r"more than 0\.01 s"), deadline(0.01):
        while True:
            pass
    with deadline(0.01):
        pass


# --- a cost -----------------------------------------------------------------------------------------


def test_a_cost_by_hand() -> None:
    taken = {BASE: [10.0, 10.0, 10.0], "hooks": [11.0, 12.0, 13.0], "default": [13.0, 14.0, 18.0]}
    cost = Cost(BY_NAME["default"], calls=2_000_000, taken=taken)
    assert cost.ratio.middle == 1.4
    assert cost.each == 2.0  # 4 s for 2,000,000 calls
    assert cost.against_hooks == 2.0  # 4 s against 2 s
    assert cost.rounds == 3
    noisy = replace(cost, taken={**taken, "hooks": [9.0, 12.0, 10.5]})
    # the quartiles of -1, 0.5, 2 reach below zero
    assert noisy.against_hooks is None


@contextmanager
def failing(program: Program, folder: Path) -> Iterator[Watch]:
    yield Watch(program.run)
    raise LookupError("no | such\nthing")


@contextmanager
def lying(program: Program, folder: Path) -> Iterator[Watch]:
    yield Watch(lambda: program.run() + 1)


@contextmanager
def lazy(program: Program, folder: Path) -> Iterator[Watch]:
    while True:
        pass
    yield Watch(program.run)


@contextmanager
def absent(program: Program, folder: Path) -> Iterator[Watch]:
    importlib.import_module("a_library_that_nobody_has")
    yield Watch(program.run)


@pytest.mark.parametrize(
    ("enter", "trouble"),
    [
        (failing, "LookupError: no | such thing"),
        (lying, "ChangedResult"),
        (lazy, "TimeoutError: more than 0.2 s"),
        (absent, "not installed (a_library_that_nobody_has)"),
    ],
)
def test_a_tracer_that_does_not_work_is_a_row_that_says_so(
    small_chain: Program, monkeypatch: pytest.MonkeyPatch, enter: Enter, trouble: str
) -> None:
    monkeypatch.setattr(costs, "PATIENCE", 0.2)
    cost = cost_of(small_chain, Tracer("bad", "bad", enter), rounds=1)
    assert (cost.measured, cost.trouble) == (False, trouble)


def test_a_tracer_that_cannot_be_saved_keeps_its_times(small_chain: Program) -> None:
    @contextmanager
    def enter(program: Program, folder: Path) -> Iterator[Watch]:
        yield Watch(program.run, save=lambda path: path.read_text())

    cost = cost_of(small_chain, Tracer("half", "half", enter), rounds=2)
    assert cost.measured
    assert cost.memory is None
    assert cost.trouble.startswith("memory: FileNotFoundError")


def test_a_slow_tracer_gets_few_rounds(small_chain: Program) -> None:
    @contextmanager
    def enter(program: Program, folder: Path) -> Iterator[Watch]:
        for _ in range(300):
            program.run()
        yield Watch(program.run)

    assert cost_of(small_chain, Tracer("slow", "slow", enter), rounds=6).rounds == costs.FEW


def test_a_trace_with_dropped_calls_says_so(small_chain: Program) -> None:
    # 2 runs of a sequence and 3 modules are 8 calls
    assert faults_of(traced(small_chain.run, limit=5)) == "3 calls dropped"
    assert faults_of(traced(small_chain.run)) == ""


# --- workloads and tracers, small -------------------------------------------------------------------


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_each_workload_runs_traced(workload: Workload) -> None:
    program = workload.build(small=True)
    assert program.calls > 10
    cost = cost_of(program, BY_NAME["default"], rounds=1)
    assert cost.trouble == ""
    assert cost.calls == program.calls
    assert cost.memory
    assert cost.file


def test_a_workload_is_the_same_each_time() -> None:
    state = torch.random.get_rng_state()
    one, other = (WORKLOADS[0].build(small=True) for _ in range(2))
    assert torch.equal(one.result, other.result)
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_chain_counts_its_calls(small_chain: Program) -> None:
    assert small_chain.calls == 2 * (1 + 3)


@pytest.mark.parametrize("tracer", TRACERS, ids=lambda tracer: tracer.name)
def test_each_tracer_works_or_says_why_not(tracer: Tracer, small_chain: Program) -> None:
    cost = cost_of(small_chain, tracer, rounds=1)
    assert cost.measured or cost.trouble
    if tracer.name in ("none", "hooks", *OURS):
        assert cost.trouble == ""
        # A shared machine may be anything; this only catches what has gone wrong altogether.
        assert cost.ratio.middle < 10_000


def test_the_parts_are_measured(small_chain: Program) -> None:
    parts = parts_of(small_chain, rounds=2)
    assert {part.title for part in VARIANTS} == set(parts.added)
    assert parts.each(VARIANTS[0]).middle > 0
    # A trace of nothing and a read of the clock take some time, and not much.
    assert 0 < parts.empty.middle < 1
    assert 0 < parts.clock < 1e-3


# --- very many calls, few of them -------------------------------------------------------------------


def test_sizes_of_repeated_calls() -> None:
    size = size_of(repeated(600))
    assert size.calls == 10 * STEP  # the first multiple of 65 that is not below 600
    assert size.peak >= size.kept > 0
    assert size.file > 1_000
    # 300 MB for 100,000 calls are 3 kB a call
    assert size.each < 3_000


def test_sizes_of_calls_without_repetition() -> None:
    size = size_of(unrepeated(600))
    assert size.calls == 6 * 101
    trace = traced(unrepeated(600))
    shapes = {str(call.output) for call in trace.calls if call.path != ""}
    assert len(shapes) == 50


def test_repeated_steps_grow() -> None:
    trace = traced(repeated(3 * STEP))
    assert [str(call.output) for call in trace.roots] == ["f32[1,1]", "f32[1,2]", "f32[1,3]"]


def test_answers_and_show() -> None:
    answers = answers_of(2_000)
    assert answers.calls == 31 * STEP
    assert 0 < answers.lines <= 40
    assert 0 < show_seconds(traced(repeated(100))) < 30
