"""Describing a value runs no code of the value's class, never raises and ends."""

from __future__ import annotations

from typing import Any
from unittest.mock import MagicMock, NonCallableMock

import pytest
import torch
from torch import nn

import tracelab
from tracelab.describe import Describer
from tracelab.values import CacheSpec, ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec

from ..attacks import zoo
from ..attacks.zoo import HOSTILE

MODES: list[dict[str, bool]] = [{}, {"values": True}, {"stats": True}]


def described(value: Any, **options: bool) -> Spec:
    """What is kept of a value, as an argument of a call and as its result."""
    describer = Describer(**options)
    number = describer.see(value)
    signature = describer.signature((value,), {"named": value})
    specs = describer.specs()
    positional, ((name, named),) = describer.signatures()[signature]
    assert (name, specs[named], specs[positional[0]]) == ("named", specs[number], specs[number])
    return specs[number]


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_the_class_runs(kind: str, options: dict[str, bool]) -> None:
    value = HOSTILE[kind]()
    zoo.calls.clear()
    describer = Describer(**options)
    numbers = [describer.see(value), describer.see([value]), describer.see({"key": (value, value)})]
    describer.signature((value, value), {"x": value})
    describer.signature((value, value), {"x": value})
    specs = describer.specs()
    assert zoo.calls == []
    assert [type(specs[number]) for number in numbers[1:]] == [ContainerSpec, ContainerSpec]
    assert all(str(specs[number]) and "unreadable" not in str(specs[number]) for number in numbers)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_traced_call_asks_a_hostile_value_nothing(kind: str) -> None:
    class Passing(nn.Module):
        def forward(self, value: Any, *, named: Any) -> Any:
            return value

    value, passing = HOSTILE[kind](), Passing()
    with tracelab.trace() as trace:
        zoo.calls.clear()
        assert passing(value, named=value) is value
        assert passing(value, named=value) is value
        assert zoo.calls == []
    assert zoo.calls == []
    assert (trace.recorded, trace.internal_errors) == (2, 0)
    assert list(trace.calls[0].inputs) == ["value", "named"]


def test_a_hostile_exception_is_noted_by_its_type() -> None:
    error = zoo.make_error()

    class Raising(nn.Module):
        def forward(self) -> None:
            raise error

    with tracelab.trace(values=True) as trace:
        zoo.calls.clear()
        caught: BaseException | None = None
        try:
            Raising()()
        except BaseException as found:
            caught = found
        assert zoo.calls == []
    assert caught is error
    assert trace.calls[0].error == "HostileError: message"


class HostileModule(nn.Module):
    """A module whose class may not be asked for its length, truth, equality or hash."""

    __hash__ = zoo.note("module hash")
    __eq__ = zoo.note("module eq")
    __len__ = zoo.note("module len")
    __bool__ = zoo.note("module bool")
    __repr__ = zoo.note("module repr")

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()

    def __getattr__(self, name: str) -> Any:
        if name in ("inner",):
            return self.__dict__["_modules"][name]
        zoo.calls.append(f"module {name}")
        raise AttributeError(name)

    def forward(self, x: Any) -> Any:
        return self.__dict__["_modules"]["inner"](x)


@pytest.mark.parametrize("followed", [False, True])
def test_a_hostile_module_is_traced_without_being_asked(followed: bool) -> None:
    module = HostileModule()
    zoo.calls.clear()
    module(1)
    own = list(zoo.calls)  # what torch itself asks
    zoo.calls.clear()
    with tracelab.trace(*[module] * followed) as trace:
        module(1)
    assert zoo.calls == own
    assert [call.path for call in trace.calls] == ["", "inner"]


# --- known kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mock",
    [MagicMock(spec=torch.Tensor), MagicMock(), NonCallableMock(spec=torch.nn.Parameter)],
    ids=lambda mock: type(mock).__name__,
)
def test_a_mock_is_a_mock(mock: Any) -> None:
    spec = described(mock)
    assert isinstance(spec, ObjectSpec)
    assert spec.type.endswith("Mock")
    assert mock.method_calls == []


def test_hostile_layers_of_a_cache() -> None:
    from transformers.cache_utils import DynamicCache, DynamicLayer

    cache = DynamicCache()
    layer = DynamicLayer()
    layer.keys = HOSTILE["object"]()
    layer.is_initialized = HOSTILE["object"]()
    cache.layers.append(layer)
    other = DynamicCache()
    other.layers.append(HOSTILE["object"]())
    third = DynamicCache()
    held = DynamicLayer()
    held.keys, held.is_initialized = HOSTILE["tensor"](), True
    third.layers.append(held)
    zoo.calls.clear()
    for value in (cache, other, third):
        spec = described(value)
        assert isinstance(spec, CacheSpec)
        assert spec.layers == 1
    assert zoo.calls == []


def test_classes_that_only_claim_a_famous_name() -> None:
    body = {"__module__": "torch"}
    for name, module in (("Tensor", "torch"), ("ndarray", "numpy"), ("Cache", "transformers.cache_utils")):
        cls = type(name, (), body | {"__module__": module})
        spec = described(cls())
        assert "shape" not in str(spec)
        assert not isinstance(spec, TensorSpec)


def test_an_exception_as_a_class_attribute_dictionary() -> None:
    class NoDict:
        @property
        def __dict__(self) -> dict[str, Any]:
            zoo.calls.append("__dict__")
            raise RuntimeError

    zoo.calls.clear()
    assert described(NoDict()) == ObjectSpec("NoDict")
    assert zoo.calls == []


# --- sizes ------------------------------------------------------------------------------------------


def test_a_list_a_hundred_thousand_deep() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    spec = described(value)
    levels = 0
    while isinstance(spec, ContainerSpec) and spec.fields:
        spec, levels = spec[0], levels + 1
    assert levels == 6
    assert spec == ContainerSpec("list", (), 1)
    while value:  # taken apart level by level: the interpreter's own destructor would do it by recursion
        value = value[0]


def test_a_container_that_contains_itself() -> None:
    loop: dict[str, Any] = {}
    loop["loop"] = [loop]
    spec = described(loop)
    assert isinstance(spec, ContainerSpec)
    assert str(spec).count("loop") == 3  # six levels: three mappings and three lists


@pytest.mark.parametrize("options", MODES, ids=str)
def test_a_container_with_a_million_parts(options: dict[str, bool]) -> None:
    wide = [[0] * 1000] * 1000
    spec = described(wide, **options)
    assert isinstance(spec, ContainerSpec)
    assert spec.length == 1000
    assert len(spec.fields) == 64
    parts = sum(1 + len(inner.fields) for _, inner in spec.items() if isinstance(inner, ContainerSpec))
    assert parts <= 1024


@pytest.mark.parametrize("options", MODES, ids=str)
def test_a_text_of_fifty_megabytes(options: dict[str, bool]) -> None:
    text = "x" * 50_000_000
    spec = described(text, **options)
    assert isinstance(spec, ScalarSpec)
    assert spec.value == ("x" * 200 if options.get("values") else None)
    named = described({text: 1})
    assert len(str(named)) < 400


def test_a_number_with_ten_thousand_digits() -> None:
    spec = described(10**10_000, values=True)
    assert len(str(spec)) < 500


def test_texts_that_are_no_texts() -> None:
    for text in ("\ud800", "\x1b[31m", "\u202e", "a\nb"):
        spec = described(text, values=True)
        assert isinstance(spec, ScalarSpec)
        assert spec.value == text
