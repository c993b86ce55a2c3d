"""Which functions stand between two calls, which lines of them call on, and which only hand on."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Chain
from tracelab.recorder import chains

from . import program
from .lines import line_of, noise, step, steps
from .program import Host

X = torch.ones(2)
START = step(Host.forward, "self._way")
HELPER = step(Host.helper, "self.inner")


def chain_of(way: Any, number: int = -1) -> Chain:
    """How the inner module of a host was reached."""
    with tracelab.trace(chain=True) as trace:
        Host(way)(X)
    return trace.find("Identity.forward")[number].chain()


def by(name: str, text: str = "host.inner") -> tuple[str, int]:
    return step(getattr(program, name), text)


@pytest.mark.parametrize(
    ("name", "links", "hidden"),
    [
        ("plain", [by("plain")], []),
        ("method", [by("method", "host.helper"), HELPER], []),
        ("recursive", [by("recursive", "more - 1")] * 3 + [by("recursive", "host.inner")], []),
        ("decorated", [by("decorated")], [("decorator", "like.<locals>.wrapper")]),
        ("decorated_twice", [by("decorated_twice")], [("decorator", "like.<locals>.wrapper")] * 2),
        ("without_gradients", [by("without_gradients")], [("machinery", "context_decorator")]),
        ("in_context", [by("in_context")], [("machinery", "ContextDecorator")]),
        ("dispatched", [by("dispatched")], [("machinery", "singledispatch")]),
        ("cached", [by("cached")], []),  # lru_cache is C
        ("looking_up", [by("looking_up", "Lazy(")], [("attribute", "Lazy.__getattr__")]),
        ("expression", [by("expression", "list(")], [("part", "expression.<locals>.<genexpr>")]),
        ("generator", [by("generator", "in numbers"), by("numbers")], []),
        ("mapped", [by("mapped", "list("), HELPER], []),
        ("module_mapped", [by("module_mapped", "list(")], []),
        ("partially", [by("partially", "partial("), HELPER], []),
        ("failing", [by("failing", "host.helper"), HELPER], []),
    ],
)
def test_the_functions_between_two_calls(
    name: str, links: list[tuple[str, int]], hidden: list[tuple[str, str]]
) -> None:
    chain = chain_of(getattr(program, name))
    assert steps(chain) == [START, *links]
    assert [
        (why, function[: len(start)])
        for (why, function), (_, start) in zip(noise(chain), hidden, strict=True)
    ] == hidden
    # `_wrapped_call_impl` and `_call_impl` stand around the forward of the host.
    assert [link.function for link in chain.noise if link.noise == "around"] == [
        "Module._wrapped_call_impl",
        "Module._call_impl",
    ]
    assert chain.hidden == 2 + len(hidden)
    assert not chain.cut


def test_a_comprehension_is_part_of_its_function() -> None:
    """Up to Python 3.11 it has a frame of its own."""
    chain = chain_of(program.comprehension)
    assert steps(chain) == [START, by("comprehension")]
    assert [why for why, _ in noise(chain)] == (["part"] if sys.version_info < (3, 12) else [])


def test_a_decorator_that_says_nothing_and_stands_in_the_same_file_is_a_function() -> None:
    run = program.under_silence
    assert steps(chain_of(run)) == [
        START,
        ("silent.<locals>.run", line_of(run, "return function")),
        ("under_silence", line_of(run.__closure__[0].cell_contents, "host.inner")),
    ]


def test_a_decorator_of_another_file_is_noise_though_it_says_nothing() -> None:
    space: dict[str, Any] = {}
    text = "def quiet(f):\n    def run(*a, **k):\n        return f(*a, **k)\n    return run\n"
    exec(compile(text, "elsewhere.py", "exec"), space)
    chain = chain_of(space["quiet"](program.plain))
    assert steps(chain) == [START, by("plain")]
    assert noise(chain) == [("decorator", "quiet.<locals>.run")]


def test_a_class_that_decorates_is_a_function_with_its_line() -> None:
    chain = chain_of(program.held)
    called = step(program.Holding.__call__, "self.function(")
    assert steps(chain) == [START, called, step(program.held.function, "host.inner")]


def test_the_call_of_a_module_s_own_class_hands_on() -> None:
    class Layer(nn.Identity):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs)

    layer = Layer()
    with tracelab.trace(chain=True) as trace:
        Host(lambda host, x: layer(x))(X)
    chain = trace.find("Layer.forward")[0].chain()
    assert [link.function.rpartition(".")[2] for link in chain.links] == ["<lambda>"]
    assert noise(chain) == [("machinery", Layer.__call__.__qualname__)]


def test_a_lambda_called_from_c() -> None:
    line = line_of(program.reduced, "functools.reduce")
    assert steps(chain_of(program.reduced)) == [
        START,
        ("reduced", line),
        ("reduced.<locals>.<lambda>", line),
    ]


def test_a_checkpoint_and_what_backward_runs_again() -> None:
    with tracelab.trace(chain=True) as trace:
        x = torch.ones(2, requires_grad=True)
        checked = Host(program.again)
        first = torch.utils.checkpoint.checkpoint(checked.helper, x * 2, use_reentrant=False)
        (first * first).sum().backward()
    forward, *recomputed = [call.chain() for call in trace.find("Identity.forward")]
    here = test_a_checkpoint_and_what_backward_runs_again.__name__
    assert [link.function for link in forward.links[-3:]] == [here, "checkpoint", "Host.helper"]
    # The engine calls Python in the thread that called backward: its frames stand below those of the host.
    for chain in recomputed:
        assert [link.function for link in chain.links][-1] == "Host.helper"
        assert here in [link.function for link in (*chain.links, *chain.frames)]


# --- no call above --------------------------------------------------------------------------------------


def test_a_call_without_a_parent_goes_back_to_the_beginning() -> None:
    def run() -> None:
        nn.Identity()(X)

    with tracelab.trace(chain=True) as trace:
        run()  # here
    (call,) = trace.roots
    chain = call.chain()
    assert chain.start is None
    mine = test_a_call_without_a_parent_goes_back_to_the_beginning
    assert steps(chain)[-2:] == [
        (mine.__name__, line_of(mine, "run()  # " + "here")),
        (f"{mine.__name__}.<locals>.run", line_of(mine, "nn.Identity()" + "(X)")),
    ]
    assert chain.cut == (len(chain.frames) == chains.FROM_OUTSIDE)


def test_of_a_deep_stack_the_nearest_frames_are_kept() -> None:
    def deep(more: int) -> None:
        nn.Identity()(X) if not more else deep(more - 1)

    with tracelab.trace(chain=True) as trace:
        deep(100)
    chain = trace.roots[0].chain()
    assert chain.cut
    assert len(chain.frames) == chains.FROM_OUTSIDE == 64
    assert {link.function.rpartition(".")[2] for link in chain.links} == {"deep"}


def test_between_two_calls_more_frames_are_kept_but_not_all() -> None:
    # recursive(more=n) has n + 1 frames; above them stands the host's forward and torch's two frames.
    inside = chain_of(lambda host, x: program.recursive(host, x, 200))
    assert (len(inside.links), inside.cut) == (1 + 201, False)
    assert inside.start is not None
    beyond = chain_of(lambda host, x: program.recursive(host, x, 400))
    assert (len(beyond.frames), beyond.cut, beyond.start) == (chains.BETWEEN, True, None)


def test_a_thread_begins_its_own_chain() -> None:
    with tracelab.trace(chain=True) as trace:
        Host(program.threaded)(X)
    (call,) = trace.find("Identity.forward")
    assert call.parent is None
    assert steps(call.chain()) == [HELPER]
    assert {why for why, _ in noise(call.chain())} == {"machinery"}  # threading's own


def test_a_module_as_the_target_of_a_thread_was_called_by_no_function() -> None:
    with tracelab.trace(chain=True) as trace:
        thread = threading.Thread(target=nn.Identity(), args=(X,))
        thread.start()
        thread.join()
    chain = trace.roots[0].chain()
    assert (chain.start, chain.links) == (None, ())
    assert str(chain).startswith("no function between (+3 hidden)")


# --- other recordings -----------------------------------------------------------------------------------


def test_a_followed_root_shows_the_calls_above_it_that_are_not_recorded() -> None:
    host = Host(program.method)
    with tracelab.trace(host.inner, chain=True) as trace:
        host(X)
    (call,) = trace.calls
    assert steps(call.chain())[-3:] == [START, by("method", "host.helper"), HELPER]
    assert "ours" in [
        why for why, _ in noise(call.chain())
    ]  # the wrapper of the host, which recorded nothing


def test_nested_traces_keep_the_same_chain_and_only_those_that_asked() -> None:
    host = Host(program.method)
    with tracelab.trace(chain=True) as one, tracelab.trace() as none, tracelab.trace(chain=True) as two:
        host(X)
    chains_of_one = [str(call.chain()) for call in one.calls]
    assert chains_of_one == [str(call.chain()) for call in two.calls]
    assert [call.chain().known for call in none.calls] == [False, False]
    assert "not kept" in str(none.calls[0].chain())
    assert all("chain" not in call.facts for call in none.calls)


def test_a_call_after_one_that_failed_has_the_right_start() -> None:
    class Failing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError

    def way(host: Host, x: torch.Tensor) -> None:
        try:
            Failing()(x)
        except ValueError:
            host.inner(x)

    chain = chain_of(way)
    assert steps(chain) == [START, (way.__qualname__, line_of(way, "host.inner"))]


def test_limits_of_calls_and_depth_do_not_move_a_start() -> None:
    with tracelab.trace(chain=True, depth=2) as trace:
        Host(lambda host, x: Host(program.plain)(x))(X)
    assert [call.name for call in trace.calls] == ["Host.forward", "Host.forward"]
    start = trace.calls[1].chain().start
    assert start is not None
    assert (start.function, start.line) == START


# --- bounds, and nothing kept ---------------------------------------------------------------------------


def test_equal_chains_are_stored_once() -> None:
    with tracelab.trace(chain=True) as trace:
        host = Host(program.plain)
        for _ in range(50):
            host(X)
    kept = [trace.columns.facts[call.id]["chain"] for call in trace.calls]
    assert len(kept) == 100
    assert len({id(chain) for chain in kept}) == 2


def test_too_many_different_chains_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "MOST", 3)
    with tracelab.trace(chain=True) as trace:
        for more in range(10):
            Host(lambda host, x: program.recursive(host, x, more))(X)  # noqa: B023
    known = [call.chain().known for call in trace.calls]
    # One for the hosts, two for the first two inner modules; the other eight have none.
    assert known.count(True) == 10 + 2
    assert trace.meta["chains_lost"] == 8


def test_no_frame_and_no_value_is_kept() -> None:
    class Value:
        """Something that can be referred to weakly."""

    held: list[weakref.ref[Value]] = []

    def way(host: Host, x: torch.Tensor) -> None:
        value = Value()
        held.append(weakref.ref(value))
        host.inner(x)
        del value
        assert held[-1]() is None  # while the frame still runs

    gc.disable()
    try:
        chain_of(way)
    finally:
        gc.enable()
    assert held[0]() is None


@pytest.mark.internal_errors
def test_a_fault_of_ours_is_counted_and_the_program_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(chains, "role_of", broken)
    with tracelab.trace(chain=True) as trace:
        assert Host(program.plain)(X) is X
    assert trace.recorded == 2
    assert trace.internal_errors == 2  # one for each call
    assert not any(call.chain().known for call in trace.calls)


def test_our_decorator_is_ours_and_the_function_that_calls_is_seen() -> None:
    @tracelab.trace(chain=True)
    def run() -> None:
        nn.Identity()(X)

    run()  # decorated
    mine = test_our_decorator_is_ours_and_the_function_that_calls_is_seen
    chain = run.trace.roots[0].chain()  # type: ignore[attr-defined]
    assert [link.function for link in chain.links[-2:]] == [mine.__name__, run.__qualname__]
    assert chain.links[-2].line == line_of(mine, "# " + "decorated")
    assert noise(chain)[-1] == ("ours", "decorated.<locals>.plain")
