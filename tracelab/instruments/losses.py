"""Losses: what each is computed from, how many labels count, and by what the sum is divided.

    torch.nn.functional     cross_entropy, mse_loss, binary_cross_entropy_with_logits, ...  the arithmetic;
                            `nn.CrossEntropyLoss` and its like call these, so do losses that a user wrote
    LOSS_MAPPING            what `model.loss_function` gives: ForCausalLMLoss and its like
    fixed_cross_entropy     what most of those call; divides by `num_items_in_batch`
    LabelSmoother           the Trainer's own

    fact                    what it says
    function                ForCausalLMLoss, cross_entropy, ...
    labels, ignored         how many labels there are, and how many of them do not count
    denominator             what the sum of all terms is divided by: counted labels (their weights, where
                            classes have weights), or `num_items_in_batch`; 1 for a sum
    shifted                 whether the loss itself moves the labels by one: each token predicts the next
    reduction, ignore_index, classes, smoothing, weighted, num_items_in_batch
    out_of_range            where labels are that are no class: positions in the labels, counted through
    value                   the loss itself                                               (values only)

Labels are counted where they are in the memory of the host.  A loss that calls another one says only what
it knows itself; the read side joins the two (`analyses/losses`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest
from types import FunctionType
from typing import Any

from ..describe import count_labels, dtype_of, instance_dict, number_in, shape_of
from ..recorder import Tells
from .families import Family
from .functions import Functions

Given = dict[str, Any]

_BY_CLASS = ("cross_entropy", "nll_loss")
_ELEMENTWISE = (
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
    "soft_margin_loss",
    "gaussian_nll_loss",
    "poisson_nll_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
)
_OTHERS = (
    "ctc_loss",
    "cosine_embedding_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
)


def _given(function: FunctionType) -> Callable[[tuple[Any, ...], dict[str, Any]], Given]:
    """What binds the arguments of a call to the names of the function, with its defaults."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    defaults = function.__defaults__ or ()
    known = dict(zip(names[len(names) - len(defaults) :], defaults, strict=False))
    known.update(function.__kwdefaults__ or {})
    return lambda args, kwargs: {**known, **dict(zip(names, args, strict=False)), **kwargs}


def _size(tensor: Any) -> int | None:
    shape = shape_of(tensor)
    size = 1
    for one in shape:
        if type(one) is not int:
            return None
        size *= one
    return size


def _reduction(given: Given) -> Any:
    """`reduction`, or what the two older arguments say in its place."""
    average, reduce = given.get("size_average"), given.get("reduce")
    if average is None and reduce is None:
        return given.get("reduction")
    if reduce is False:
        return "none"
    return "sum" if average is False else "mean"


# --- torch.nn.functional ----------------------------------------------------------------------------


def _by_class(given: Given, values: bool) -> Given:
    """Cross entropy and its like: the target is a class for each place, or a probability for each class."""
    logits, target = shape_of(given.get("input")), given.get("target")
    axis = 1 if len(logits) > 1 else 0
    size = logits[axis] if len(logits) > axis else None
    classes = size if isinstance(size, int) else None
    total = _size(target)
    found: Given = {"classes": classes, "weighted": True if given.get("weight") is not None else None}
    smoothing = given.get("label_smoothing")
    found["smoothing"] = smoothing if type(smoothing) is float and smoothing else None
    if dtype_of(target).startswith(("float", "bfloat")):
        if total is not None and classes:
            found["labels"], found["ignored"] = total // classes, 0
            found["denominator"] = total // classes
        return found
    found["ignore_index"], found["labels"] = given.get("ignore_index"), total
    count = count_labels(target, given.get("ignore_index"), classes, given.get("weight"), waits=values)
    if count is not None and total is not None:
        found["ignored"] = count.ignored
        weighted = found["weighted"]
        found["denominator"] = count.weight if weighted else total - count.ignored
        if count.wrong:
            found["out_of_range"], found["wrong"] = count.places, count.wrong
            found["wrong_labels"] = count.values if values else None
    return found


def _elementwise(given: Given, values: bool) -> Given:
    """One term for each number that comes out, and shapes are broadcast: the mean is over all of them."""
    target = given.get("target", given.get("input"))
    heavy = any(given.get(name) is not None for name in ("weight", "pos_weight"))
    terms = _broadcast(shape_of(given.get("input", target)), shape_of(target))
    return {
        "labels": _size(target),
        "ignored": 0,
        "denominator": terms,
        "weighted": True if heavy else None,
    }


def _broadcast(one: tuple[Any, ...], other: tuple[Any, ...]) -> int | None:
    """How many numbers come out of two shapes; None where they do not fit or are not known."""
    size = 1
    for a, b in zip_longest(reversed(one), reversed(other), fillvalue=1):
        if type(a) is not int or type(b) is not int or (a != b and 1 not in (a, b)):
            return None
        size *= b if a == 1 else a
    return size


def _kl(given: Given, values: bool) -> Given:
    found = _elementwise(given, values)
    shape = shape_of(given.get("input"))
    if _reduction(given) == "batchmean" and shape:
        found["denominator"] = shape[0]
    return found


def _other(given: Given, values: bool) -> Given:
    """Losses of whole rows: the mean is over the rows of the batch."""
    lengths = shape_of(given.get("target_lengths"))
    return {
        "labels": _size(given.get("targets", given.get("target"))),
        "rows": lengths[0] if lengths else None,
    }


def _of_torch(find: Callable[[Given, bool], Given]) -> Callable[[FunctionType], Tells]:
    def tells(function: FunctionType) -> Tells:
        bind, name = _given(function), function.__name__

        def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool) -> Given:
            given = bind(args, kwargs)
            found = {"function": name, **find(given, values)}
            reduction = _reduction(given)
            if type(reduction) is str:
                found["reduction"] = reduction
                if reduction == "sum":
                    found["denominator"] = 1
                elif reduction == "none":
                    found.pop("denominator", None)
            return _plain(found)

        return Tells(before=before, after=_value)

    return tells


# --- transformers -----------------------------------------------------------------------------------


def _of_transformers(function: FunctionType) -> Tells:
    bind, name = _given(function), function.__name__

    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool) -> Given:
        given = bind(args, kwargs)
        found: Given = {"function": name}
        if "shift_labels" in given:
            found["shifted"] = given["shift_labels"] is None
        number = number_in(given.get("num_items_in_batch"), waits=values)
        if number is not None:
            found["num_items_in_batch"] = found["denominator"] = number
        return _plain(found)

    def after(
        it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
    ) -> Mapping[str, Any] | None:
        # A classification loss settles the type of the problem in its config when it first runs.
        problem = instance_dict(bind(args, kwargs).get("config")).get("problem_type")
        kind = {"problem_type": problem} if type(problem) is str and problem else {}
        return {**kind, **(_value(it, args, kwargs, output, values) or {})}

    return Tells(before=before, after=after)


def _smoothed(it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool) -> Given:
    """What the Trainer's label smoother is given."""
    own = instance_dict(it)
    names = ("model_output", "labels", "shift_labels", "num_items_in_batch")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    labels, ignore = given.get("labels"), own.get("ignore_index", -100)
    shifted = given.get("shift_labels") is True
    found: Given = {
        "function": "LabelSmoother",
        "smoothing": own.get("epsilon", 0.1),
        "ignore_index": ignore,
        "shifted": shifted,
        "reduction": "mean",
    }
    shape, total = shape_of(labels), _size(labels)
    if shifted and len(shape) > 1:
        width = shape[-1]
        total = total // width * (width - 1) if total and isinstance(width, int) else None
    found["labels"] = total
    count = count_labels(labels, ignore, None, None, waits=values, first=1 if shifted else 0)
    if count is not None and total is not None:
        found["ignored"], found["denominator"] = count.ignored, total - count.ignored
    number = number_in(given.get("num_items_in_batch"), waits=values)
    if number is not None:
        found["num_items_in_batch"] = found["denominator"] = number
    return _plain(found)


# --- what all have in common ------------------------------------------------------------------------


def _value(
    _: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    """The loss itself, if it is one number and values are kept."""
    found = number_in(output, waits=True) if values and shape_of(output) == () else None
    return {"value": found} if type(found) in (int, float) else None  # a complex one is no loss


def _plain(found: Given) -> Given:
    """Only what is known, and only numbers and words of exactly these types."""
    return {
        name: fact
        for name, fact in found.items()
        if type(fact) in (bool, int, float, str) or type(fact) is tuple
    }


FAMILIES = (
    Family(
        base="transformers.trainer_pt_utils:LabelSmoother",
        names=("__call__",),
        kind="loss",
        tells={"__call__": Tells(before=_smoothed, after=_value)},
    ),
)

FUNCTIONS = (
    Functions(
        place="torch.nn.functional",
        names=(*_BY_CLASS, *_ELEMENTWISE, *_OTHERS),
        kind="loss",
        tells={
            **dict.fromkeys(_BY_CLASS, _of_torch(_by_class)),
            **dict.fromkeys(_ELEMENTWISE, _of_torch(_elementwise)),
            **dict.fromkeys(_OTHERS, _of_torch(_other)),
            "kl_div": _of_torch(_kl),
        },
        after="torch",
        inlined=False,
    ),
    Functions(
        place="transformers.loss.loss_utils:LOSS_MAPPING",
        names=None,
        kind="loss",
        usual=_of_transformers,
    ),
    Functions(
        place="transformers.loss.loss_utils",
        names=("fixed_cross_entropy",),
        kind="loss",
        usual=_of_transformers,
    ),
)
