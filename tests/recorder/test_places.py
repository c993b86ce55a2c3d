"""The line that made a call, as a traceback would name it."""

from __future__ import annotations

import sys
import threading
from typing import Any

import torch
from torch import nn

import tracelab
from tracelab.describe import file_name

X = torch.ones(1, 2)


class Where(nn.Module):
    """Returns the line of its caller as the interpreter sees it, past torch's own frames and ours."""

    def forward(self, *args: Any, **kwargs: Any) -> tuple[str, int]:
        frame = sys._getframe(1)
        while "torch" in frame.f_code.co_filename or "tracelab/recorder" in frame.f_code.co_filename:
            assert frame.f_back is not None
            frame = frame.f_back
        return frame.f_code.co_filename, frame.f_lineno

    def generate(self, *args: Any) -> tuple[str, int]:
        return self(*args)


where = Where()


def one_line() -> Any:
    return where(X)


def several_lines() -> Any:
    return where(
        X,
        key=[
            1,
            2,
        ],
    )


def chained() -> Any:
    return (
        where
        .__call__(
            X,
        )
    )  # fmt: skip


def argument_of_another_call() -> Any:
    return tuple(
        where(X)
    )  # fmt: skip


def two_in_a_line() -> Any:
    return [where(X), where(X)][1]


def comprehension() -> Any:
    found = [
        where(X)
        for _ in range(2)
    ]  # fmt: skip
    return found[1]


def starred() -> Any:
    return where(
        *[X],
        **{"a key": 1},
    )


def generator_expression() -> Any:
    return next(
        where(X) for _ in range(1)
    )  # fmt: skip


CALLERS = [
    one_line,
    several_lines,
    chained,
    argument_of_another_call,
    two_in_a_line,
    comprehension,
    starred,
    generator_expression,
]


def test_the_line_is_the_one_that_a_traceback_would_show() -> None:
    for caller in CALLERS:
        with tracelab.trace() as trace:
            file, line = caller()
        assert file == __file__
        assert [tuple(call.call_site) for call in trace.calls][-1] == (file, line), caller.__name__
        first = caller.__code__.co_firstlineno
        assert first < line <= first + 4, caller.__name__


def test_a_method_s_line_and_the_line_within_it() -> None:
    with tracelab.trace() as trace:
        where.generate(X)
    here = test_a_method_s_line_and_the_line_within_it.__code__.co_firstlineno
    inside = Where.generate.__code__.co_firstlineno
    assert [call.call_site for call in trace.calls] == [(__file__, here + 2), (__file__, inside + 1)]


def test_each_of_two_lines_is_kept_in_turn() -> None:
    def run() -> None:
        for _ in range(2):
            where(X)
            where(X)

    with tracelab.trace() as trace:
        run()
    first = run.__code__.co_firstlineno + 2
    assert [call.call_site.line for call in trace.calls] == [first, first + 1] * 2


def test_nested_traces_see_the_same_lines() -> None:
    with tracelab.trace() as outer, tracelab.trace() as middle, tracelab.trace() as inner:
        line = sys._getframe().f_lineno + 1
        where.generate(X)
    for trace in (outer, middle, inner):
        assert trace.calls[0].call_site == (__file__, line)
        assert trace.calls[1].call_site == (__file__, Where.generate.__code__.co_firstlineno + 1)


def test_a_call_from_code_without_a_file() -> None:
    names = {"where": where, "X": X}
    with tracelab.trace() as trace:
        exec(compile("\n\nwhere(X)\n", "<console>", "exec"), names)
        exec(compile("\nwhere(X)\n", "<console>", "exec"), names)
    assert [call.call_site for call in trace.calls] == [("<console>", 3), ("<console>", 2)]


def test_a_call_from_a_thread_s_run_method() -> None:
    with tracelab.trace() as trace:
        thread = threading.Thread(target=where, args=(X,))
        thread.start()
        thread.join()
    site = trace.calls[0].call_site
    assert site is not None
    assert site.file == file_name(threading.__file__)
