"""One host program, and how a trace of every kind is put around it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tracelab
from tracelab.calls import Trace

from ...attacks.observed import Observed, observe, process_settings

MODES: dict[str, dict[str, Any]] = {
    "plain": {},
    "values": {"values": True},
    "stats": {"stats": True},
    "summary": {"times": "summary"},
    "no shapes": {"shapes": False},
    "depth": {"depth": 2},
    "limit": {"limit": 3},
    "chain": {"chain": True},
    "roots": {},
    "file": {"values": True},
    "source": {"source": "*"},
    "nested": {},
}
"""Every mode of a trace."""


class Host(NamedTuple):
    """`make` builds a model from fixed seeds; `act` does something with it and gives what is to be compared.

    `opaque`: a compiler may be all that runs, so a trace may see nothing.  `but_not`: modes that read values,
    which takes operations, where the host counts those of the whole process.  `warm`: a library does
    something at its first use only.
    """

    name: str
    make: Callable[[], Any]
    act: Callable[[Any], Any]
    opaque: bool = False
    but_not: tuple[str, ...] = ()
    warm: bool = False

    def __str__(self) -> str:
        return self.name


@contextlib.contextmanager
def traced(mode: str | None, model: Any, folder: Path) -> Iterator[list[Trace]]:
    """A trace in this mode around the block, or none."""
    if mode is None:
        yield []
        return
    options = dict(MODES[mode])
    if mode == "file":
        options["file"] = folder / f"{len(list(folder.iterdir()))}.jsonl"
    roots = (model,) if mode == "roots" else ()
    with contextlib.ExitStack() as stack:
        traces = [stack.enter_context(tracelab.trace(*roots, **options))]
        if mode == "nested":
            traces.append(stack.enter_context(tracelab.trace(stats=True)))
        yield traces


def run(host: Host, mode: str | None, folder: Path) -> tuple[Observed, list[Trace]]:
    """One run, traced or not: on the same line, which stands in tracebacks."""
    model = host.make()
    with traced(mode, model, folder) as traces:
        return observe(lambda: host.act(model)), traces


def compare(host: Host, modes: list[str], folder: Path) -> int:
    """Asserts that the host does the same in each of these modes; gives how many values were compared."""
    plain, values = Observed(None, (), [], "", {}), 0
    for mode in [*([None] if host.warm else []), None, *(mode for mode in modes if mode not in host.but_not)]:
        before = process_settings()
        found, traces = run(host, mode, folder)
        if mode is None:
            plain = found
            continue
        for what, one, other in zip(Observed._fields, plain, found, strict=True):
            assert not (different := difference(one, other)), f"{mode}: {what}{different}"
        different = difference(before, process_settings())
        assert not different, f"{mode}: left behind{different}"
        assert [trace.internal_errors for trace in traces] == [0] * len(traces)
        assert host.opaque or mode == "roots" or all(trace.recorded + trace.dropped for trace in traces)
        values += count(found)
    return values


def difference(one: Any, other: Any) -> str:
    """Where two values first differ, and how; nothing if they are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        one, other = list(one.items()), list(other.items())
    if isinstance(one, (list, tuple)) and type(one) is type(other) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            if different := difference(left, right):
                return f"[{number}]{different}"
        return ""
    return "" if type(one) is type(other) and one == other else f": {one!s:.2000} is now {other!s:.2000}"


def count(value: Any) -> int:
    """How many single values there are in what was seen."""
    if isinstance(value, dict):
        value = list(value.items())
    return sum(map(count, value)) if isinstance(value, (list, tuple)) else 1
