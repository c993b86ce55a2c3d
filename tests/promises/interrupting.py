"""A Ctrl-C at every line and every call of our own, and what is left of a trace afterwards."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from torch import nn

import tracelab
from tracelab import session as room
from tracelab.calls import Trace
from tracelab.recorder import active

from ..attacks import hosts
from ..attacks.injector import Injection, Place, files_of, survey

PACKAGE = files_of(".")
GENUINE = nn.Module.__call__


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


def interrupt() -> None:
    raise KeyboardInterrupt


class Run:
    """One traced run of the program into a file, and then everything that reads the trace."""

    def __init__(self, file: Path, **options: Any) -> None:
        self.file = file
        self.options = options
        self.trace: Trace | None = None
        self.came = False

    def __call__(self, injection: Injection) -> None:
        self.trace = None
        try:
            with injection:
                with tracelab.trace(file=self.file, **self.options) as self.trace:
                    hosts.small()
                self.read(self.trace)
        except KeyboardInterrupt:
            self.came = True

    def read(self, trace: Trace) -> tuple[Any, ...]:
        return str(trace), len(trace.steps()), trace.count("Inner.forward"), trace.recorded, trace.complete


def interrupted_at(kind: type[Injection], place: Place, number: int, file: Path, **options: Any) -> list[str]:
    """What is wrong after a Ctrl-C at one place.

    The interpreter lets none out of a callback for a dead object or of a generator that dies half used; it
    says so through its hook.
    """
    lost: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, lost.append
    injection = kind(number, interrupt, PACKAGE, only=place)
    run = Run(file, **options)
    try:
        run(injection)
    finally:
        sys.unraisablehook = before
    wrong = left()
    if injection.fired != run.came and not lost:
        wrong.append("the host did not see its Ctrl-C")
    # A trace function can raise where no signal is ever handled: between the body of a `with` and the
    # release of its lock, which this thread then holds for good.
    tracelab.reset()
    if run.trace is not None and run.read(run.trace)[3] > 12 * 4 + 2:
        wrong.append(f"{run.trace.recorded} calls")
    if list(file.parent.iterdir()) not in ([file], []):
        wrong.append(f"{[path.name for path in file.parent.iterdir()]} in the folder")
    for path in file.parent.iterdir():
        if path.stat().st_size:  # an empty one stood for the name when the Ctrl-C came
            tracelab.load(path)
        path.unlink()
    with tracelab.trace() as again:
        hosts.Model()(torch.ones(2))
    # The model and its three parts, of which one failed.
    if (again.recorded, again.complete, again.internal_errors) != (4, True, 0):
        wrong.append(f"the next trace: {again.recorded} calls, {again.columns.faults}")
    return [f"{injection.where or place} in {injection.code}: {what}" for what in wrong]


def everywhere(
    kind: type[Injection], folder: Path, step: int, first: int = 0, **options: Any
) -> tuple[int, list[str]]:
    """A Ctrl-C at each `step`-th place from the `first` on: its first, last or middle time."""
    run = Run(folder / "run.jsonl", **options)
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
        wrong += interrupted_at(kind, place, which, run.file, **options)
    return len(some), wrong
