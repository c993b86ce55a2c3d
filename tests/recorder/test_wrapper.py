"""The wrapper from the host's side: the same results, errors, tracebacks, warnings and signatures."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import inspect
import pickle
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.recorder import Recorder, Target, active, wrap

from ..models import ZOO

X = torch.ones(1, 2)


class Model(nn.Module):
    """A torch model with a `generate` of its own, which warns its caller."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.fails = fails

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.fails:
            raise LookupError("in forward")
        return self.linear(x)

    def generate(self, x: torch.Tensor, *, steps: int = 2) -> torch.Tensor:
        """Runs the model several times."""
        warnings.warn("generate is old", DeprecationWarning, stacklevel=2)
        for _ in range(steps):
            x = self(x)
        return x


class Lazy(nn.Module):
    """Generates in the three ways that give no result at once."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)


class Coroutine(Lazy):
    async def generate(self) -> int:
        self.linear(X)
        return 1


class Generator(Lazy):
    def generate(self) -> Iterator[int]:
        self.linear(X)
        yield 1


class AsyncGenerator(Lazy):
    async def generate(self) -> AsyncIterator[int]:
        self.linear(X)
        yield 1


def traced_or_not(act: Callable[[], Any]) -> list[Any]:
    """What `act` gives without a trace, within one, and within two."""
    plain = act()
    with tracelab.trace():
        once = act()
        with tracelab.trace():
            twice = act()
    return [plain, once, twice]


# --- results ----------------------------------------------------------------------------------------


def test_the_very_output_object_is_returned() -> None:
    class Same(nn.Module):
        def forward(self, value: Any) -> Any:
            return value

    given = {"x": X, "list": [X]}
    with tracelab.trace():
        assert Same()(given) is given


def test_the_model_carries_no_mark_during_or_after() -> None:
    model = ZOO["llama"].build()
    before = {name: dict(vars(module)) for name, module in model.named_modules()}
    keys = list(model.state_dict())
    pickled = pickle.dumps(model)
    with tracelab.trace():
        model(**ZOO["llama"].inputs())
        assert pickle.dumps(model) == pickled
        copied = copy.deepcopy(model)
    for one in (model, copied):
        assert list(one.state_dict()) == keys
        for name, module in one.named_modules():
            assert list(vars(module)) == list(before[name]), name
            for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks"):
                assert not vars(module)[hooks], name
    assert all(vars(m)[k] is v for n, m in model.named_modules() for k, v in before[n].items())


# --- what the host can ask of a patched function ----------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda: nn.Module.__call__,
        lambda: Model.generate,
        lambda: Model().generate,
        lambda: type(ZOO["llama"].build()).generate,
        lambda: ZOO["llama"].build().prepare_inputs_for_generation,
        lambda: ZOO["llama"].build().forward,
    ],
)
def test_signatures_names_and_docs(function: Callable[[], Any]) -> None:
    def act() -> tuple[Any, ...]:
        f = function()
        return inspect.signature(f), f.__name__, f.__qualname__, f.__doc__, f.__module__, inspect.unwrap(f)

    plain, once, twice = traced_or_not(act)
    assert plain[:-1] == once[:-1] == twice[:-1]
    assert getattr(plain[-1], "__code__", 0) is getattr(once[-1], "__code__", 1)


@pytest.mark.parametrize(
    ("kind", "question"),
    [
        (Coroutine, inspect.iscoroutinefunction),
        (Coroutine, asyncio.iscoroutinefunction),
        (Generator, inspect.isgeneratorfunction),
        (AsyncGenerator, inspect.isasyncgenfunction),
    ],
)
def test_lazy_functions_are_still_seen_as_such(kind: type, question: Callable[[Any], bool]) -> None:
    """Web servers and test frameworks decide by this whether to await."""
    assert traced_or_not(lambda: question(kind().generate)) == [True, True, True]


def test_lazy_functions_still_work() -> None:
    async def collect() -> list[int]:
        return [await Coroutine().generate(), *[number async for number in AsyncGenerator().generate()]]

    assert (
        traced_or_not(lambda: (asyncio.run(collect()), list(Generator().generate()))) == [([1, 1], [1])] * 3
    )


def test_forward_is_never_replaced() -> None:
    model = ZOO["llama"].build()
    before = {cls: vars(cls)["forward"] for cls in map(type, model.modules()) if "forward" in vars(cls)}
    with tracelab.trace():
        model(**ZOO["llama"].inputs())
        assert all(vars(cls)["forward"] is forward for cls, forward in before.items())


# --- warnings ---------------------------------------------------------------------------------------


def test_a_warning_points_at_the_same_line() -> None:
    """`stacklevel=2` means the caller; with our frame between them it must not mean us."""
    model = Model()

    def act() -> list[tuple[str, int]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.generate(X)
        return [(warning.filename, warning.lineno) for warning in caught]

    plain, once, twice = traced_or_not(act)
    assert plain[0][0] == __file__
    assert once == plain
    assert twice == plain


def test_a_trace_warns_of_nothing() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with tracelab.trace():
            ZOO["llama"].build().generate(**ZOO["llama"].generate_arguments())
    assert [str(warning.message) for warning in caught] == []


# --- errors -----------------------------------------------------------------------------------------


def entries(act: Callable[[], Any]) -> list[tuple[str, int | None, str]]:
    """File, line and function of each entry of the traceback that `act` ends in."""
    with pytest.raises(LookupError) as caught:
        act()
    found = traceback.extract_tb(caught.value.__traceback__)
    return [(entry.filename, entry.lineno, entry.name) for entry in found]


FAILING = nn.Sequential(nn.Sequential(Model(fails=True)))


@pytest.mark.parametrize(
    ("roots", "options", "recorded"),
    [
        # Two runs of three modules.
        ((), {}, 6),
        ((), {"depth": 1}, 2),
        ((), {"limit": 0}, 0),
        ((nn.Linear(1, 1),), {}, 0),
    ],
    ids=["recorded", "too deep", "over the limit", "not followed"],
)
def test_a_traceback_has_no_line_of_ours(roots: Any, options: dict[str, Any], recorded: int) -> None:
    def act() -> None:
        FAILING(X)

    plain = entries(act)
    with tracelab.trace(*roots, **options) as trace:
        assert entries(act) == plain
        with tracelab.trace(*roots, **options):
            assert entries(act) == plain
    assert trace.recorded == recorded


def test_a_traceback_after_the_trace_through_a_captured_wrapper() -> None:
    model = Model(fails=True)
    plain = entries(lambda: model(X))
    with tracelab.trace():
        captured = model.__call__

    assert [entry[2] for entry in entries(lambda: captured(X))] == [entry[2] for entry in plain]


def test_cause_context_and_notes_are_untouched() -> None:
    class Chained(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            try:
                raise KeyError("first")
            except KeyError as first:
                error = LookupError("second")
                error.add_note("a note")
                raise error from first

    with tracelab.trace() as trace, pytest.raises(LookupError) as caught:
        nn.Sequential(Chained())(X)
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.__context__ is caught.value.__cause__
    assert caught.value.__cause__.__context__ is None
    assert caught.value.__notes__ == ["a note"]
    assert [call.error for call in trace.calls] == ["LookupError", "LookupError"]


def test_a_raised_error_that_the_host_handles_is_an_error_of_that_call_only() -> None:
    class Handling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Model(fails=True)
            self.after = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with contextlib.suppress(LookupError):
                self.inner(x)
            return self.after(x)

    with tracelab.trace() as trace:
        Handling()(X)
    assert [(call.path, call.status, call.parent and call.parent.path) for call in trace.calls] == [
        ("", "ok", None),
        ("inner", "error", ""),
        ("after", "ok", ""),
    ]
    assert trace.calls[1].output is None


# --- pass through -----------------------------------------------------------------------------------


class Locator:
    def locate(self, target: Target, it: Any) -> Any:
        raise AssertionError("asked although nothing is active")


def test_a_wrapper_is_inert_while_nothing_is_active() -> None:
    target = Target("method", "go", lambda self, x: x + 1, Model)
    assert wrap(target)(None, 1) == 2
    assert active.recorders == ()


def test_a_captured_wrapper_records_nothing_after_the_trace() -> None:
    model = Model()
    with tracelab.trace() as trace:
        captured = model.__call__
        generate = model.generate
    assert trace.recorded == 0
    assert torch.equal(captured(X), model(X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generate(X)
    assert trace.recorded == 0


def test_a_foreign_patch_on_top_stays_and_the_wrapper_below_is_inert(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    genuine = nn.Module.__call__
    seen: list[str] = []
    with tracelab.trace() as trace:
        ours = nn.Module.__call__

        def foreign(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
            seen.append(type(self).__name__)
            return ours(self, *args, **kwargs)

        nn.Module.__call__ = foreign
        Model()(X)
    try:
        assert nn.Module.__call__ is foreign
        Model()(X)
        assert seen == ["Model", "Linear"] * 2
        assert [call.name for call in trace.calls] == ["Model.forward", "Linear.forward"]
    finally:
        nn.Module.__call__ = genuine


def test_a_second_trace_above_a_foreign_patch_counts_each_call_once() -> None:
    """Our first wrapper still stands below the foreign patch: it must not wake up beside the second."""
    genuine = nn.Module.__call__
    with tracelab.trace():
        ours = nn.Module.__call__
        nn.Module.__call__ = lambda self, *args, **kwargs: ours(self, *args, **kwargs)
    try:
        with tracelab.trace() as trace:
            Model()(X)
        assert [call.name for call in trace.calls] == ["Model.forward", "Linear.forward"]
    finally:
        nn.Module.__call__ = genuine


def test_a_host_that_puts_our_wrapper_back_after_the_trace_is_not_counted_twice() -> None:
    """`mock.patch` started within a trace and stopped after it restores what it found: our wrapper."""
    genuine = nn.Module.__call__
    with tracelab.trace():
        found = nn.Module.__call__
    nn.Module.__call__ = found
    try:
        with tracelab.trace() as trace:
            Model()(X)
        assert [call.name for call in trace.calls] == ["Model.forward", "Linear.forward"]
    finally:
        nn.Module.__call__ = genuine


def test_nested_traces_are_both_complete() -> None:
    model = Model()
    with tracelab.trace() as outer:
        model(X)
        with tracelab.trace() as inner:
            model(X)
        model(X)
    names = ["Model.forward", "Linear.forward"]
    assert [call.name for call in outer.calls] == names * 3
    assert [call.name for call in inner.calls] == names
    for trace in (outer, inner):
        assert [call.parent is None for call in trace.calls] == [True, False] * (len(trace.calls) // 2)
        assert trace.complete


def test_the_interface_of_a_recorder_alone() -> None:
    """Without torch: a target, a locator and a wrapper are enough."""
    from tracelab.describe import Describer
    from tracelab.events import Site
    from tracelab.fold import fold

    class Here:
        everything = True

        def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
            return Site(target.kind, type(it).__name__, "?", target.function, parameters=("x",)), True

    class Plain:
        def double(self, x: int) -> int:
            return 2 * x

    recorder = Recorder(Here(), Describer(values=True))
    double = wrap(Target("method", "double", Plain.double, Plain))
    active.activate(recorder)
    try:
        assert double(Plain(), 21) == 42
    finally:
        assert active.deactivate(recorder)
    columns = fold(recorder.recording({}), 0)
    assert len(columns) == 1
    assert [spec.value for spec in columns.specs] == [21, 42]
