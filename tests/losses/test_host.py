"""What the host must not notice of a function that is cut in at by its code."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy
from torch.overrides import TorchFunctionMode

import tracelab
from tracelab.instruments import FUNCTIONS

X = torch.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
Y = torch.tensor([2, -100])

compiles = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module", autouse=True)
def dynamo_is_there() -> None:
    """Its first use patches optimizers for good, before anything of ours stands."""
    torch.compile(torch.neg, backend="eager")(X)
    torch._dynamo.reset()


def host(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(x, y) * 2


def test_the_function_stays_the_object_that_it_is() -> None:
    before = cross_entropy.__code__, dict(vars(cross_entropy)), inspect.signature(cross_entropy)
    source = inspect.getsource(cross_entropy)
    with tracelab.trace():
        assert functional.cross_entropy is cross_entropy
        assert pickle.loads(pickle.dumps(cross_entropy)) is cross_entropy
        assert inspect.signature(cross_entropy) == before[2]
        assert inspect.getsource(cross_entropy) == source
        assert cross_entropy.__defaults__ is functional.cross_entropy.__defaults__
        assert cross_entropy.__code__ is not before[0]
    assert (cross_entropy.__code__, dict(vars(cross_entropy))) == before[:2]


def test_the_code_is_the_same_in_every_trace() -> None:
    """Dynamo compiles once more for each code that it meets."""
    codes = []
    for _ in range(3):
        with tracelab.trace():
            codes.append(cross_entropy.__code__)
    assert codes[0] is codes[1] is codes[2]


def test_a_code_that_the_host_sets_on_top_stays() -> None:
    original = functional.l1_loss.__code__

    def other(*args: Any, **kwargs: Any) -> str:
        return "the host's"

    try:
        with tracelab.trace():
            functional.l1_loss.__code__ = other.__code__
        assert functional.l1_loss.__code__ is other.__code__
        assert "__wrapped__" not in vars(functional.l1_loss)
        with tracelab.trace() as trace:
            assert functional.l1_loss(X, X) == "the host's"
        assert [call.name for call in trace.calls] == ["l1_loss"]
    finally:
        functional.l1_loss.__code__ = original


class Watching(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append((func, len(args), sorted(kwargs or {})))
        return func(*args, **(kwargs or {}))


def test_a_mode_of_the_host_is_given_the_function_itself() -> None:
    def seen() -> list[Any]:
        with Watching() as mode:
            cross_entropy(X, Y, label_smoothing=0.1)
            nn.MSELoss()(X, X)
        return mode.seen

    expected = seen()
    with tracelab.trace() as trace:
        assert seen() == expected
    assert [loss.function for loss in trace.losses()] == ["cross_entropy", "MSELoss"]


class Registered(torch.Tensor):
    """A tensor whose functions stand in a registry, by identity."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return {cross_entropy: "mine"}.get(func, "not mine")


def test_a_registry_of_functions_finds_them() -> None:
    with tracelab.trace():
        assert cross_entropy(X.as_subclass(Registered), Y) == "mine"


def test_gradients_and_transforms() -> None:
    def gradient() -> torch.Tensor:
        x = X.clone().requires_grad_()
        host(x, Y).backward()
        assert x.grad is not None
        return x.grad

    def each() -> torch.Tensor:
        return torch.func.vmap(torch.func.grad(host))(X.unsqueeze(1), Y.clamp(min=0).unsqueeze(1))

    expected = gradient(), each()
    with tracelab.trace(values=True):
        found = gradient(), each()
    assert all(map(torch.equal, expected, found))


@compiles
def test_script_trace_and_fx_see_the_library_s_source() -> None:
    def graphs() -> list[str]:
        symbolic = torch.fx.symbolic_trace(host)
        return [
            torch.jit.script(host).code,
            str(torch.jit.trace(host, (X, Y)).graph).replace("test_host", ""),
            symbolic.code,
            str([node.target is cross_entropy for node in symbolic.graph.nodes]),
        ]

    expected = graphs()
    with tracelab.trace():
        found = graphs()
    assert found == expected


@compiles
@pytest.mark.parametrize("bound", [False, True], ids=["looked up", "bound before"])
def test_compiled_graphs_are_the_same(bound: bool) -> None:
    def act(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (cross_entropy if bound else functional.cross_entropy)(x, y) + nn.MSELoss()(x, x)

    assert graphs_of(act) == graphs_of(act, traced=True)


@pytest.mark.slow
@compiles
def test_compiled_graphs_of_a_model_s_loss_are_the_same() -> None:
    from .batches import IDS, LABELS, llama

    model = llama()
    assert graphs_of(lambda: model(IDS, labels=LABELS).loss) == graphs_of(
        lambda: model(IDS, labels=LABELS).loss, traced=True
    )


def graphs_of(act: Callable[..., Any], traced: bool = False) -> tuple[list[str], float]:
    """The graphs that dynamo makes, and what comes out of them."""
    graphs: list[str] = []

    def keep(module: Any, _: Any) -> Any:
        graphs.append(module.code)
        return module.forward

    torch._dynamo.reset()
    given = (X, Y) if act.__code__.co_argcount else ()
    compiled = torch.compile(act, backend=keep, fullgraph=True)
    if traced:
        with tracelab.trace():
            result = compiled(*given)
    else:
        result = compiled(*given)
    torch._dynamo.reset()
    return graphs, result.item()


def test_errors_and_warnings_point_where_they_did() -> None:
    def fails() -> list[tuple[str, int | None]]:
        with pytest.raises(IndexError) as caught:
            nn.CrossEntropyLoss()(X, torch.tensor([0, 3]))
        found = traceback.extract_tb(caught.value.__traceback__)
        return [(entry.name, entry.lineno) for entry in found[1:]]

    def warns() -> tuple[str, int]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            functional.mse_loss(X, X[:1])
        return caught[0].filename, caught[0].lineno

    expected = fails(), warns()
    with tracelab.trace():
        assert (fails(), warns()) == expected
        with tracelab.trace():
            assert (fails(), warns()) == expected


def test_a_loss_of_the_user_s_own_in_the_registry_is_left_alone() -> None:
    from transformers.loss.loss_utils import LOSS_MAPPING

    def mine(logits: Any, labels: Any, **rest: Any) -> Any:
        return functional.cross_entropy(logits, labels)

    LOSS_MAPPING["Mine"] = mine
    code = mine.__code__
    try:
        with tracelab.trace() as trace:
            assert mine.__code__ is code
            LOSS_MAPPING["Mine"](X, Y)
    finally:
        del LOSS_MAPPING["Mine"]
    # What it computes is seen all the same.
    assert [(loss.function, loss.denominator) for loss in trace.losses()] == [("cross_entropy", 1)]


def test_functions_exist_in_the_installed_libraries() -> None:
    """A renamed function would silently be no longer traced; every one is a plain function."""
    import importlib

    for functions in FUNCTIONS:
        importlib.import_module(functions.module)
        if functions.place.endswith("_classification"):
            importlib.import_module(functions.place)
        found = {function.__name__ for function in functions.found()}
        assert found, functions.place
        assert found >= set(functions.names or ()), functions.place


@pytest.mark.slow
def test_a_trace_that_begins_before_torch_is_imported() -> None:
    code = (
        "import tracelab\n"
        "with tracelab.trace() as trace:\n"
        "    import torch\n"
        "    torch.nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([0, -100]))\n"
        "print([(loss.function, loss.denominator) for loss in trace.losses()])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[('CrossEntropyLoss', 1)]"
