"""A program may run for ever: a trace stops growing at its limit, and counts on.

A million calls with `limit=100_000` may add 150 MB at most to the resident memory, whatever the calls are:
all alike, each with shapes of its own, with modules made on the spot, arguments of new names, exceptions,
each on a new thread; kept in memory, in a file, with summed times.  Each soak is a process of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import tracelab

from ..attacks.victims import Nursery
from .figures import Figures

MOST = 150
"""Megabytes."""

WORK = {
    "steps of a model": ("chain(X)", 10),
    "shapes": ("chain(X.expand(turn + 1, 2))", 10),
    "modules made on the spot": ("nn.Identity()(X)", 1),
    "new names of arguments": ("anything(**{f'n{turn}': turn})", 1),
    "exceptions": ("raising(turn)", 1),
    "a thread for each": ("run(target=single, args=(X,))", 1),
}
"""What is done again and again, and how many calls it is."""

OPTIONS = {"memory": "", "file": ", file='run.jsonl'", "summary": ", times='summary'"}

PROGRAM = """
    import gc
    class Anything(nn.Module):
        def forward(self, **named):
            return 1
    class Raising(nn.Module):
        def forward(self, turn):
            raise LookupError(turn)
    chain, single, anything = nn.Sequential(*[nn.Identity() for _ in range(9)]), nn.Identity(), Anything()
    failing = Raising()
    def raising(turn):
        try:
            failing(turn)
        except LookupError:
            pass
    def run(**given):
        thread = threading.Thread(**given)
        thread.start()
        thread.join()
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    signal.alarm(300)
    with tracelab.trace():
        for turn in range(20):
            {work}
    gc.collect()
    before = resident()
    with tracelab.trace(limit={limit}{options}) as trace:
        for turn in range({turns}):
            {work}
        during = resident()
    grown = max(during, resident()) - before
    assert (trace.recorded, trace.dropped) == ({limit}, {calls} - {limit}), (trace.recorded, trace.dropped)
    assert not trace.internal_errors and not trace.complete
    grown = max(grown, resident() - before)
    print(int(grown))
"""


def soak(work: str, options: str, calls: int, limit: int, folder: Path, nursery: Nursery) -> int:
    """Megabytes by which a program of so many calls grew, also when it had read its trace."""
    act, each = WORK[work]
    program = PROGRAM.format(
        work=act, options=OPTIONS[options], limit=limit, calls=calls, turns=calls // each
    )
    ended = nursery.run(program, folder)
    assert ended.code == 0, ended.said
    if options == "file":
        back = tracelab.load(folder / "run.jsonl")
        assert (back.recorded, back.dropped) == (limit, calls - limit)
    return int(ended.said)


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")


@needs_proc
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("work", WORK)
def test_a_short_soak_stays_small(work: str, options: str, tmp_path: Path, nursery: Nursery) -> None:
    """A twentieth: what is not bounded grows by 10 MB and more, by 6 MB with threads."""
    calls, limit = (8_000, 500) if "thread" in work else (50_000, 500)
    assert soak(work, options, calls, limit, tmp_path, nursery) < (4 if "thread" in work else 8)


@needs_proc
@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("work", WORK)
def test_a_soak_of_a_million_calls_stays_under_150_megabytes(
    work: str, options: str, tmp_path: Path, nursery: Nursery, figures: Figures
) -> None:
    calls, limit = (100_000, 50_000) if "thread" in work else (1_000_000, 100_000)
    grown = soak(work, options, calls, limit, tmp_path, nursery)
    print(f"{work}, {options}: {grown} MB")
    assert grown < MOST
    figures("calls soaked", calls)
