"""hunter's predicates, actions and printers on the frames of recorded calls."""

from __future__ import annotations

import io
import sys
from typing import Any

import hunter
import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Trace

X = torch.ones(2)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.inner(x)
        twice = hidden * 2
        return twice


FIRST = Net.forward.__code__.co_firstlineno


def traced(source: Any) -> Trace:
    with tracelab.trace(source=source) as trace:
        Net()(X)
    return trace


def lines(trace: Trace) -> dict[str, list[int]]:
    return {
        call.name: [line.number - call.facts["lines"].first for line in call.facts["lines"].lines]
        for call in trace.calls
        if "lines" in call.facts
    }


def test_a_query() -> None:
    assert lines(traced(hunter.Q(function="forward", filename_endswith="test_hunting.py"))) == {
        "Net.forward": [0, 1, 2, 3]
    }
    assert lines(traced(hunter.Q(lineno=FIRST + 2))) == {"Net.forward": [0, 2]}
    assert set(lines(traced(hunter.Q(module_startswith="torch.nn")))) == {"Linear.forward"}
    assert lines(traced(hunter.Q(function="nobody"))) == {}


def test_lines_that_the_predicate_did_not_choose_are_counted() -> None:
    trace = traced(hunter.Q(lineno=FIRST + 2))
    (call,) = trace.find("Net.forward")
    assert call.facts["lines"].cut == 2
    (listing,) = trace.source("Net.forward")
    # Nothing is claimed of the others: whether they ran is not known to the listing.
    assert [line.reached for line in listing.lines] == [True, None, True, None]


def test_what_a_kept_line_binds_is_complete() -> None:
    trace = traced(hunter.Q(lineno=FIRST + 2))
    (call,) = trace.find("Net.forward")
    assert [(dict(line.bound)).keys() for line in call.facts["lines"].lines] == [{"self", "x"}, {"twice"}]


def test_any_function_of_events() -> None:
    kinds: list[str] = []

    def ask(event: Any) -> bool:
        kinds.append(event.kind)
        return event.module == __name__

    assert list(lines(traced(ask))) == ["Net.forward"]
    assert kinds.count("call") == 2 and kinds.count("return") == 2


def test_actions_and_printers() -> None:
    stream = io.StringIO()
    query = hunter.Q(filename_endswith="test_hunting.py", action=hunter.VarsPrinter("x", stream=stream))
    traced(query)
    said = stream.getvalue()
    # The call, three lines and the return.
    assert said.count("x => <torch.Tensor object") == 5


def test_patterns_win_where_both_fit() -> None:
    trace = traced([hunter.Q(function="nobody"), "Net.forward"])
    assert lines(trace) == {"Net.forward": [0, 1, 2, 3]}


def test_what_a_reader_is_told() -> None:
    (told,) = traced(hunter.Q(function="forward")).meta["options"]["source"]
    assert told == "Query(function='forward')"


@pytest.mark.internal_errors
def test_a_predicate_that_fails_does_not_reach_the_program() -> None:
    def broken(event: Any) -> bool:
        raise RuntimeError

    trace = traced(broken)
    assert lines(trace) == {} and [call.status for call in trace.calls] == ["ok", "ok"]
    assert set(trace.columns.faults) == {"hunter predicate: RuntimeError"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_an_action_reaches_the_program(error: type[BaseException]) -> None:
    def action(event: Any) -> None:
        raise error

    with pytest.raises(error):
        traced(hunter.Q(filename_endswith="test_hunting.py", action=action))
    assert sys.gettrace() is None
