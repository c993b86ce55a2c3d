"""Describing a value runs no code of the host, whatever the value is, and ends soon in little memory.

A value here counts each piece of its code that runs, lies about what it is, waits for ever when it is asked,
or is larger, deeper or stranger than anything that a program should pass: see `attacks.zoo`,
`attacks.tensors` and `attacks.modules`.  Each is passed through a trace in every mode, until it is learnt.
"""

from __future__ import annotations

import sys
import threading
import time
import tracemalloc
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, NonCallableMock

import numpy as np
import pytest
import torch
from torch import nn

import tracelab
from tracelab.describe import Describer
from tracelab.values import CacheSpec, ContainerSpec, ObjectSpec, TensorSpec

from ..attacks import zoo
from ..attacks.modules import MODULES
from ..attacks.tensors import TENSORS, distributed, jagged
from ..attacks.vast import VAST
from ..attacks.zoo import HOSTILE
from ..describe.described import MODES, described
from ..models import ZOO
from .figures import Figures

TRACES: list[dict[str, Any]] = [
    *MODES,
    {"shapes": False},
    {"limit": 3},
    {"depth": 1},
    {"times": "summary"},
    {"source": "*"},
]


class Passing(nn.Module):
    """Gives back what it was given."""

    def forward(self, value: Any, **named: Any) -> Any:
        return value


def pass_through(module: nn.Module, value: Any) -> int:
    """Call `module` with a value in every wrapping, often enough for readers to be made; how many calls."""
    wrapped = [value, (value,), [value], {"key": value}, OrderedDict(key=value), ((value, 1), None)]
    for one in wrapped:
        for _ in range(3):
            assert module(one) is one
            assert module(one, named=value, other=one) is one
    return 6 * len(wrapped)


# --- nothing is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_the_class_runs(kind: str, options: dict[str, bool], figures: Figures) -> None:
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
    figures("hostile values described")


@pytest.mark.parametrize("options", TRACES, ids=str)
def test_a_whole_trace_asks_hostile_values_nothing(
    options: dict[str, Any], tmp_path: Path, figures: Figures
) -> None:
    module, calls = Passing(), 0
    with tracelab.trace(**options, file=tmp_path / "run.jsonl") as trace:
        for make in HOSTILE.values():
            value = make()
            zoo.calls.clear()
            calls += pass_through(module, value)
            assert zoo.calls == []
    zoo.calls.clear()
    text = str(trace)
    trace.save(tmp_path / "run.json")
    assert (zoo.calls, trace.internal_errors, trace.recorded + trace.dropped) == ([], 0, calls)
    if not trace.dropped:
        assert str(tracelab.load(tmp_path / "run.jsonl")) == str(tracelab.load(tmp_path / "run.json")) == text
    figures("calls with hostile values traced", calls)


def test_values_that_block_are_not_waited_for() -> None:
    """Whatever they run waits for a lock that is held: a tracer that asks anything never comes back."""
    values, module = [make() for make in HOSTILE.values()], Passing()

    def work() -> None:
        with tracelab.trace(values=True, stats=True) as trace:
            for value in values:
                pass_through(module, value)
        str(trace)

    thread = threading.Thread(target=work, daemon=True)
    with zoo.held:
        thread.start()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_real_model_hands_hostile_keywords_on(kind: str) -> None:
    model = ZOO["llama"].build()
    value = HOSTILE[kind]()
    ids = torch.arange(4)[None]
    zoo.calls.clear()
    model(ids, hostile=value)
    untraced = list(zoo.calls)
    with tracelab.trace(values=True) as trace:
        zoo.calls.clear()
        for _ in range(3):
            model(ids, hostile=value)
        assert zoo.calls == untraced * 3
    assert trace.internal_errors == 0


def test_keywords_that_answer_for_themselves_are_read_as_texts() -> None:
    describer, names = Describer(), zoo.keyed(dict, [zoo.Text("x")])
    zoo.calls.clear()
    assert describer.signature((), {"x": 1}) == describer.signature((), names)
    assert zoo.calls == []


@pytest.mark.parametrize("followed", [False, True])
@pytest.mark.parametrize("kind", MODULES)
def test_a_hostile_module_is_asked_no_more_than_by_torch(kind: str, followed: bool) -> None:
    module = MODULES[kind]()
    module(1)
    zoo.calls.clear()
    module(1)
    own = list(zoo.calls)
    with tracelab.trace(*[module] * followed) as trace:
        for _ in range(3):
            zoo.calls.clear()
            module(1)
            assert sorted(zoo.calls) == sorted(own)
        zoo.calls.clear()
    str(trace)
    assert zoo.calls == []
    assert trace.find("*.forward")[0].path == ""


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


def test_hostile_layers_of_a_cache() -> None:
    from transformers.cache_utils import DynamicCache, DynamicLayer

    caches = [DynamicCache(), DynamicCache(), DynamicCache()]
    layers: list[Any] = [DynamicLayer(), HOSTILE["object"](), DynamicLayer()]
    layers[0].keys, layers[0].is_initialized = HOSTILE["object"](), HOSTILE["object"]()
    layers[2].keys, layers[2].is_initialized = HOSTILE["sizes to be asked for"](), True
    zoo.calls.clear()
    for cache, layer in zip(caches, layers, strict=True):
        cache.layers.append(layer)
        spec = described(cache)
        assert isinstance(spec, CacheSpec)
        assert spec.layers == 1
    assert zoo.calls == []


# --- nothing that lies is believed ------------------------------------------------------------------


def test_what_lies_about_itself_is_known_by_what_it_is() -> None:
    lies: dict[str, Any] = {"shape": (7, 7), "dtype": "float99", "__class__": torch.Tensor, "ndim": 9}
    lying = type("Lying", (torch.Tensor,), {name: property(lambda _, x=lie: x) for name, lie in lies.items()})
    tensor = torch.Tensor._make_subclass(lying, torch.ones(2, 3))
    long = type("Long", (list,), {"__len__": lambda _: 10**18})([1])
    other = type("Other", (), {"__class__": property(lambda _: dict), "__len__": lambda _: 1})()
    fields = namedtuple("fields", "a b")(1, 2)
    type(fields)._fields = ("a", "b", "c")  # type: ignore[misc, assignment]
    assert str(described(tensor)) == "Lying:f32[2,3]"
    assert str(described(long)) == "Long(int)"
    assert described(other) == ObjectSpec("Other")
    assert str(described(fields)) == "fields(int, int)"


@pytest.mark.parametrize(
    "mock",
    [MagicMock(spec=torch.Tensor), MagicMock(), NonCallableMock(spec=nn.Parameter), MagicMock(spec=dict)],
    ids=lambda mock: type(mock).__name__,
)
def test_a_mock_is_a_mock(mock: Any) -> None:
    with tracelab.trace(values=True, stats=True) as trace:
        pass_through(Passing(), mock)
    assert isinstance(trace.calls[0].output, ObjectSpec)
    assert trace.calls[0].output.type.endswith("Mock")
    assert (mock.method_calls, mock.mock_calls, trace.internal_errors) == ([], [], 0)


def test_classes_that_only_claim_a_famous_name() -> None:
    for name, module in (("Tensor", "torch"), ("ndarray", "numpy"), ("Cache", "transformers.cache_utils")):
        spec = described(type(name, (), {"__module__": module})())
        assert "shape" not in str(spec)
        assert not isinstance(spec, TensorSpec)


# --- every kind of tensor ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Sparse .* support is in beta:UserWarning")
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
@pytest.mark.parametrize("options", MODES, ids=str)
def test_tensors_of_every_kind(options: dict[str, Any], figures: Figures) -> None:
    module, seen = Passing(), {}
    with tracelab.trace(**options) as trace:
        for kind, (make, text) in {**TENSORS, "jagged": (jagged, "NestedTensor:f32[2,j1,3]")}.items():
            value, began = make(), time.perf_counter()
            pass_through(module, value)
            assert time.perf_counter() - began < 5
            seen[kind] = (str(described(value, **options)), text)
    assert trace.internal_errors == 0
    for kind, (found, text) in seen.items():
        symbol = found.partition("j")[2].partition(",")[0]  # torch counts its jagged sizes
        assert found.replace(f"j{symbol},", "j1,") == text, kind
    figures("kinds of tensors described", len(seen))


def test_a_distributed_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # torch puts in one of its own
    with distributed() as value:
        for options in MODES:
            assert str(described(value, **options)) == "DTensor:f32[4,3]"


def test_images() -> None:
    image = pytest.importorskip("PIL.Image").new("RGB", (4000, 4000))
    assert {described(image, **options) for options in MODES} == {ObjectSpec("Image")}


def test_arrays_of_anything() -> None:
    objects = np.empty(2, dtype=object)
    objects[0] = HOSTILE["object"]()
    records = np.zeros(2, [(f"field {n}", "i4") for n in range(5000)])
    zoo.calls.clear()
    for options in MODES:
        assert str(described(objects, **options)) == "ndarray:object[2]"
        assert str(described(np.ma.masked_array([1.0], [True]), **options)) == "MaskedArray:f64[1]"
        assert str(described(records, **options)) == "ndarray:void160000[2]"  # 5000 numbers of 32 bits
    assert zoo.calls == []


# --- size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("kind", VAST)
def test_what_is_kept_of_a_vast_value_is_small_and_soon_there(kind: str, options: dict[str, Any]) -> None:
    value = VAST[kind]()
    tracemalloc.start()
    began = time.process_time()
    try:
        spec = described(value, **options)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 1
    assert len(str(spec)) < 40_000
