"""The losses of a trace, one row for each: the outermost call, with what the calls below it know.

A loss is seldom one call: `ForCausalLMLoss` shifts the labels and calls `fixed_cross_entropy`, that divides
and calls `cross_entropy`, that counts; `nn.CrossEntropyLoss()` is a module that calls `cross_entropy`.  Each
kept the facts that it knows (see `instruments/losses`), here they become one story.  What an outer call says
goes before what an inner one says: the denominator of `fixed_cross_entropy` is `num_items_in_batch`, although
the sum below it is divided by 1.
Who shifted the labels is told by shapes, see `shifts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..calls import BY_CALLER, INSIDE, Call, LabelPlace, Loss, Trace
from ..values import ContainerSpec, Dim, Spec, TensorSpec
from .shifts import is_loss_module, logits_of, model_of, product, shift_of

LOGITS = (
    "logits",
    "pooled_logits",
    "input",
    "source",
    "start_logits",
    "outputs",
    "model_output",
    "log_probs",
)
LABELS = ("labels", "shift_labels", "target", "targets", "start_positions")

_SUMMED = ("labels", "ignored", "wrong")

_AS_TOLD = (
    *("computes", "labels", "ignored", "denominator", "num_items_in_batch", "reduction", "ignore_index"),
    *("classes", "smoothing", "weighted", "problem_type", "wrong", "value"),
)
"""Facts that are fields of a `Loss` as they are; a file may have facts of any other name too."""

Shape = tuple[Dim, ...]


def losses(trace: Trace) -> list[Loss]:
    """One row for each loss that was computed, in start order."""
    found: list[Loss] = trace.memo("losses", lambda: [_loss(trace, call) for call in _outermost(trace)])
    return list(found)


def derived_facts(trace: Trace, call: Call) -> Mapping[str, Any]:
    """What the calls below a loss say of it, and who shifted its labels."""
    if call.kind != "loss" and not is_loss_module(call.site):
        return {}
    facts = joined(trace, call)
    if facts and "shifted" not in facts:
        facts["shifted"] = shift_of(trace, call, facts) in (INSIDE, BY_CALLER)
    return facts


def joined(trace: Trace, call: Call) -> dict[str, Any]:
    """The facts of a loss and of those below it as one; empty where nothing is known."""
    recorded = trace.columns.facts
    waiting, found = [call], []
    while waiting:
        one = waiting.pop()
        below = [child for child in one.children if child.kind == "loss" or is_loss_module(child.site)]
        found.append((one, bool(below)))
        waiting.extend(reversed(below))
    leaves = [dict(recorded.get(one.id, {})) for one, has_below in found if not has_below]
    leaves = [facts for facts in leaves if facts]
    if not leaves:
        return {name: fact for name, fact in recorded.get(call.id, {}).items() if name != "computes"}
    computes = tuple(dict.fromkeys(str(leaf["function"]) for leaf in leaves if "function" in leaf))
    facts = leaves[0] if len(leaves) == 1 else _together(leaves)
    outer = [one for one, has_below in found if has_below]
    for one in reversed(outer if len(leaves) == 1 else outer[:1]):
        facts.update(recorded.get(one.id, {}))
    facts["computes"] = computes
    if call.kind == "module":
        facts["function"] = call.owner
    return facts


def _together(leaves: list[dict[str, Any]]) -> dict[str, Any]:
    """Several sums in one loss: counts are added, of the rest what all agree on is kept."""
    names = [name for name in leaves[0] if all(name in leaf for leaf in leaves)]
    facts = {name: leaves[0][name] for name in names if all(leaf[name] == leaves[0][name] for leaf in leaves)}
    facts.pop("value", None)
    facts.update({name: sum(leaf[name] for leaf in leaves) for name in _SUMMED if name in names})
    if "denominator" in names:
        facts["denominator"] = tuple(leaf["denominator"] for leaf in leaves)
    return facts


def _outermost(trace: Trace) -> list[Call]:
    columns = trace.columns
    wanted = [site.kind == "loss" for site in columns.sites]
    found: dict[int, Call] = {}
    for row in columns.rows_at(wanted) if any(wanted) else ():
        call = Call(trace, row)
        above = call.parent
        while above is not None and (above.kind == "loss" or is_loss_module(above.site)):
            call, above = above, above.parent
        found.setdefault(call.id, call)
    return [found[row] for row in sorted(found)]


def _loss(trace: Trace, call: Call) -> Loss:
    facts = joined(trace, call)
    inner = _arithmetic(call)
    model, shifted = model_of(trace, call), shift_of(trace, call, facts)
    logits, labels = _shape(call, LOGITS), _shape(call, LABELS)
    if model is not None:
        logits, labels = _before(model, shifted, facts.get("labels"), logits, labels)
    return Loss(
        call=call,
        function=str(facts.get("function", call.owner or call.function)),
        model=model,
        logits=logits,
        labels_shape=labels,
        logits_after=_shape(inner, LOGITS),
        labels_after=_shape(inner, LABELS),
        shifted=shifted,
        out_of_range=_places(facts, shifted, labels),
        **{name: facts[name] for name in _AS_TOLD if name in facts},
    )


def _before(
    model: Call, shifted: str | None, number: Any, logits: Shape | None, labels: Shape | None
) -> tuple[Shape | None, Shape | None]:
    """The shapes as the model had them, where a loss was given them flat or shifted already."""
    given = logits_of(model)
    text = model.inputs.get("labels", model.inputs.get("input_ids"))
    shape = text.shape if isinstance(text, TensorSpec) else None
    if shape is None or len(shape) != 2:
        return logits, labels
    lost = product(shape[:1]) if shifted == BY_CALLER else 0
    if shifted == INSIDE or product(shape) - lost != number or labels is None:
        return logits, labels
    fits = given is not None and given[:2] == shape
    return (given if fits else logits), shape


def _arithmetic(call: Call) -> Call:
    """The innermost call of a loss, the first where there are several."""
    while True:
        below = [child for child in call.children if child.kind == "loss"]
        if not below:
            return call
        call = below[0]


def _shape(call: Call, names: tuple[str, ...]) -> Shape | None:
    inputs = call.inputs
    for name in names:
        spec: Spec | None = inputs.get(name)
        if isinstance(spec, ContainerSpec):
            spec = dict(spec.items()).get("logits")
        if isinstance(spec, TensorSpec):
            return spec.shape
    return None


def _places(facts: Mapping[str, Any], shifted: str | None, labels: Shape | None) -> tuple[LabelPlace, ...]:
    """Where the labels stand that are no class, in the batch as it was before the shift."""
    found = facts.get("out_of_range", ())
    values = facts.get("wrong_labels", (None,) * len(found))
    width = labels[1] if labels is not None and len(labels) == 2 else None
    if not isinstance(width, int) or width < 1 or labels is None:
        return tuple(LabelPlace(place, None, value) for place, value in zip(found, values, strict=False))
    moved = 1 if shifted in (INSIDE, BY_CALLER) else 0
    step = max(width if facts.get("labels") == product(labels) else width - moved, 1)
    return tuple(
        LabelPlace(place // step, place % step + moved, value)
        for place, value in zip(found, values, strict=False)
    )
