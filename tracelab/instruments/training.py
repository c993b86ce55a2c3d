"""Training: backward, clipping, optimizers, schedulers, scalers, and the loops of `Trainer` and `accelerate`.

Which calls make up a training step is not marked here: it is derived from their order on the read side.
What no shape tells is kept as facts: the gradients that an optimizer finds (see `gradients`), the share of
padding in a batch, the steps that gradients are accumulated over, and with values the loss.

* `Tensor.backward` asks for `torch.autograd.backward` as an attribute of its module, so that is where we cut
  in.  A patch on `Tensor.backward` itself would be handed to every `__torch_function__` of the host's.
* `optimizer.step` is looked up in more than one place, see `stepping`.
* `clip_grad_norm_` is a function that stands in two modules; who imported it by name calls it unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..describe import instance_dict, share_of_zeros, value_in
from ..recorder import Tells
from .families import Family
from .gradients import GRADIENTS

THROUGH = ("torch/_tensor.py", "torch/optim/optimizer.py", "torch/optim/lr_scheduler.py")
"""Files of torch that stand between a line of the user's and the function that it calls."""

_CLIPPING = ("clip_grad_norm_", "clip_grad_value_")


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, *names: str) -> Any:
    if len(args) > position:
        return args[position]
    return next((kwargs[name] for name in names if name in kwargs), None)


def _loss(it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *more: Any) -> Mapping[str, Any] | None:
    """The loss that backward, a scaler or an accelerator is given."""
    found = value_in(_argument(args, kwargs, 0, "loss", "outputs", "tensors"), waits=True)
    return None if found is None else {"loss": found}


def _computed(
    it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    """The loss that `compute_loss` gives back, by itself or first in a tuple."""
    found = value_in(output[0] if type(output) is tuple and output else output, waits=True)
    return None if found is None else {"loss": found}


def _norm(
    it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, recorder: Any
) -> Mapping[str, Any] | None:
    """The norm before it is clipped, and what it is clipped to."""
    found: dict[str, Any] = {}
    if recorder.describer.keeps_stats:
        norm = value_in(output, waits=True)
        found = {} if norm is None else {"norm": norm}
    most = _argument(args, kwargs, 1, "max_norm", "clip_value")
    if recorder.describer.keeps_values and type(most) in (int, float):
        found["most"] = most
    return found or None


def _batch(trainer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool) -> Mapping[str, Any]:
    """Of the batch that a `Trainer` works on: the share of padding, and over how many it accumulates."""
    batch = instance_dict(_argument(args, kwargs, 1, "inputs"))
    inner = batch.get("data") if batch else _argument(args, kwargs, 1, "inputs")
    found: dict[str, Any] = {}
    if type(inner) is dict:
        share = share_of_zeros(inner.get("attention_mask"), waits=values)
        if share is not None:
            found["padding_share"] = share
    over = instance_dict(instance_dict(trainer).get("args")).get("gradient_accumulation_steps")
    if type(over) is int and over > 1:
        found["accumulates"] = over
    return found


def _accumulates(it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], recorder: Any) -> Mapping[str, Any]:
    """Of an accelerator: over how many batches it accumulates gradients; with values the loss it is given."""
    plugin = instance_dict(instance_dict(it).get("gradient_state")).get("plugin_kwargs")
    over = plugin.get("num_steps") if type(plugin) is dict else None
    found: dict[str, Any] = {"accumulates": over} if type(over) is int and over > 1 else {}
    if recorder.describer.keeps_values:
        found.update(_loss(it, args, kwargs) or {})
    return found


_LOSS = Tells(before=_loss, of_values=True)
_COMPUTED = Tells(after=_computed, of_values=True)
_BATCH = Tells(before=_batch)
_NORM = Tells(after=_norm, of_recorder=True)
_CLIPS = dict.fromkeys(_CLIPPING, _NORM)

FAMILIES = (
    Family("torch:autograd", ("backward",), "backward", tells={"backward": _LOSS}, through=THROUGH),
    Family("torch:nn.utils", _CLIPPING, "function", tells=_CLIPS),
    Family("torch:nn.utils.clip_grad", _CLIPPING, "function", tells=_CLIPS),
    Family("torch:nn.Module", ("zero_grad",), by_object=True),
    Family("torch:optim.Optimizer", ("zero_grad",), stands_in=False),
    Family(
        "torch:optim.Optimizer",
        ("step",),
        "optimizer",
        tells={"step": GRADIENTS},
        through=THROUGH,
        stands_in=False,
    ),
    Family("torch:optim.lr_scheduler.LRScheduler", ("step",), stands_in=False),
    Family(
        "torch:amp.GradScaler",
        ("scale", "unscale_", "step", "update"),
        tells={"scale": _LOSS},
        stands_in=False,
    ),
    Family(
        base="transformers.trainer:Trainer",
        names=(
            "train",
            "_inner_training_loop",
            "get_batch_samples",
            "training_step",
            "compute_loss",
            "prediction_step",
            "evaluate",
            "predict",
            "_maybe_log_save_evaluate",
        ),
        tells={"training_step": _BATCH, "prediction_step": _BATCH, "compute_loss": _COMPUTED},
    ),
    Family(
        base="accelerate.accelerator:Accelerator",
        names=("prepare", "backward", "accumulate", *_CLIPPING),
        tells={"backward": Tells(before=_accumulates, of_recorder=True), **_CLIPS},
    ),
    Family("accelerate.scheduler:AcceleratedScheduler", ("step",)),
)
