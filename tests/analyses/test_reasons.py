"""Why a call ran what it ran, against the source itself: true for whatever versions are installed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tests import reasons
from tests.models import ZOO
from tracelab.analyses.reasons import NOWHERE, OLD, UNCERTAIN
from tracelab.calls import Columns, Trace, Why
from tracelab.sourcetext import DIFFERENT


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with reasons.program(tmp_path_factory.mktemp("program")) as module:
        yield module


@pytest.fixture(scope="module")
def own(program: Any) -> Trace:
    return reasons.traced(program.own)


def texts(why: Why) -> list[list[str]]:
    return [[(line.text or "?").strip() for line in hop.lines] for hop in why.hops]


def test_the_way_from_the_caller_s_line_to_the_def(own: Trace) -> None:
    why = own.find("Mine.forward")[0].why()
    assert [hop.kind for hop in why.hops] == ["caller", "way", "way", "way", "ran"]
    assert [hop.function for hop in why.hops] == [
        "Outer.forward",
        "Module.__call__",
        "Module._call_impl",
        "loud.wrapper",
        "Mine.forward",
    ]
    lines = texts(why)
    assert lines[0] == ["for part in self.parts:", 'x = part(x, 1, scale=2, color="red")']
    assert lines[1:3] == [
        ["return self._call_impl(*args, **kwargs)"],
        [
            "forward_call = (self._slow_forward if torch._C._get_tracing_state() else self.forward)",
            "return forward_call(*args, **kwargs)",
        ],
    ]
    assert lines[3:] == [
        ["return function(self, *args, **kwargs)"],
        ["def forward(self, x, *rest, scale=1, **more):"],
    ]
    assert [line.number for line in why.hops[0].lines] == [
        reasons.line_of("for part in"),
        reasons.line_of("x = part("),
    ]
    assert why.hops[0].lines[0].binds and not why.hops[0].lines[1].binds
    assert (why.notes, why.own, why.overriding) == ((), False, ())
    assert own.why(own.calls[1]) == why


def test_how_each_argument_was_given(own: Trace) -> None:
    given = {one.name: (str(one.spec), one.how) for one in own.find("Mine.forward")[0].why().arguments}
    assert given == {
        "x": ("f32[2]", "positional"),
        "rest[0]": ("int", "positional, into *rest"),
        "scale": ("int", "keyword"),
        "color": ("str", "keyword, into **more"),
    }


def test_why_is_forward_called_ends_in_torch_s_call(program: Any) -> None:
    arch = ZOO["t5"]
    for call in reasons.traced(program.forward, arch.build(), **arch.inputs()).find(kind="module"):
        way = [hop.function for hop in call.why().hops if hop.kind == "way"]
        assert way[:2] == ["Module.__call__", "Module._call_impl"]


@pytest.mark.parametrize("name", ["llama", "bert", "whisper", "mixtral"])
def test_every_line_shown_is_the_line_of_the_installed_file(program: Any, name: str) -> None:
    trace = reasons.traced(program.forward, ZOO[name].build(), **ZOO[name].inputs())
    for call in {each.name: each for each in trace.calls}.values():
        why = call.why()
        assert why.notes == () and len(why.hops) >= 2
        for hop in why.hops:
            assert hop.problem is None and hop.lines
            lines = Path(hop.file or "").expanduser().read_text(encoding="utf-8").splitlines()
            assert all(line.text == lines[line.number - 1] for line in hop.lines)
        assert "def " in (why.hops[-1].lines[0].text or "")


def test_what_is_uncertain_is_said(own: Trace) -> None:
    columns = own.columns
    old = Trace(Columns(**{name: getattr(columns, name) for name in fields() if name != "sources"}))
    why = old.calls[1].why()
    assert UNCERTAIN in why.notes and why.hops[-1].problem is None
    columns = Columns(**{name: getattr(columns, name) for name in fields() if name != "lineages"})
    assert Trace(columns).calls[1].why().notes == (OLD,)


def fields() -> list[str]:
    return [name for name in inspect.signature(Columns).parameters if not name.startswith("_")]


def test_a_line_that_is_no_def_is_not_shown_as_one(own: Trace) -> None:
    columns = own.columns
    whole = {name: getattr(columns, name) for name in fields()}
    whole["sites"] = [replace(site, line=1) for site in columns.sites]
    why = Trace(Columns(**whole)).calls[1].why()
    assert (why.hops[-1].problem, why.hops[-1].lines[0].text) == (DIFFERENT, None)


def test_a_call_that_no_line_made(own: Trace) -> None:
    columns = own.columns
    whole = {name: getattr(columns, name) for name in fields()}
    whole["place"] = type(columns.place)("i", [-1] * len(columns))
    why = Trace(Columns(**whole)).calls[1].why()
    assert why.notes == (NOWHERE,) and why.hops[0].kind == "way"


def test_a_file_that_is_changed_before_anybody_asks_is_not_shown(tmp_path: Path) -> None:
    with reasons.program(tmp_path) as program:
        trace = reasons.traced(program.own)
        path = Path(program.__file__)
        path.write_text("# a line more\n" + path.read_text())
        why = trace.find("Mine.forward")[0].why()
    assert (why.hops[0].problem, why.hops[-1].problem) == (DIFFERENT, DIFFERENT)
    assert why.hops[1].problem is None


def test_a_running_trace_answers_too() -> None:
    with tracelab.trace() as trace:
        nn.Linear(2, 2)(torch.ones(1, 2))
        assert trace.calls[0].why().hops[0].lines[0].text == "        nn.Linear(2, 2)(torch.ones(1, 2))"
