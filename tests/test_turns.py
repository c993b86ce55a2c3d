"""Whatever cuts off what is done in turn, the next thread has its turn."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.turns import Turns

from .attacks.injector import at_call, at_line, everywhere, files_of

TURNS = files_of("turns.py")


def interrupt() -> None:
    raise KeyboardInterrupt


def in_another_thread(act: Callable[[], object]) -> bool:
    """Whether it comes to an end there."""
    other = threading.Thread(target=act, daemon=True)
    other.start()
    other.join(10)
    return not other.is_alive()


def trace_and_read() -> None:
    with tracelab.trace() as trace:
        nn.Identity()(torch.ones(2))
    assert [call.output.shape for call in trace.calls] == [(2,)]


def read(traces: list[Trace]) -> None:
    for trace in traces:
        list(trace.calls)


@pytest.mark.parametrize("kind", [at_line, at_call])
def test_no_thread_waits_for_one_that_was_interrupted(kind: type[at_line]) -> None:
    """The main thread traces and reads and gets a Ctrl-C at each line of the first turns.

    One turn has seven lines, or six calls and returns; the whole attachment is one and has many within it.
    """
    for number in range(1, 30):
        injection = kind(number, interrupt, TURNS)
        session = tracelab.trace()
        traces: list[Trace] = []
        try:
            with injection, session as trace:
                traces.append(trace)
                nn.Identity()(torch.ones(2))
                len(trace.calls)
        except KeyboardInterrupt:
            pass
        assert in_another_thread(functools.partial(read, traces)), injection.where
        assert in_another_thread(trace_and_read), injection.where
        tracelab.reset()
        assert injection.fired


@pytest.mark.parametrize("kind", [at_line, at_call])
def test_a_turn_that_is_cut_off_anywhere_is_over(kind: type[at_line]) -> None:
    for injection in everywhere(kind, interrupt, TURNS):
        turns, done = Turns(), []
        try:
            with injection:
                turns.take(done.append, 1)
        except KeyboardInterrupt:
            pass
        assert in_another_thread(lambda at=turns, to=done: at.take(to.append, 2)), injection.where
        assert done[-1] == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_a_turn_ends_with_its_error(error: type[BaseException]) -> None:
    turns, done = Turns(), []

    def fail() -> None:
        raise error

    def nested() -> None:
        with pytest.raises(error):
            turns.take(fail)
        waiting = threading.Thread(target=turns.take, args=(done.append, 1), daemon=True)
        waiting.start()
        waiting.join(0.1)
        assert not done, "the outer turn has not ended"

    turns.take(nested)
    assert in_another_thread(lambda: turns.take(done.append, 2))
    assert sorted(done) == [1, 2]
