"""What an optimizer finds when it steps: which parameters have a gradient, of what shape and how large.

    parameters        how many it has
    models            of which root models they are
    gradients         (name, shape) for each that has one
    without_gradient  names of those that have none, although they want one
    frozen            how many want none
    learning_rate     of each group, one number where all are equal               (values only)
    grad_norm         of all gradients together, as the optimizer gets them       (stats only)
    module_norms      (path, norm) for each module with parameters of its own     (stats only)
    group_norms       (number, norm) for each group, where there are several      (stats only)

A parameter knows no name.  It is looked up in the root models of the recording, in the plain dictionaries
that torch keeps of parameters; nothing of the host's is asked.  A parameter of no known model is called by
its group and place there: `group 0 [3]`.  Where an optimizer has parameters of several models, names begin
with the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..describe import gradient_of, instance_dict, norm_of, shape_of, value_in
from ..recorder import Tells
from .roots import Roots, children_of

MOST = 10_000
"""Parameters beyond these are not looked at."""


class Held(NamedTuple):
    """A parameter of an optimizer: its group, and the model and name that it has there."""

    group: int
    tensor: Any
    model: str | None
    name: str


def gradients_of(optimizer: Any, recorder: Any) -> Mapping[str, Any] | None:
    """The facts of an optimizer, as they are now."""
    groups = instance_dict(optimizer).get("param_groups")
    if type(groups) is not list:
        return None  # a wrapper such as accelerate's: the optimizer in it will say
    plain = [group for group in groups if type(group) is dict]
    held = list(_held(plain, getattr(recorder.locator, "roots", None)))
    models = tuple(dict.fromkeys(one.model for one in held if one.model))
    if len(models) > 1:
        held = [one if one.model is None else one._replace(name=f"{one.model}.{one.name}") for one in held]
    states = [gradient_of(one.tensor) for one in held]
    found: dict[str, Any] = {"parameters": len(held)}
    if models:
        found["models"] = models
    found["gradients"] = tuple(
        (one.name, shape_of(grad)) for one, (_, grad) in zip(held, states, strict=True) if grad is not None
    )
    missing = tuple(
        one.name for one, (wants, grad) in zip(held, states, strict=True) if wants and grad is None
    )
    frozen = sum(wants is False for wants, _ in states)
    if missing:
        found["without_gradient"] = missing
    if frozen:
        found["frozen"] = frozen
    if recorder.describer.keeps_values:
        found.update(_rates(plain))
    if recorder.describer.keeps_stats:
        found.update(_norms(held, [grad for _, grad in states]))
    return found


def _held(groups: list[dict[str, Any]], roots: Roots | None) -> Iterator[Held]:
    names = _names(roots)
    number = 0
    for group, of_group in enumerate(groups):
        parameters = of_group.get("params")
        for place, tensor in enumerate(parameters if type(parameters) is list else ()):
            number += 1
            if number > MOST:
                return
            model, name = names.get(id(tensor), (None, f"group {group} [{place}]"))
            yield Held(group, tensor, model, name)


def _names(roots: Roots | None) -> dict[int, tuple[str, str]]:
    """id of each parameter of the known root models -> label of the root, dotted name."""
    found: dict[int, tuple[str, str]] = {}
    for label, root in [] if roots is None else roots.known():
        waiting, seen = [("", root)], {id(root)}
        while waiting:
            path, module = waiting.pop()
            own = instance_dict(module).get("_parameters")
            for name, tensor in dict.items(own) if isinstance(own, dict) else ():
                found.setdefault(id(tensor), (label, f"{path}{name}"))
            for name, child in children_of(module):
                if id(child) not in seen:
                    seen.add(id(child))
                    waiting.append((f"{path}{name}.", child))
    return found


def _rates(groups: list[dict[str, Any]]) -> dict[str, Any]:
    rates = [group.get("lr") for group in groups]
    numbers = [
        float(rate) if isinstance(rate, (int, float)) else value_in(rate, waits=True) for rate in rates
    ]
    known = [number for number in numbers if number is not None]
    if not known or len(known) < len(rates):
        return {}
    return {"learning_rate": known[0] if len(set(known)) == 1 else tuple(known)}


def _norms(held: list[Held], grads: list[Any]) -> dict[str, Any]:
    norms = [None if grad is None else norm_of(grad) for grad in grads]
    if any(norm is None for norm, grad in zip(norms, grads, strict=True) if grad is not None):
        return {}  # one that cannot be read: a sum without it would be wrong
    known = [(one, norm) for one, norm in zip(held, norms, strict=True) if norm is not None]
    if not known:
        return {}

    by_module: dict[str, list[float]] = {}
    by_group: dict[int, list[float]] = {}
    for one, norm in known:
        by_module.setdefault(one.name.rpartition(".")[0], []).append(norm)
        by_group.setdefault(one.group, []).append(norm)
    found: dict[str, Any] = {
        "grad_norm": _together([norm for _, norm in known]),
        "module_norms": tuple((path, _together(norms)) for path, norms in by_module.items()),
    }
    if held[-1].group:
        found["group_norms"] = tuple((number, _together(norms)) for number, norms in by_group.items())
    return found


def _together(norms: list[float]) -> float:
    return math.sqrt(math.fsum(norm * norm for norm in norms))


def _before(optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], recorder: Any) -> Any:
    return None if _has_closure(args, kwargs) else gradients_of(optimizer, recorder)


def _after(optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, recorder: Any) -> Any:
    return gradients_of(optimizer, recorder) if _has_closure(args, kwargs) else None


def _has_closure(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return args[:1] not in ((), (None,)) or kwargs.get("closure") is not None


GRADIENTS = Tells(before=_before, after=_after, of_recorder=True)
"""Asked at entry; where a closure computes the gradients inside of the step, at its end."""
