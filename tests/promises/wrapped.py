"""Models as libraries wrap them, and what must be true of each under a trace."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

import tracelab
from tracelab.calls import Trace

from ..models import ZOO

IDS = torch.tensor([[1, 2, 3, 4]])
X = torch.ones(2, 3)


class Wrapped(NamedTuple):
    """A wrapped model, what is run with it, and the owners of some calls that must be seen, by path."""

    root: nn.Module
    run: Callable[[], Any]
    seen: dict[str, str]


def llama() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ZOO["llama"].build().eval()


def _language(model: Any, **seen: str) -> Wrapped:
    return Wrapped(model, lambda: model(input_ids=IDS, labels=IDS), seen)


def _lora() -> Any:
    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        adapted = get_peft_model(llama(), LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:  # zeros at first: then the adapter would not matter
            nn.init.ones_(parameter)
    return adapted.eval()


def lora(_: Path) -> Wrapped:
    query = "base_model.model.model.layers.1.self_attn.q_proj"
    seen = {"": "PeftModelForCausalLM", "base_model": "LoraModel", "base_model.model": "LlamaForCausalLM"}
    seen |= {query: "Linear", f"{query}.base_layer": "Linear", f"{query}.lora_A.default": "Linear"}
    model = _lora()
    return Wrapped(model, lambda: model(input_ids=IDS, labels=IDS), seen)


def lora_generating(_: Path) -> Wrapped:
    model, query = _lora(), "base_model.model.model.layers.0.self_attn.q_proj"

    def run() -> Any:
        return model.generate(input_ids=IDS, max_new_tokens=3, min_new_tokens=3, do_sample=False)

    return Wrapped(model, run, {"base_model.model": "LlamaForCausalLM", f"{query}.lora_B.default": "Linear"})


def lora_merged(_: Path) -> Wrapped:
    merged = _lora().merge_and_unload()
    return Wrapped(
        merged, lambda: merged(input_ids=IDS, labels=IDS), {"model.layers.0.self_attn.q_proj": "Linear"}
    )


def offloaded(_: Path) -> Wrapped:
    from accelerate import cpu_offload

    model = llama()
    cpu_offload(model, execution_device=torch.device("cpu"))
    return _language(model, **{"model.layers.1.mlp": "LlamaMLP"})


def dispatched(folder: Path) -> Wrapped:
    from accelerate import dispatch_model

    where = dict.fromkeys(("model.embed_tokens", "model.rotary_emb", "model.norm", "lm_head"), "cpu")
    where |= {"model.layers.0": "cpu", "model.layers.1": "disk"}
    model = dispatch_model(llama(), where, main_device="cpu", offload_dir=str(folder))
    return _language(model, **{"model.layers.1.self_attn.o_proj": "Linear"})


def prepared(_: Path) -> Wrapped:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # a process has one, and it may be an earlier test's
    model = Accelerator(mixed_precision="bf16", cpu=True).prepare(llama())
    return _language(model, **{"": "LlamaForCausalLM", "lm_head": "Linear"})


def _plain(model: nn.Module, seen: dict[str, str], given: torch.Tensor = X) -> Wrapped:
    return Wrapped(model, lambda: model(given), seen)


def _linear() -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Linear(3, 3)


def weight_norm(_: Path) -> Wrapped:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(_linear()))
    return _plain(model, {"0": "ParametrizedLinear", "0.parametrizations.weight": "ParametrizationList"})


def old_weight_norm(_: Path) -> Wrapped:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.* is deprecated", FutureWarning)
        return _plain(nn.Sequential(nn.utils.weight_norm(_linear())), {"0": "Linear"})


def spectral_norm(_: Path) -> Wrapped:
    model = nn.utils.parametrizations.spectral_norm(_linear()).eval()
    return _plain(model, {"": "ParametrizedLinear", "parametrizations.weight.0": "_SpectralNorm"})


def own_parametrization(_: Path) -> Wrapped:
    class Symmetric(nn.Module):
        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight.triu() + weight.triu(1).mT

    model = _linear()
    nn.utils.parametrize.register_parametrization(model, "weight", Symmetric())
    return _plain(model, {"": "ParametrizedLinear", "parametrizations.weight.0": "Symmetric"})


def quantised(_: Path) -> Wrapped:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.ao.quantization is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
        model = torch.ao.quantization.quantize_dynamic(
            nn.Sequential(_linear(), nn.ReLU()), {nn.Linear}, torch.qint8
        )
    return _plain(model, {"0": "Linear", "1": "ReLU"})


def data_parallel(_: Path) -> Wrapped:
    return _plain(nn.DataParallel(_linear()), {"": "DataParallel", "module": "Linear"})


def averaged(_: Path) -> Wrapped:
    model = torch.optim.swa_utils.AveragedModel(nn.Sequential(_linear()))
    return _plain(model, {"": "AveragedModel", "module": "Sequential", "module.0": "Linear"})


def functional(_: Path) -> Wrapped:
    model = nn.Sequential(_linear(), nn.Tanh())
    other = {name: 2 * value for name, value in model.state_dict().items()}
    return Wrapped(
        model, lambda: torch.func.functional_call(model, other, (X,)), {"": "Sequential", "1": "Tanh"}
    )


def nested(_: Path) -> Wrapped:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.ModuleList([nn.Sequential(_linear()), _linear()])
            self.heads = nn.ModuleDict({"first": nn.ModuleList([_linear()])})

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for part in self.parts:
                x = part(x)
            return self.heads["first"][0](x)

    return _plain(Model(), {"parts.0": "Sequential", "parts.0.0": "Linear", "heads.first.0": "Linear"})


def encoder(_: Path) -> Wrapped:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval().requires_grad_(False)
    return _plain(model, {"layers.1": "TransformerEncoderLayer"}, torch.ones(2, 4, 8))


WRAPPED = (
    lora,
    lora_generating,
    lora_merged,
    offloaded,
    dispatched,
    prepared,
    weight_norm,
    old_weight_norm,
    spectral_norm,
    own_parametrization,
    quantised,
    data_parallel,
    averaged,
    functional,
    nested,
    encoder,
)


def tensors(value: Any) -> list[torch.Tensor]:
    """Copies of all tensors in a result."""
    leaves = torch.utils._pytree.tree_leaves(value)
    return [leaf.detach().clone() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def look(root: nn.Module) -> dict[str, Any]:
    """What a module and all modules in it carry: attributes by identity of what could be a function."""
    found: dict[str, Any] = {}
    for path, module in root.named_modules():
        own = vars(module)
        found[path] = (type(module), sorted(own), id(own.get("forward")), id(own.get("_compiled_call_impl")))
        found[f"{path} hooks"] = [len(own[name]) for name in sorted(own) if name.endswith("_hooks")]
    return found


def traced(wrapped: Wrapped) -> Trace:
    """A trace of the run, after it was proven that it gave what it gives without one."""
    wrapped.run()  # what is made at the first run is there
    expected, before = tensors(wrapped.run()), look(wrapped.root)
    with tracelab.trace() as trace:
        found = tensors(wrapped.run())
    assert expected
    assert len(expected) == len(found)
    assert all(map(torch.equal, expected, found))
    assert look(wrapped.root) == before
    assert trace.complete
    return trace


def places(root: nn.Module) -> dict[str, str]:
    """Every path of the real root, and the class of what stands there."""
    return {path: type(module).__name__ for path, module in root.named_modules(remove_duplicate=False)}
