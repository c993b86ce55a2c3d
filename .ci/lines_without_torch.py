"""The gate of `sys.monitoring`, where torch is not installed: what it sees of plain functions.

`python3.12 .ci/lines_without_torch.py`.  The tests of the other gate, with real modules, are tests/lines.
"""

from __future__ import annotations

import sys
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tracelab.lines.gate import the_gate
from tracelab.lines.watch import Raw, Watch

MONITORING: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
faults: list[Exception] = []


def loop(times: int, *rest: int, **named: int) -> int:
    total = 0
    for i in range(times):
        total += i
    with_both, total = total, total + 1
    return total


def failing(how: str) -> str:
    try:
        raise KeyError(how)
    except KeyError:
        caught = how
    if caught == "fail":
        raise ValueError(how)
    return caught


def again(times: int) -> int:
    below = again(times - 1) if times else 0
    return below + 1


def watched(function: Any, act: Callable[[], object]) -> Raw | None:
    """What is seen of the first call of `function` while `act` runs."""
    watch = Watch(function.__code__, lambda value: value if type(value) is int else -1, fault)
    gate = the_gate()
    gate.open(watch)
    failed = False
    try:
        act()
    except ValueError:
        failed = True
    assert gate.close(watch) is None
    gate.tidy()
    return watch.raw(failed)


def fault(place: str, error: Exception) -> None:
    faults.append(error)


def lines(function: Any, raw: Raw | None) -> list[tuple[int, dict[str, int]]]:
    assert raw is not None
    return [(line - function.__code__.co_firstlineno, dict(bound)) for line, bound in raw[3]]


def check_lines() -> None:
    raw = watched(loop, lambda: loop(2, 5, x=6))
    # 0 + 0 + 1 is 1, and one more is 2; the last look at the loop binds nothing new.
    assert lines(loop, raw) == [
        (0, {"times": 2, "rest": -1, "named": -1}),
        (1, {"total": 0}),
        (2, {"i": 0}),
        (3, {"total": 0}),
        (2, {"i": 1}),
        (3, {"total": 1}),
        (2, {"i": 1}),
        (4, {"with_both": 1, "total": 2}),
        (5, {}),
    ], lines(loop, raw)
    assert raw is not None and raw[1:3] == ("return", 0)


def check_ends() -> None:
    passing = watched(failing, lambda: failing("pass"))
    broken = watched(failing, lambda: failing("fail"))
    assert passing is not None and broken is not None
    assert (passing[1], broken[1]) == ("return", "exception")
    first = watched(again, lambda: again(3))
    assert [number for number, _ in lines(again, first)] == [0, 1, 2]
    assert watched(again, lambda: loop(1)) is None


def check_threads() -> None:
    """Each thread has its own watches; a thread without one is seen by nobody."""
    found: list[Raw | None] = []

    def work() -> None:
        found.append(watched(loop, lambda: loop(50)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    threads.append(threading.Thread(target=lambda: [loop(50) for _ in range(20)]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Entry, two lines a round, one line before and two after, and the last look at the loop.
    assert [len(lines(loop, raw)) for raw in found] == [1 + 1 + 2 * 50 + 1 + 2] * 4


def check_neighbours() -> None:
    """A tracer of the host and another tool see what they saw."""
    seen: list[str] = []

    def tracer(frame: types.FrameType, event: str, argument: object) -> Any:
        if frame.f_code is loop.__code__:
            seen.append(event)
        return tracer

    sys.settrace(tracer)
    loop(3)
    alone, seen[:] = list(seen), []
    raw = watched(loop, lambda: loop(3))
    assert sys.gettrace() is tracer
    sys.settrace(None)
    assert seen == alone and len(lines(loop, raw)) == 1 + 1 + 2 * 3 + 1 + 2


def check_nothing_stays() -> None:
    gate = the_gate()
    kept = Watch(loop.__code__, lambda value: 0, fault)
    gate.open(kept)
    tools = [MONITORING.get_tool(tool) for tool in range(6)]
    assert tools.count("tracelab") == 1
    gate.tidy()
    assert "tracelab" in [MONITORING.get_tool(tool) for tool in range(6)], "a watch is open"
    del kept
    gate.tidy()
    assert "tracelab" not in [MONITORING.get_tool(tool) for tool in range(6)]
    assert len(lines(loop, watched(loop, lambda: loop(1)))) == 1 + 1 + 2 + 1 + 2
    gate.tidy()


def check_interrupts() -> None:
    """A Ctrl-C in our callback comes out in the program."""

    def interrupted(value: object) -> int:
        raise KeyboardInterrupt

    watch = Watch(loop.__code__, interrupted, fault)
    gate = the_gate()
    gate.open(watch)
    try:
        loop(1)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("the interrupt was lost")
    gate.close(watch)
    gate.tidy()


def check_tools() -> None:
    """Where others have both numbers, lines are not seen, and it is said by whom."""
    for tool in (3, 4):
        MONITORING.use_tool_id(tool, "another")
    watch = Watch(loop.__code__, lambda value: 0, fault)
    gate = the_gate()
    gate.open(watch)
    assert loop(2) == 2
    assert gate.close(watch) == "other tools, which have all numbers of sys.monitoring"
    assert watch.raw(False) is None
    for tool in (3, 4):
        MONITORING.free_tool_id(tool)
    gate.tidy()


if __name__ == "__main__":
    checks = [act for name, act in sorted(globals().items()) if name.startswith("check_")]
    for check in checks:
        check()
    assert not faults, faults
    print(f"lines: {len(checks)} checks of sys.monitoring passed on Python {sys.version.partition(' ')[0]}")
