"""What is kept from trace to trace is never what is wrong by now, and keeps no class of the user's alive."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel

import tracelab
from tracelab.calls import Trace
from tracelab.instruments import kept
from tracelab.recorder import Target

from ..models import ZOO

X = torch.ones(1, 2)


def names(act: Callable[[], Any]) -> list[str]:
    """The calls of one trace."""
    with tracelab.trace() as trace:
        act()
    assert trace.complete
    return [call.name for call in trace.calls]


def go(self: Any, x: torch.Tensor) -> Any:
    return self(x)


def twice(self: Any, x: torch.Tensor) -> Any:
    return self(self(x))


def fresh(**attributes: Any) -> nn.Module:
    """A module of a class of its own."""

    class Fresh(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    for name, value in attributes.items():
        setattr(Fresh, name, value)
    return Fresh()


# --- classes that change between traces -------------------------------------------------------------


def test_a_class_gets_a_method_between_two_traces() -> None:
    model: Any = fresh()
    assert names(lambda: model(X)) == ["Fresh.forward"]
    type(model).generate = go
    assert names(lambda: model.generate(X)) == ["Fresh.generate", "Fresh.forward"]
    type(model).generate = twice
    assert names(lambda: model.generate(X)) == ["Fresh.generate", "Fresh.forward", "Fresh.forward"]
    del type(model).generate
    assert names(lambda: model(X)) == ["Fresh.forward"]
    type(model).generate = go
    assert names(lambda: model.generate(X)) == ["Fresh.generate", "Fresh.forward"]


@pytest.mark.parametrize("placeholder", [None, 3, property(lambda self: None), mock.Mock()], ids=type)
def test_a_placeholder_becomes_a_method(placeholder: Any) -> None:
    """The class has no attribute more than before."""
    model: Any = fresh(generate=placeholder)
    assert names(lambda: model(X)) == ["Fresh.forward"]
    type(model).generate = go
    assert names(lambda: model.generate(X)) == ["Fresh.generate", "Fresh.forward"]


def test_a_class_above_gets_the_method() -> None:
    class Heir(type(fresh())):  # type: ignore[misc]
        pass

    model = Heir()
    assert names(lambda: model(X)) == ["Heir.forward"]
    Heir.__mro__[1].generate = go
    assert names(lambda: model.generate(X)) == ["Heir.generate", "Heir.forward"]


def test_another_class_at_the_same_address_is_not_taken_for_the_last() -> None:
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    for at in range(30):
        model: Any = fresh(**({"generate": go} if at % 2 else {}))
        expected = ["Fresh.generate", "Fresh.forward"] if at % 2 else ["Fresh.forward"]
        assert names(lambda one=model: getattr(one, "generate", one)(X)) == expected
        del model
        gc.collect()
    gc.unfreeze()


# --- the library's classes --------------------------------------------------------------------------


@pytest.fixture
def llama() -> Iterator[Any]:
    before = {name: value for name, value in vars(GenerationMixin).items() if callable(value)}
    yield ZOO["llama"].build()
    assert all(vars(GenerationMixin)[name] is value for name, value in before.items())


ARGUMENTS = ZOO["llama"].generate_arguments()


def modules_of(calls: list[str]) -> int:
    return sum(name.endswith(".forward") for name in calls)


def test_the_same_wrapper_stands_in_each_trace(llama: Any) -> None:
    found = []
    for _ in range(3):
        with tracelab.trace():
            found.append((GenerationMixin.generate, nn.Module.__call__))
    assert found[0] == found[1] == found[2]
    assert GenerationMixin.generate is not found[0][0]


def test_somebody_patches_a_library_class_between_two_traces(llama: Any) -> None:
    """The patch runs, each call is recorded once, and the patch is what stands there afterwards."""
    usual = names(lambda: llama.generate(**ARGUMENTS))
    genuine, seen = GenerationMixin.generate, []

    def patched(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append("patched")
        return genuine(self, *args, **kwargs)

    with mock.patch.object(GenerationMixin, "generate", patched):
        assert names(lambda: llama.generate(**ARGUMENTS)) == usual
        assert GenerationMixin.generate is patched
        assert names(lambda: llama.generate(**ARGUMENTS)) == usual
    assert seen == ["patched"] * 2
    assert GenerationMixin.generate is genuine
    assert names(lambda: llama.generate(**ARGUMENTS)) == usual
    assert seen == ["patched"] * 2


def test_somebody_patches_during_a_trace_and_takes_it_back_in_the_next(llama: Any) -> None:
    """`mock.patch` remembers our wrapper as what it found, and puts it back while the next trace runs."""
    usual = names(lambda: llama.generate(**ARGUMENTS))
    genuine, ours = GenerationMixin.generate, []
    patch = mock.patch.object(
        GenerationMixin, "generate", lambda self, *args, **kwargs: ours[0](self, *args, **kwargs)
    )
    try:
        with tracelab.trace() as first:
            ours.append(GenerationMixin.generate)
            patch.start()
            llama.generate(**ARGUMENTS)
        with tracelab.trace() as second:
            llama.generate(**ARGUMENTS)
            patch.stop()
            llama.generate(**ARGUMENTS)
        third = names(lambda: llama.generate(**ARGUMENTS))
    finally:
        GenerationMixin.generate = genuine
    assert [call.name for call in first.calls] == usual
    # What was put back is the wrapper of the first trace, which is out of use: its call is not seen, but
    # nothing is counted twice.
    assert [call.name for call in second.calls if call.kind == "module"] == [
        name for name in usual if name.endswith(".forward")
    ] * 2
    assert second.count("*.generate") in (1, 2)
    assert third.count("LlamaForCausalLM.generate") == 1
    assert names(lambda: llama.generate(**ARGUMENTS)) == usual


def test_a_wrapper_captured_in_one_trace_and_called_in_the_next(llama: Any) -> None:
    with tracelab.trace() as first:
        generate, call = llama.generate, llama.__call__
    assert first.recorded == 0
    usual = names(lambda: llama.generate(**ARGUMENTS))
    captured = names(lambda: generate(**ARGUMENTS))
    # Once each, whether or not the first frame counts.
    assert captured in (usual, usual[1:])
    assert modules_of(names(lambda: call(**ZOO["llama"].inputs()))) == ZOO["llama"].calls
    before = tracelab.trace()
    generate(**ARGUMENTS)
    with before as empty:
        pass
    assert empty.recorded == 0


def test_a_subclass_that_captured_a_wrapper(llama: Any) -> None:
    """`Model.generate = patched(Base.generate)` written within a trace keeps our wrapper below."""
    with tracelab.trace():
        ours = GenerationMixin.generate

    class Own(type(llama)):  # type: ignore[misc]
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            return ours(self, *args, **kwargs)

    model = Own(llama.config).eval()
    for _ in range(2):
        found = names(lambda: model.generate(**ARGUMENTS))
        assert found.count("Own.generate") in (1, 2)
        assert modules_of(found) == ZOO["llama"].generation.calls  # type: ignore[union-attr]


def test_one_trace_within_another_and_after_it(llama: Any) -> None:
    usual = names(lambda: llama.generate(**ARGUMENTS))
    with tracelab.trace() as outer:
        assert names(lambda: llama.generate(**ARGUMENTS)) == usual
        llama.generate(**ARGUMENTS)
    assert [call.name for call in outer.calls] == usual * 2
    assert names(lambda: llama.generate(**ARGUMENTS)) == usual


# --- what is kept at all ----------------------------------------------------------------------------


def test_only_wrappers_of_library_classes_are_kept() -> None:
    """A class with the name and module of a library's, but which does not stand there, is the user's."""
    look_alike = type("Linear", (nn.Module,), {"__module__": "torch.nn.modules.linear"})
    for cls, stays in [
        (nn.Module, True),
        (PreTrainedModel, True),
        (type(fresh()), False),
        (look_alike, False),
        (torch.fx.symbolic_trace(nn.Identity()).__class__, False),
    ]:
        assert kept._stays(cls) is stays, cls
        wrappers = kept.Wrappers()
        first = wrappers.made(Target("method", "go", go, cls, "go"))
        again = wrappers.again(cls, "go", go)
        assert (again is first) == stays
        assert wrappers.again(cls, "go", twice) is None


def traced_with_a_class_of_its_own() -> tuple[list[weakref.ref[Any]], Trace]:
    """Modules, arguments, outputs and mappings of classes that nothing else knows, in growing sizes."""

    class Argument:
        pass

    class Output(OrderedDict[str, Any]):
        pass

    class Own(nn.Module):
        def forward(self, x: torch.Tensor, *, more: Any) -> Any:
            return Output(logits=x)

        def generate(self, x: torch.Tensor) -> Any:
            return self(x, more=Argument())

    model = Own()
    with tracelab.trace() as trace:
        for n in range(1, 12):
            model.generate(torch.empty(1, n))
    assert trace.complete
    return [weakref.ref(cls) for cls in (Own, Output, Argument)], trace


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
def test_classes_of_the_user_die_after_the_trace(read: bool) -> None:
    watched, trace = traced_with_a_class_of_its_own()
    if read:
        assert trace.recorded == 22
    gc.collect()
    alive = [reference().__name__ for reference in watched if reference() is not None]
    assert alive == []
    shapes = [call.output["logits"].shape for call in trace.calls if call.kind == "module"]
    assert shapes == [(1, n) for n in range(1, 12)]
    assert {call.inputs["more"].type for call in trace.calls if call.kind == "module"} == {"Argument"}


def test_classes_of_the_user_die_with_the_trace() -> None:
    watched, trace = traced_with_a_class_of_its_own()
    del trace
    gc.collect()
    assert [reference() for reference in watched] == [None] * 3
