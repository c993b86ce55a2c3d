"""Programs that make graphs of models; what is compared is the text of the graphs."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx

from ...models import ZOO
from ...models.plain import Handmade
from .host import Host

X = torch.ones(2, 3)


class Graphs:
    """A backend that keeps the text of each graph and runs it as it is."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, graph: Any, inputs: Any) -> Any:
        self.texts.append(graph.print_readable(print_output=False))
        return graph.forward

    def steady(self) -> list[str]:
        # Modules that are known by their address.
        return [re.sub(r"0x[0-9a-f]+|\d{12,}", "0x", text) for text in self.texts]


def compiled(entry: str, **options: Any) -> Callable[[Any], Any]:
    def act(model: Any) -> Any:
        torch._dynamo.reset()
        graphs = Graphs()
        made = torch.compile(model, fullgraph=True, backend=graphs, **options)
        outputs = [made(**ZOO[entry].inputs()) for _ in range(2)]
        assert len(graphs.texts) == 1
        return outputs, graphs.steady()

    return act


def compiled_in_place(model: Any) -> Any:
    torch._dynamo.reset()
    graphs = Graphs()
    model.compile(fullgraph=True, backend=graphs)
    return [model(**ZOO["handmade"].inputs()) for _ in range(2)], graphs.steady(), len(graphs.texts)


class Layer(nn.Module):
    """One of many: each is a class of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)


def many_models(model: Any) -> Any:
    """Dynamo compiles one piece of code eight times at most; each of these has a code of its own."""
    torch._dynamo.reset()
    graphs, outputs = Graphs(), []
    for number in range(10):
        space: dict[str, Any] = {}
        exec(f"def forward(self, x): return self.linear(x) + {number}", space)
        layer = type("Layer", (Layer,), space)()
        outputs.append(torch.compile(layer, fullgraph=True, backend=graphs)(X))
    return outputs, graphs.steady()


def breaking(model: Any) -> Any:
    """A graph that breaks, a function around a model, a shape that changes, and a gradient through it all."""
    torch._dynamo.reset()
    graphs = Graphs()

    def step(x: torch.Tensor) -> torch.Tensor:
        hidden = model(x)["scores"]
        torch._dynamo.graph_break()
        return model(torch.cat([x, x], 0))["scores"].sum() + hidden.mean()

    made = torch.compile(step, backend=graphs)
    losses = [made(torch.ones(rows, 5, 8)) for rows in (2, 3)]
    sum(losses).backward()
    return losses, graphs.steady(), len(graphs.texts)


def differentiated(model: Any) -> Any:
    """Forward and backward graph of what AOT autograd makes."""
    from functorch.compile import aot_function

    graphs = Graphs()
    weights = dict(model.named_parameters())

    def loss(weights: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, weights, (x,))["scores"].square().sum()

    made = aot_function(loss, fw_compiler=graphs, bw_compiler=graphs)
    result = made(weights, torch.ones(2, 5, 8))
    result.backward()
    return result, graphs.steady(), [weight.grad for weight in weights.values()]


def exported(entry: str, strict: bool, **axes: dict[int, Any]) -> Callable[[Any], Any]:
    def act(model: Any) -> Any:
        torch._dynamo.reset()
        inputs = ZOO[entry].inputs()
        sizes = {name: axes.get(name) for name in inputs} if axes else None
        program = torch.export.export(model, (), inputs, dynamic_shapes=sizes, strict=strict)
        return str(program.graph_signature), steady_export(program), program.module()(**inputs)

    return act


def steady_export(program: Any) -> str:
    constraints = sorted(map(str, program.range_constraints.items()))
    return re.sub(r"0x[0-9a-f]+", "0x", f"{program}{constraints}")


def jit_traced(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.trace(model, (ZOO["bert"].inputs()["input_ids"],), strict=False)
        text = re.sub(r"___torch_mangle_\d+\.", "", str(made.inlined_graph))
        return text, made.code, made(ZOO["bert"].inputs()["input_ids"])


def scripted(model: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.LayerNorm(3)))
    return str(made.code), made(X)


def symbolic(model: Any) -> Any:
    made = torch.fx.symbolic_trace(Handmade())
    nodes = [(node.op, str(node.target), [str(arg) for arg in node.args]) for node in made.graph.nodes]
    return made.code, nodes, made(X.new_ones(2, 5, 8))


def made_fx(model: Any) -> Any:
    made = make_fx(lambda x: model(x)["scores"].sin(), tracing_mode="symbolic")(torch.ones(2, 5, 8))
    return made.code, str(made.graph), made(torch.ones(2, 5, 8))


def fake(model: Any) -> Any:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        output = model(torch.empty(7, 5, 8))
    return tuple(output["scores"].shape), type(output["scores"]).__name__


HANDMADE, BATCH = ZOO["handmade"].build, torch.export.Dim("batch", min=2, max=64)
COMPILERS = [
    Host("compiled in place", HANDMADE, compiled_in_place, opaque=True),
    Host("compiled handmade", HANDMADE, compiled("handmade"), opaque=True),
    Host("many compiled models", HANDMADE, many_models, opaque=True),
    Host("AOT autograd", HANDMADE, differentiated, opaque=True),
    Host("exported", HANDMADE, exported("handmade", False, features={0: BATCH}), opaque=True),
    Host("jit.trace", ZOO["bert"].build, jit_traced, opaque=True),
    Host("jit.script", HANDMADE, scripted, opaque=True, warm=True),
    Host("symbolic_trace", HANDMADE, symbolic, opaque=True),
    Host("make_fx", HANDMADE, made_fx, opaque=True),
    Host("fake tensors", HANDMADE, fake, opaque=True),
]
LARGE = [
    Host("compiled for any shape", HANDMADE, compiled("handmade", dynamic=True), opaque=True),
    Host("breaking graphs", HANDMADE, breaking, opaque=True),
    Host("exported strictly", HANDMADE, exported("handmade", True, features={0: BATCH}), opaque=True),
    *(
        Host(f"compiled {name}", ZOO[name].build, compiled(name), opaque=True)
        for name in ("bert", "gpt2", "llama", "vit", "t5")
    ),
    *(
        Host(f"exported {name}", ZOO[name].build, exported(name, False), opaque=True)
        for name in ("bert", "vit", "distilbert")
    ),
]
