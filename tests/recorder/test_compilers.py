"""Compilers and tracers of torch give the same graphs under a trace, and keep nothing of ours."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab

REPOSITORY = Path(__file__).resolve().parent.parent.parent
X = torch.ones(2, 3)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(X)


@pytest.fixture
def model() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Model().eval()


class Counting:
    """A backend that runs the graph as it is and keeps the operations of each; how many inputs, not their
    names: dynamo calls them after the way on which it came to them."""

    def __init__(self) -> None:
        self.graphs: list[list[str]] = []

    def __call__(self, graph: Any, inputs: Any) -> Any:
        nodes = [node for node in graph.graph.nodes if node.op != "output"]
        self.graphs.append([n.op if n.op == "placeholder" else f"{n.op} {n.target}" for n in nodes])
        return graph.forward


def compiled_graphs(model: nn.Module) -> list[list[str]]:
    torch._dynamo.reset()
    backend = Counting()
    result = torch.compile(model, fullgraph=True, backend=backend)(X)
    assert torch.equal(result, Model.forward(model, X))
    return backend.graphs


@pytest.mark.parametrize("options", [{}, {"values": True, "stats": True}], ids=str)
def test_compile_gives_the_same_single_graph(model: nn.Module, options: dict[str, bool]) -> None:
    expected = compiled_graphs(model)
    assert len(expected) == 1
    with tracelab.trace(**options) as trace:
        assert compiled_graphs(model) == expected
        with tracelab.trace(**options):
            assert compiled_graphs(model) == expected
    assert trace.internal_errors == 0


def test_what_was_compiled_before_during_or_after_a_trace_is_not_compiled_again(model: nn.Module) -> None:
    torch._dynamo.reset()
    before, during = Counting(), Counting()
    first = torch.compile(model, fullgraph=True, backend=before)
    first(X)
    with tracelab.trace():
        first(X)
        second = torch.compile(Model().eval(), fullgraph=True, backend=during)
        second(X)
    first(X)
    second(X)
    assert len(before.graphs) == 1
    assert len(during.graphs) == 1


def test_a_compiled_function_that_calls_a_module(model: nn.Module) -> None:
    def expected(x: torch.Tensor) -> torch.Tensor:
        return model(x) + 1

    with tracelab.trace():
        result = torch.compile(expected, fullgraph=True, backend="eager")(X)
    assert torch.equal(result, expected(X))


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


LATE = """
    import json, warnings
    warnings.simplefilter("ignore")
    import tracelab
    found = {}
    with tracelab.trace() as trace:
        import torch
        from torch import nn
        found["patched on arrival"] = nn.Module.__call__.__globals__["__name__"].startswith("tracelab")
        model, x = nn.Sequential(nn.Linear(3, 3)), torch.ones(2, 3)
        model(x)
        found["calls"] = [call.path for call in trace.calls]
        found["input"] = str(trace.calls[0].inputs["input"])
        before = trace.recorded
        torch.jit.trace(model, (x,), check_trace=False)
        found["recorded while jit-tracing"] = trace.recorded - before
        try:
            found["compiled"] = list(torch.compile(model, fullgraph=True, backend="eager")(x).shape)
        except Exception as error:
            found["compiled"] = type(error).__name__
        import torch._dynamo.utils, torch.fx._symbolic_trace
    genuine = nn.Module.__call__
    found["left behind"] = genuine.__globals__["__name__"].startswith("tracelab")
    found["kept by dynamo"] = torch._dynamo.utils.unpatched_nn_module_call is genuine
    found["kept by fx"] = torch.fx._symbolic_trace._orig_module_call is genuine
    found["internal errors"] = trace.internal_errors
    print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def late() -> dict[str, Any]:
    """What a program sees that imports torch after its trace has begun, as `tracelab run` does."""
    found: dict[str, Any] = json.loads(python(LATE))
    return found


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("patched on arrival", True),
        ("calls", ["", "0"]),
        ("input", "f32[2,3]"),
        ("internal errors", 0),
        ("left behind", False),
        # The wrapper learns to ask torch whether it is compiling or tracing, although torch was not there.
        ("recorded while jit-tracing", 0),
        ("compiled", [2, 3]),
        # Two rooms of torch keep whatever `Module.__call__` is when they are first imported.
        ("kept by dynamo", True),
        ("kept by fx", True),
    ],
)
def test_torch_imported_after_the_trace_began(late: dict[str, Any], fact: str, value: Any) -> None:
    assert late[fact] == value


def test_dynamo_imported_during_a_trace_by_a_loaded_torch() -> None:
    code = """
        import sys, torch, tracelab
        assert "torch._dynamo" not in sys.modules
        genuine = torch.nn.Module.__call__
        with tracelab.trace() as trace:
            import torch._dynamo
            assert torch._dynamo.utils.unpatched_nn_module_call is genuine
            assert torch.nn.Module.__call__ is not genuine
            torch.nn.Identity()(1)
        assert torch.nn.Module.__call__ is genuine
        print(trace.recorded)
    """
    assert python(code) == "1"
