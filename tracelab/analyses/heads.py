"""Heads: the layers of a model that stand outside its base, and what a pipeline does with their logits.

Which parts are the base was noted at the first call of the model (`meta["bases"]`, see
`instruments/bases`). The head is what the model's own forward calls after the last of them. What a pipeline
applies is a call below its `postprocess` where that is a function of its own; of the pipelines that ask the
tensor it is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..calls import Call, Head, Trace, is_below
from ..values import ContainerSpec, Dim, TensorSpec, first
from . import loading
from .shifts import logits_of

BASES = "bases"
"""Where `meta` says which parts of a model are its base: label of the root -> path -> names."""

FUNCTIONS = ("softmax", "sigmoid")

PROBABLE = frozenset({"Softmax", "Sigmoid"})
"""Layers at whose end there are probabilities."""

ASK_THE_TENSOR = {
    "TokenClassificationPipeline": ("softmax", "argmax"),
    "FillMaskPipeline": ("softmax", "sort"),
    "ZeroShotClassificationPipeline": (None, "sort"),
    "AudioClassificationPipeline": (None, "sort"),
    "VideoClassificationPipeline": (None, "sort"),
    "ObjectDetectionPipeline": ("softmax", "argmax"),
}
"""What pipelines do that have no function for it; None: it hangs on the model."""

Shape = tuple[Dim, ...]


def heads(trace: Trace) -> list[Head]:
    """One row for each model that has a head, in the order of their first calls."""
    found: list[Head] = trace.memo("heads", lambda: _all(trace))
    return list(found)


def is_head(trace: Trace, call: Call) -> bool:
    """Whether a call is one of a layer in the head of its model."""
    known: set[tuple[str | None, str | None]] = trace.memo(
        "places in heads",
        lambda: {(layer.root, layer.path) for head in heads(trace) for layer in head.layers},
    )
    return call.kind == "module" and (call.root, call.path) in known


def is_last(trace: Trace, call: Call) -> bool:
    """Whether a call is one of the last layer of a head that gives what its model calls logits."""
    known: set[tuple[str | None, str | None]] = trace.memo(
        "ends of heads",
        lambda: {
            (head.layers[-1].root, head.layers[-1].path)
            for head in heads(trace)
            if head.probabilities is False
        },
    )
    return call.kind == "module" and (call.root, call.path) in known


def _all(trace: Trace) -> list[Head]:
    said = trace.meta.get(BASES)
    told = said if isinstance(said, dict) else {}  # a file may say anything there
    bases: Mapping[str, Any] = {root: base for root, base in told.items() if isinstance(base, dict)}
    columns = trace.columns
    wanted = [
        site.kind == "module" and site.path is not None and site.path in bases.get(site.root or "", {})
        for site in columns.sites
    ]
    models: dict[tuple[str | None, str | None], list[Call]] = {}
    for row in columns.rows_at(wanted) if any(wanted) else ():
        call = Call(trace, row)
        models.setdefault((call.root, call.path), []).append(call)
    made = [_head(trace, calls, bases) for calls in models.values()]
    return [head for head in made if head is not None]


def _head(trace: Trace, calls: list[Call], bases: Mapping[str, Any]) -> Head | None:
    model = calls[0]
    names = bases[model.root or ""][model.path or ""]
    names = names if isinstance(names, (list, tuple)) else ()
    prefix = f"{model.path}." if model.path else ""
    base = {prefix + str(name) for name in names}
    parts = [child for child in model.children if child.kind == "module" and child.root == model.root]
    last = max((index for index, part in enumerate(parts) if part.path in base), default=None)
    layers = [part for part in parts[last + 1 :] if part.path] if last is not None else []
    if not layers:
        return None
    logits, output = logits_of(model), _tensor(layers[-1].output)
    post = _postprocess(trace, model)
    applies, picks = applied(post) if post is not None else (None, None)
    return Head(
        model=model,
        base=tuple(map(str, names)),
        layers=tuple(layers),
        input=next(iter(map(_tensor, layers[0].inputs.values())), None),
        output=output,
        logits=logits,
        calls=len(calls),
        one_place=bool(output and logits and len(output) == len(logits) + 1 and output[-1] == logits[-1]),
        applies=applies,
        picks=picks,
        postprocess=post if applies or picks else None,
        probabilities=_probabilities(model, layers[-1], output, logits),
        newly_initialised=tuple(_fresh(trace, model, layers)),
        random=loading.is_random(trace, model),
    )


def _probabilities(model: Call, last: Call, output: Shape | None, logits: Shape | None) -> bool | None:
    """Whether a head gives probabilities: no, if the model calls it logits and no such layer is its end."""
    if last.owner in PROBABLE:
        return True if output == logits else None
    named = isinstance(model.output, ContainerSpec) and "logits" in dict(model.output.items())
    return False if named and last.owner != "LogSoftmax" else None


def _fresh(trace: Trace, model: Call, layers: list[Call]) -> Iterator[str]:
    """The weights in these layers, and in what they are made of, that no file had, by their names."""
    for (root, path), weights in loading.fresh_before(trace, model).items():
        if root == (model.root or "") and any(_is_at(path, layer.path or "") for layer in layers):
            yield from (f"{path}.{weight}" for weight in weights)


def _is_at(path: str, layer: str) -> bool:
    return path == layer or is_below(path, layer)


def _tensor(spec: Any) -> Shape | None:
    found = spec if isinstance(spec, TensorSpec) else first(spec, TensorSpec) if spec is not None else None
    return found.shape if isinstance(found, TensorSpec) else None


def _postprocess(trace: Trace, model: Call) -> Call | None:
    """The first `postprocess` after a model call of the pipeline that made it."""
    pipelines = [
        above.owner for above in model.ancestors if above.function == "forward" and above.path is None
    ]
    if not pipelines:
        return None
    later = (call for call in trace.find("*.postprocess") if call.id > model.id)
    return next((call for call in later if call.owner in pipelines), None)


def applied(post: Call) -> tuple[str | None, str | None]:
    """The function that a `postprocess` applied to the logits, and what it did with the result.

    Nothing is known of pipelines that are neither in the table nor call such a function: one that writes a
    text chooses among the logits in `generate`.
    """
    found, picks = ASK_THE_TENSOR.get(post.owner, (None, None))
    called = [call.function for call in post.children if call.kind == "function"]
    function = next((name for name in called if name in FUNCTIONS), None)
    if function is None and post.owner == "TextClassificationPipeline":
        function = "none"
    if function is not None and picks is None and isinstance(post.output, ContainerSpec):
        picks = "argmax" if post.output.type == "dict" else "sort"
    return function or found, picks
