"""Whatever cuts off what is done in turn, the next thread has its turn."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace
from tracelab.turns import Turns

from .attacks.injector import at_call, at_line, files_of

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
    """The main thread traces and reads and gets a Ctrl-C; of many patches, each fifth one is hit."""
    for number in itertools.count(1, 5):  # no divisor of the lines, calls and returns of one turn
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
        if not injection.fired:
            assert number > 100, "there are more patches than that"
            return


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
