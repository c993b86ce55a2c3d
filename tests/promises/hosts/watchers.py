"""Programs that look at themselves: modes, profilers, hooks of every kind, torch.func, anomalies."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ...attacks.observed import seen
from ...models import ZOO
from .host import Host

Log = list[Any]


def llama_step(model: Any) -> Any:
    """Forward and backward of one batch."""
    ids = ZOO["llama"].inputs()["input_ids"]
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss


class Functions(TorchFunctionMode):
    """Every function that is called on tensors, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.log: Log = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.log.append((getattr(func, "__name__", str(func)), len(args), sorted(kwargs or {})))
        return func(*args, **(kwargs or {}))


class Operations(TorchDispatchMode):
    """Every operation that reaches the dispatcher, with the shapes it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.log: Log = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.log.append((str(func), tuple(getattr(result, "shape", ()))))
        return result


def in_mode(make: Callable[[], Any]) -> Callable[[Any], Any]:
    def act(model: Any) -> Any:
        with make() as mode:
            loss = llama_step(model)
            tokens = model.generate(**ZOO["llama"].generate_arguments())
        assert len(mode.log) > 100
        return loss, tokens, mode.log

    return act


def flops(model: Any) -> Any:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(model, display=False) as counter:
        loss = llama_step(model)
    assert counter.get_total_flops() > 0
    counts = {where: {str(op): n for op, n in found.items()} for where, found in counter.flop_counts.items()}
    return loss, counts, counter.get_table()


def profiled(model: Any) -> Any:
    with torch.profiler.profile(record_shapes=True, with_flops=True, with_modules=True) as profiler:
        loss = llama_step(model)
    events = [(event.name, event.input_shapes, event.flops) for event in profiler.events()]
    return loss, sorted(map(str, events))


def anomalous(model: Any) -> Any:
    """With anomaly detection, saved tensors packed by the host, and a gradient that is asked for."""
    log: Log = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        log.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.detect_anomaly(check_nan=True), torch.autograd.graph.saved_tensors_hooks(pack, pack):
        loss = llama_step(model)
    return loss, log


def not_a_number(model: Any) -> Any:
    with torch.no_grad():
        model.lm_head.weight[0, 0] = torch.nan
    with torch.autograd.detect_anomaly(check_nan=True), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        error = ""
        try:
            llama_step(model)
        except RuntimeError as raised:
            error = str(raised)
    # It shows the stack of the forward: there our line is, and torch's two are not (`recorder.torch_call`).
    called = re.compile(r"  File \".*/torch/nn/modules/module.py.*\n(    .*\n)*")
    assert "Error detected" in str(caught[0].message)
    return error, [called.sub("", str(warning.message)) for warning in caught]


def under(*contexts: Callable[[], Any]) -> Callable[[Any], Any]:
    def act(model: Any) -> Any:
        with contextlib.ExitStack() as stack:
            for context in contexts:
                stack.enter_context(context())
            return model(**ZOO["llama"].inputs(), output_hidden_states=True, output_attentions=False)

    return act


def on_meta(model: Any) -> Any:
    output = model.to("meta")(**{name: value.to("meta") for name, value in ZOO["llama"].inputs().items()})
    return output.logits.shape, output.logits.device.type, str(output.logits.dtype)


def functional(model: nn.Module) -> Any:
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    features = torch.randn(4, 3, 8)

    def loss(weights: Any, x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(model, weights, (x,))["scores"].square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(weights, features)
    jacobian = torch.func.jacrev(lambda x: loss(weights, x))(features[0])
    tangent = torch.func.jvp(lambda x: loss(weights, x), (features[0],), (features[1],))
    return each, jacobian, tangent


def noting(log: Log, name: str, result: Any = None) -> Callable[..., Any]:
    def hook(module: Any, *given: Any) -> Any:
        log.append((name, type(module).__name__, seen(given)))
        return result

    return hook


def hooked(model: Any) -> Any:
    """Hooks of every kind on every module, some of all modules, and a forward that fails under them."""
    log: Log = []
    handles = []
    for part in [model, *model.model.layers.modules()]:
        handles += [
            part.register_forward_pre_hook(noting(log, "pre"), with_kwargs=True, prepend=True),
            part.register_forward_pre_hook(noting(log, "second pre")),
            part.register_forward_hook(noting(log, "after"), with_kwargs=True),
            part.register_forward_hook(noting(log, "always"), always_call=True),
        ]
    for part in (model.lm_head, model.model.norm):
        handles.append(part.register_full_backward_hook(noting(log, "backward")))
        handles.append(part.register_full_backward_pre_hook(noting(log, "backward pre")))
    handles += [
        torch_module.register_module_forward_pre_hook(noting(log, "global pre")),
        torch_module.register_module_forward_hook(noting(log, "global"), always_call=True),
    ]
    try:
        loss = llama_step(model)
        model.model.layers[1].mlp.down_proj.register_forward_hook(failing)
        with contextlib.suppress(LookupError):
            llama_step(model)
    finally:
        for handle in handles:
            handle.remove()
    # The model and two layers of 13 modules have four hooks each.
    assert len(log) > 27 * 4
    return loss, log


def failing(*given: Any) -> None:
    raise LookupError("in a hook")


def cpu_autocast() -> Any:
    return torch.autocast("cpu", dtype=torch.bfloat16)


LLAMA = ZOO["llama"].build
WATCHERS = [
    Host("function mode", LLAMA, in_mode(Functions)),
    Host("dispatch mode", LLAMA, in_mode(Operations)),
    Host("flop counter", LLAMA, flops),
    Host("profiler", LLAMA, profiled, but_not=("values", "stats", "file", "nested")),
    Host("anomaly detection", LLAMA, anomalous),
    Host("not a number", LLAMA, not_a_number),
    Host("autocast", LLAMA, under(cpu_autocast)),
    Host("inference mode", LLAMA, under(torch.inference_mode)),
    Host("autocast in no_grad", LLAMA, under(torch.no_grad, cpu_autocast)),
    Host("math attention", LLAMA, under(lambda: nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH))),
    Host("on meta", LLAMA, on_meta),
    Host("torch.func", ZOO["handmade"].build, functional, warm=True),
    Host("hooks", LLAMA, hooked),
]
