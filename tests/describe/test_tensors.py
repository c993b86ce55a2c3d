"""Tensors of every make: nested, sparse, quantised, fake, symbolic, lazy; statistics and small values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import tracelab
from tracelab.values import ScalarSpec, TensorSpec, TensorStats

from .described import MODES, described


def nested(layout: torch.layout) -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that nested tensors are a prototype
        return torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=layout)


def quantised() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(2, 3), 0.1, 0, torch.quint8)


def csr() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(3).to_sparse_csr()


def fake() -> torch.Tensor:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode() as mode:
        return mode.from_tensor(torch.ones(2, 3))


def inference() -> torch.Tensor:
    with torch.inference_mode():
        return torch.ones(2, 3)


MAKES: dict[str, tuple[Callable[[], Any], tuple[Any, ...], str]] = {
    "strided nested": (lambda: nested(torch.strided), ("?",), "float32"),
    "sparse": (lambda: torch.eye(3, dtype=torch.int64).to_sparse(), (3, 3), "int64"),
    "sparse floating": (lambda: torch.eye(3).to_sparse(), (3, 3), "float32"),
    "csr": (csr, (3, 3), "float32"),
    "quantised": (quantised, (2, 3), "quint8"),
    "meta": (lambda: torch.ones(2, 3, device="meta"), (2, 3), "float32"),
    "fake": (fake, (2, 3), "float32"),
    "inference": (inference, (2, 3), "float32"),
    "complex": (lambda: torch.ones(2, dtype=torch.complex64), (2,), "complex64"),
    "float8": (lambda: torch.ones(2).to(torch.float8_e4m3fn), (2,), "float8_e4m3fn"),
    "conjugate view": (lambda: torch.ones(2, dtype=torch.complex64).conj(), (2,), "complex64"),
    "expanded": (lambda: torch.ones(1).expand(10**9), (10**9,), "float32"),
    "uninitialised": (lambda: nn.UninitializedParameter(), ("?",), "float32"),
}


@pytest.mark.parametrize("options", MODES[:2], ids=str)
@pytest.mark.parametrize("make", MAKES)
def test_every_make_keeps_its_shape(make: str, options: dict[str, bool]) -> None:
    build, shape, dtype = MAKES[make]
    spec = described(build(), **options)
    assert isinstance(spec, TensorSpec), spec
    assert (spec.shape, spec.dtype) == (shape, dtype)


@pytest.mark.parametrize("make", [make for make in MAKES if make != "expanded"])
def test_every_make_keeps_its_shape_with_statistics(make: str) -> None:
    build, shape, dtype = MAKES[make]
    spec = described(build(), stats=True)
    assert isinstance(spec, TensorSpec), spec
    assert (spec.shape, spec.dtype) == (shape, dtype)


def test_a_jagged_tensor_shows_its_ragged_size_by_name() -> None:
    spec = described(nested(torch.jagged))
    assert isinstance(spec, TensorSpec)
    assert (spec.shape[0], spec.shape[2]) == (2, 4)
    assert isinstance(spec.shape[1], str)
    assert spec.shape[1].startswith("j")
    assert spec.type == "NestedTensor"


def test_a_subclass_is_named() -> None:
    class Marked(torch.Tensor):
        pass

    spec = described(torch.ones(2).as_subclass(Marked))
    assert str(spec) == "Marked:f32[2]"


def test_under_vmap_the_example_is_described() -> None:
    class Inner(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    model = Inner()
    for options in MODES:
        with tracelab.trace(**options) as trace:
            result = torch.vmap(model)(torch.ones(3, 2, 4))
        assert result.shape == (3, 2, 4)
        assert trace.internal_errors == 0
        assert trace.calls[0].inputs["x"].shape == (2, 4)


# --- modes of the host ------------------------------------------------------------------------------


class Functions(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(getattr(func, "__name__", str(func)))
        return func(*args, **(kwargs or {}))


class Dispatches(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("mode", [Functions, Dispatches])
def test_a_mode_of_the_host_sees_none_of_our_reads(mode: Any, options: dict[str, bool]) -> None:
    from transformers import StaticCache

    from ..models import ZOO

    model = ZOO["llama"].build()
    ids = ZOO["llama"].inputs()["input_ids"]

    def run() -> list[str]:
        cache = StaticCache(model.config, max_cache_len=8)
        with torch.no_grad(), mode() as active:
            model(ids, past_key_values=cache)
            model(ids[:, :1], past_key_values=cache)
        return active.seen

    expected = run()
    with tracelab.trace(**options) as trace:
        assert run() == expected
    assert trace.recorded == 2 * 32
    assert trace.internal_errors == 0


# --- statistics and values --------------------------------------------------------------------------


def test_statistics_by_hand() -> None:
    # finite: 1, 2, 3, 6; mean 12/4 = 3; variance (4 + 1 + 0 + 9)/4 = 3.5
    tensor = torch.tensor([1.0, 2.0, math.nan, 3.0, math.inf, -math.inf, 6.0])
    spec = described(tensor, stats=True)
    assert isinstance(spec, TensorSpec)
    assert spec.stats == TensorStats(1.0, 6.0, 3.0, pytest.approx(math.sqrt(3.5)), 1, 2)


@pytest.mark.parametrize(
    ("tensor", "stats"),
    [
        (torch.empty(0), TensorStats(None, None, None, None, 0, 0)),
        (torch.tensor([math.nan, math.nan]), TensorStats(None, None, None, None, 2, 0)),
        (torch.tensor([2.0]), TensorStats(2.0, 2.0, 2.0, 0.0, 0, 0)),
        (torch.tensor([1, 2]), None),
        (torch.tensor([True]), None),
    ],
)
def test_statistics_of_odd_tensors(tensor: torch.Tensor, stats: TensorStats | None) -> None:
    spec = described(tensor, stats=True)
    assert isinstance(spec, TensorSpec)
    assert spec.stats == stats


def test_statistics_leave_gradients_and_random_state_alone() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    x = torch.randn(2, 4, requires_grad=True)

    def run() -> tuple[torch.Tensor, Any, torch.Tensor]:
        torch.manual_seed(5)
        output = model(x)
        (gradient,) = torch.autograd.grad(output.sum(), x)
        return output, gradient, torch.get_rng_state()

    with torch.random.fork_rng(devices=[]):
        expected = run()
        with tracelab.trace(stats=True, values=True):
            found = run()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert found[0].grad_fn is not None
    assert x._version == 0


@pytest.mark.parametrize(
    ("tensor", "values"),
    [
        (torch.tensor([[1, 2], [3, 4]]), (1, 2, 3, 4)),
        (torch.tensor(True), (True,)),
        (torch.arange(256), tuple(range(256))),
        (torch.arange(257), None),
        (torch.tensor([1.0]), None),
        (torch.tensor([1], device="meta"), None),
    ],
)
def test_small_values_are_kept_when_asked_for(tensor: torch.Tensor, values: Any) -> None:
    spec = described(tensor, values=True)
    assert isinstance(spec, TensorSpec)
    assert spec.values == values
    plain = described(tensor)
    assert isinstance(plain, TensorSpec)
    assert plain.values is None


def test_scalars_are_kept_when_asked_for() -> None:
    assert described(4, values=True) == ScalarSpec("int", 4, True)
    assert described(None, values=True) == ScalarSpec("NoneType")
