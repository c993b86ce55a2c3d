"""A program stops where it was told to, in the frame of the function that really runs, and goes on."""

from __future__ import annotations

import io
import pdb
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.stops import debugger as room

from ..models import ZOO

X = torch.ones(2)


class Inner(nn.Module):
    def forward(self, x: torch.Tensor, how: str = "") -> torch.Tensor:
        y = x * 2
        if how == "fail":
            raise ValueError(how)
        return y / (0 if how == "divide" else 1)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()

    def forward(self, x: torch.Tensor, how: str = "") -> torch.Tensor:
        hidden = self.inner(x, how)
        return hidden + 1


FIRST = Inner.forward.__code__.co_firstlineno


@pytest.fixture(autouse=True)
def pdb_is_the_debugger(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """pytest has one of its own in its place."""
    monkeypatch.setattr(sys, "breakpointhook", sys.__breakpointhook__)
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    yield
    tracelab.reset()
    sys.settrace(None)


class Typing:
    """Commands that somebody types at the prompts, and what is said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *commands: str) -> None:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(commands) + "\n"))

    @property
    def said(self) -> str:
        return self._capsys.readouterr().out


@pytest.fixture
def types(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typing:
    return Typing(monkeypatch, capsys)


def test_the_frame_is_the_real_one(types: Typing) -> None:
    types("p x.shape, how", "n", "n", "p y", "call", "tree", "up", "p type(self).__name__", "c")
    model = Outer()
    with tracelab.breakpoint("inner") as point:
        assert torch.equal(model(X), X * 2 + 1)
    said = types.said
    assert said.startswith(
        "tracelab: stopped in inner (Inner.forward), call #1\n  Outer.forward\n  x f32[2]\n  how str\n"
    )
    assert f"test_breakpoints.py({FIRST + 1})forward()\n-> y = x * 2\n" in said
    assert "(torch.Size([2]), '')" in said and "tensor([2., 2.])" in said
    assert said.count("tracelab: stopped in") == 2  # once by the command `call`
    assert "Outer · 2 calls" in said and "not finished" in said
    assert point.met == ["Inner.forward"] and point.trace.complete
    assert sys.gettrace() is None


def test_our_frames_are_not_shown_and_not_stepped_into(types: Typing) -> None:
    types("where", "s", "s", "s", "s", "p hidden", "c")
    with tracelab.breakpoint("inner"):
        Outer()(X)
    said = types.said
    assert "tracelab/" not in said.replace(__file__, "") and "method()" not in said
    assert "tensor([2., 2.])" in said  # back in Outer.forward, one line on


@pytest.mark.parametrize(("step", "shape"), [(0, "[2, 5, 32]"), (2, "[2, 1, 32]")])
def test_a_step_of_a_generation(types: Typing, step: int, shape: str) -> None:
    """Two rows of five tokens are prefilled at step 0; each later step is given one token a row."""
    entry = ZOO["llama"]
    model = entry.build()
    ids = torch.arange(10).reshape(2, 5)
    types(*["p 'seen', list(hidden_states.shape)", "c"] * 3)
    for pattern in (f"model.layers.1.self_attn@{step}", "LlamaAttention.forward"):
        with tracelab.breakpoint(pattern, None if "@" in pattern else step):
            model.generate(ids, max_new_tokens=4, do_sample=False)
        said = types.said
        # One layer, or both.
        assert said.count(f"('seen', {shape})") == (1 if "@" in pattern else 2)
        assert said.count(f", step {step}, call #") == said.count("'seen'")


def test_the_same_step_of_each_generation(types: Typing) -> None:
    model = ZOO["llama"].build()
    types("c", "c", "c")
    with tracelab.breakpoint("model.layers.0.mlp", step=1):
        for _ in range(2):
            model.generate(torch.ones(1, 3, dtype=torch.long), max_new_tokens=4, do_sample=False)
    assert types.said.count("tracelab: stopped in") == 2


def test_conditions(types: Typing) -> None:
    model = Outer()
    types("p n_seen", "c")
    with tracelab.breakpoint("inner", when="x.sum() > 3 and n == 2"):
        model(torch.ones(4))
        model(torch.ones(2))
        model(torch.ones(5))
    assert types.said == ""
    with tracelab.breakpoint("inner", when=lambda names: names["n"] == 3):
        for _ in range(4):
            model(X)
    assert types.said.count("tracelab: stopped in") == 1


def test_the_output_is_known_at_the_end(types: Typing) -> None:
    types("p __return__", "p y", "n", "p hidden", "c")
    with tracelab.breakpoint("inner", when="inf(output)"):
        Outer()(X)
        Outer()(X, "divide")
    said = types.said
    assert said.count("tracelab: stopped in") == 1
    assert "tensor([inf, inf])" in said and "tensor([2., 2.])" in said
    assert "-> return hidden + 1" in said


def test_what_was_raised(types: Typing) -> None:
    types("p y", "c")
    with tracelab.breakpoint("inner", when="error") as point, pytest.raises(ValueError, match="fail"):
        Outer()(X)
        Outer()(X, "fail")
    said = types.said
    assert said.count("tracelab: failed in inner") == 1 and "tensor([2., 2.])" in said
    assert [call.status for call in point.trace.calls] == ["ok", "ok", "error", "error"]


def test_leaving_the_debugger_is_the_user_s_right(types: Typing) -> None:
    import bdb

    types("q")
    with tracelab.breakpoint("inner"), pytest.raises(bdb.BdbQuit):
        Outer()(X)
    sys.settrace(None)
    assert torch.equal(Outer()(X), X * 2 + 1)


# --- other debuggers --------------------------------------------------------------------------------


def test_switched_off(monkeypatch: pytest.MonkeyPatch, types: Typing) -> None:
    monkeypatch.setenv("PYTHONBREAKPOINT", "0")
    with tracelab.breakpoint("inner"):
        Outer()(X)
    assert types.said == ""


def test_a_debugger_that_takes_a_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[tuple[str, int]] = []

    def hook(frame: FrameType | None = None, context: int = 3) -> None:
        assert frame is not None
        frames.append((frame.f_code.co_qualname, frame.f_lineno))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    with tracelab.breakpoint("inner"):
        Outer()(X)
    assert frames == [("Inner.forward", FIRST)]


def test_any_other_debugger_stands_at_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def hook() -> None:
        frame = sys._getframe(1)
        seen.append((frame.f_code.co_filename, frame.f_code.co_name, sorted(frame.f_locals)))

    monkeypatch.setattr(sys, "breakpointhook", hook)
    with tracelab.breakpoint("inner"):
        assert torch.equal(Outer()(X), X * 2 + 1)
    assert seen == [(__file__, "forward", ["hook", "how", "self", "x"])]
    assert "tracelab: stopped in inner" in capsys.readouterr().err


def test_a_name_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONBREAKPOINT", "os.path.join")
    assert room.chosen().__name__ == "join"  # type: ignore[union-attr]
    monkeypatch.setenv("PYTHONBREAKPOINT", "no.such.thing")
    assert room.chosen() is sys.__breakpointhook__
    monkeypatch.setenv("PYTHONBREAKPOINT", "")
    assert room.chosen() is pdb.set_trace


# --- standing ---------------------------------------------------------------------------------------


def test_it_stands_until_it_is_cleared(types: Typing) -> None:
    types("c", "c", "c")
    tracelab.breakpoint("Inner.forward")  # nobody holds it
    Outer()(X)
    assert types.said.count("stopped in") == 1
    tracelab.reset()
    Outer()(X)
    assert types.said == ""
    point = tracelab.breakpoint("Inner.forward")
    assert repr(point) == "<Breakpoint Inner.forward standing>"
    point.clear()
    point.clear()
    assert repr(point) == "<Breakpoint Inner.forward cleared>"
    Outer()(X)
    assert types.said == "" and point.met == []


def test_several_and_a_trace_around(types: Typing) -> None:
    types("c", "c", "c")
    with (
        tracelab.trace(source="Inner.forward") as trace,
        tracelab.breakpoint("inner"),
        tracelab.breakpoint("Outer.forward"),
    ):
        Outer()(X)
    said = types.said
    assert said.count("stopped in Outer.forward, call #0") == 1
    assert said.count("stopped in inner (Inner.forward)") == 1
    assert [call.name for call in trace.calls] == ["Outer.forward", "Inner.forward"]


@pytest.mark.internal_errors
def test_a_fault_in_what_is_told_does_not_come_out(types: Typing, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracelab.stops import stopping

    def broken(*given: Any) -> str:
        raise RuntimeError("ours")

    monkeypatch.setattr(stopping, "here", broken)
    types("c")
    with tracelab.breakpoint("inner"):
        assert torch.equal(Outer()(X), X * 2 + 1)
    assert "tracelab: this cannot be told: RuntimeError" in types.said
