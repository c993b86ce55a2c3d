"""All that a host could see of a piece of its own work, bit for bit, in a form that can be compared.

`observe(act)` runs it and returns what it gave, the random states it left, the warnings it made (text,
category, line), the traceback it ended in, and the settings of the process afterwards.  `seen(value)` turns
one value into texts and tuples: a tensor becomes the digest of its bytes and the whole autograd graph behind
it.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import random
import signal
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy
import torch
from torch import nn

PLAIN = (bool, int, str, bytes, type(None))


class Observed(NamedTuple):
    """What there is to compare of one run."""

    result: Any
    random: tuple[str, ...]
    warned: list[tuple[str, str, str, int]]
    raised: str
    process: dict[str, Any]


def observe(act: Callable[[], Any]) -> Observed:
    """Run `act` from fixed seeds, with every warning shown."""
    random.seed(7)
    numpy.random.seed(7)
    torch.manual_seed(7)
    result, raised = None, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        forget_warnings()
        try:
            result = seen(act())
        except BaseException:
            raised = traceback.format_exc()
        process = process_settings()
    return Observed(result, random_states(), [told(warning) for warning in caught], raised, process)


def told(warning: warnings.WarningMessage) -> tuple[str, str, str, int]:
    return str(warning.message), warning.category.__name__, warning.filename, warning.lineno


def forget_warnings() -> None:
    """Registries of what was warned of already would make the second run quieter than the first."""
    for module in list(sys.modules.values()):
        registry = getattr(module, "__dict__", {}).get("__warningregistry__")
        if registry:
            registry.clear()


def random_states() -> tuple[str, ...]:
    """Digests of the three generators."""
    name, keys, position, has_gauss, cached = numpy.random.get_state()
    states = (repr(random.getstate()), repr((name, keys.tobytes(), position, has_gauss, cached)))
    return (digest(torch.get_rng_state()), *(hashlib.sha256(s.encode()).hexdigest()[:12] for s in states))


def process_settings() -> dict[str, Any]:
    """What the whole process shares, and a tracer might move."""
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),  # noqa: PTH109 (as the host reads it)
        "torch": (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
            torch.are_deterministic_algorithms_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.is_anomaly_enabled(),
            torch.backends.mkldnn.enabled,
        ),
        "collector": (gc.isenabled(), gc.get_threshold(), len(gc.callbacks)),
        "hooks": (sys.gettrace(), sys.getprofile(), sys.excepthook, sys.displayhook, threading.excepthook),
        "audible": (sys.stdout, sys.stderr, sys.unraisablehook, signal.getsignal(signal.SIGINT)),
        "limits": (sys.getrecursionlimit(), sys.getswitchinterval(), sys.flags, list(sys.argv)),
        "paths": (list(sys.path), list(sys.path_hooks)),
        "logging": (logging.root.level, list(logging.root.handlers), logging.raiseExceptions),
        "filters": list(warnings.filters),
        "print options": numpy.get_printoptions()["precision"],
    }


def digest(tensor: torch.Tensor) -> str:
    """The first digits of the digest of all bytes."""
    values = tensor.detach().cpu().contiguous()
    flat = values.reshape(-1).view(torch.uint8) if values.numel() else values.new_empty(0, dtype=torch.uint8)
    return hashlib.sha256(flat.numpy().tobytes()).hexdigest()[:12]


def graph(tensor: torch.Tensor) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The names of all autograd nodes behind a tensor, each with the numbers of the nodes it goes on to."""
    found: dict[Any, int] = {}
    waiting = [tensor.grad_fn]
    for one in waiting:  # grows while it is walked
        if one is not None and one not in found:
            found[one] = len(found)
            waiting += [following for following, _ in one.next_functions]
    return tuple(
        (one.name(), tuple(found.get(following, -1) for following, _ in one.next_functions)) for one in found
    )


def seen(value: Any, above: tuple[int, ...] = ()) -> Any:
    """`value` as texts and tuples; objects are walked through their `__dict__`."""
    if isinstance(value, PLAIN) and type(value) in PLAIN:
        return value
    if isinstance(value, float):
        return value.hex()
    if id(value) in above:
        return f"above {above.index(id(value))}"
    above = (*above, id(value))
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, torch.Tensor):
        facts = (
            name,
            str(value.dtype),
            tuple(value.shape),
            value.stride(),
            value.requires_grad,
            value.is_leaf,
        )
        return (*facts, digest(value), graph(value))
    if isinstance(value, numpy.ndarray):
        return name, value.shape, str(value.dtype), hashlib.sha256(value.tobytes()).hexdigest()[:12]
    if isinstance(value, nn.Module):
        parts = {path: seen_module(module, above) for path, module in value.named_modules()}
        return name, parts, {key: seen(weight, above) for key, weight in value.state_dict().items()}
    if isinstance(value, Mapping):
        return name, [(seen(key, above), seen(inner, above)) for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return name, [seen(inner, above) for inner in value]
    if isinstance(value, (set, frozenset)):
        return name, sorted(map(repr, value))
    if isinstance(value, (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return name, value.__module__, value.__qualname__
    own = getattr(value, "__dict__", None)
    return (name, [(key, seen(inner, above)) for key, inner in own.items()]) if own else (name,)


def seen_module(module: nn.Module, above: tuple[int, ...]) -> Any:
    """What stands on one module itself, hooks too; the weights are in the state."""
    own = {key: value for key, value in vars(module).items() if key not in ("_parameters", "_modules")}
    # Hooks are kept under numbers that grow with each hook of the process.
    own |= {key: list(hooks.values()) for key, hooks in own.items() if key.endswith("_hooks") and hooks}
    return type(module).__qualname__, [(key, seen(value, above)) for key, value in own.items()]
