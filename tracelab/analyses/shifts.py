"""Which model a loss belongs to, and who moved its labels by one place.

Of logits `[B,T,V]` that a model gave, a loss that is computed from `B·(T-1)` labels has lost one place in
each row: its caller has shifted.  An encoder-decoder model computes its loss from all `B·T`: it made the
inputs of its decoder from the labels, one place to the right.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from ..calls import BY_CALLER, BY_INPUTS, INSIDE, Call, Trace
from ..events import Site
from ..values import ContainerSpec, Dim, TensorSpec

_TORCH_LOSSES = "torch/nn/modules/loss.py"

Shape = tuple[Dim, ...]


def is_loss_module(site: Site) -> bool:
    """Whether it is a module that computes a loss: torch's own, or one that stands in no model."""
    if site.kind != "module":
        return False
    if site.file is not None and site.file.replace("\\", "/").endswith(_TORCH_LOSSES):
        return True
    return not site.path and site.owner.endswith(("Loss", "Criterion"))


def model_of(trace: Trace, call: Call) -> Call | None:
    """The model call that a loss is computed in, else the last one before it in its thread."""
    above = call.parent
    while above is not None:
        if above.kind == "module" and above.path == "" and not is_loss_module(above.site):
            return above
        above = above.parent
    rows: list[int] = trace.memo("rows of models", lambda: _model_rows(trace))
    for row in reversed(rows[: bisect_left(rows, call.id)]):
        model = Call(trace, row)
        if model.thread == call.thread:
            return model
    return None


def _model_rows(trace: Trace) -> list[int]:
    """Calls of root models that gave logits."""
    columns = trace.columns
    wanted = [
        site.kind == "module" and site.path == "" and not is_loss_module(site) for site in columns.sites
    ]
    rows = columns.rows_at(wanted) if any(wanted) else []
    return [row for row in rows if logits_of(Call(trace, row)) is not None]


def logits_of(model: Call) -> Shape | None:
    """The shape of the logits that a model call gave."""
    spec = model.output
    if isinstance(spec, ContainerSpec):
        fields = dict(spec.items())
        spec = fields.get("logits", fields.get(0))
    return spec.shape if isinstance(spec, TensorSpec) and len(spec.shape) > 1 else None


def shift_of(trace: Trace, call: Call, facts: Mapping[str, Any]) -> str | None:
    """Who moved the labels of a loss; None where nobody did, or where that cannot be told."""
    if "shifted" in facts:
        return INSIDE if facts["shifted"] else BY_CALLER if "shift_labels" in call.inputs else None
    model, labels = model_of(trace, call), facts.get("labels")
    shape = None if model is None else logits_of(model) or _text_shape(model)
    if model is None or shape is None or len(shape) != 3 or not isinstance(shape[1], int):
        return None
    if shape[1] > 1 and labels == product(shape[:2]) - product(shape[:1]):
        return BY_CALLER
    made_of_labels = {"decoder_input_ids", "labels"} & set(model.inputs) == {"labels"}
    return BY_INPUTS if made_of_labels and _has_decoder(model) else None


def _text_shape(model: Call) -> Shape | None:
    """`[B,T,?]` by what went in, of a model that has not given its logits yet (it raised)."""
    spec = model.inputs.get("labels", model.inputs.get("input_ids"))
    return (*spec.shape, "?") if isinstance(spec, TensorSpec) else None


def _has_decoder(model: Call) -> bool:
    """Whether the model, or its base, has an encoder and a decoder next to each other."""
    called = {part.path for child in model.children for part in (child, *child.children)}
    return any(path == "decoder" or path.endswith(".decoder") for path in called if path) and any(
        path == "encoder" or path.endswith(".encoder") for path in called if path
    )


def product(shape: Shape) -> int:
    """How many elements a shape has; 0 where a size is not known."""
    total = 1
    for size in shape:
        total *= size if isinstance(size, int) else 0
    return total
