"""Programs that copy, pickle, save and inspect what is being traced, while it is traced."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...attacks.observed import seen
from ...models import ZOO
from .host import Host


def copied(entry: str) -> Callable[[Any], Any]:
    """The model and its output, copied and pickled within the trace; the copies run too."""

    def act(model: Any) -> Any:
        inputs = ZOO[entry].inputs()
        with torch.no_grad():
            output = model(**inputs)
            others = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)]
            others.append(through_file(model))
            outputs = [other(**inputs) for other in others]
        again = [copy.deepcopy(output), pickle.loads(pickle.dumps(output)), copy.copy(output)]
        calls = [pickle.loads(pickle.dumps(one))(**inputs) for one in (model.__call__, model.forward)]
        return seen(model), [seen(other) for other in others], output, outputs, again, calls

    return act


def through_file(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


def state(model: Any) -> Any:
    """The state, and how it comes back with what was left out of it."""
    before = model.state_dict()
    model(**ZOO["llama"].inputs())
    told = model.load_state_dict({**before, "more": torch.ones(1)}, strict=False)
    return before, before._metadata, list(told.missing_keys), list(told.unexpected_keys), model


def looked_at(model: Any) -> Any:
    """Signatures, attributes and texts of all that a trace patches; base classes get one name more."""
    found = []
    for cls in {type(part): 0 for part in model.modules()}:
        for above in cls.__mro__:
            names = {name for name in vars(above) if name != "__init_subclass__"}
            found.append((cls.__name__, above.__qualname__, sorted(names), sorted(dir(above))))
    for part in model.modules():
        for name in ("forward", "__call__", "generate", "prepare_inputs_for_generation", "_sample"):
            function = getattr(part, name, None)
            if function is not None:
                found.append((name, *known(function), function.__self__ is part))
    return found, repr(model), nn.Module.__call__.__qualname__


def known(function: Any) -> tuple[Any, ...]:
    plain = inspect.unwrap(function)
    return (
        str(inspect.signature(function)),
        [
            (one.name, str(one.kind), repr(one.default))
            for one in inspect.signature(function).parameters.values()
        ],
        (function.__name__, function.__qualname__, function.__module__, function.__doc__),
        str(function.__annotations__),
        inspect.getsource(plain),
        inspect.ismethod(function),
        inspect.iscoroutinefunction(function),
    )


def born(model: Any) -> Any:
    """Classes made in the trace: by `class`, by `type`, with options, below one another."""

    class Own(type(model)):  # type: ignore[misc]
        def __init_subclass__(cls, /, kind: str = "none", **options: Any) -> None:
            super().__init_subclass__(**options)
            cls.kind = kind

    class Below(Own, kind="below"):
        def forward(self, features: torch.Tensor, scale: float = 2.0) -> Any:
            return super().forward(features, scale)

    made = type("Made", (Below,), {"__doc__": "made"})
    torch.manual_seed(0)
    return made()(torch.ones(1, 5, 8)), made.kind, Below.kind, [cls.__name__ for cls in made.__mro__]


LLAMA = ZOO["llama"].build
OBJECTS = [
    *(Host(f"{name} copied", ZOO[name].build, copied(name)) for name in ("llama", "bert", "t5", "mamba")),
    Host("state", LLAMA, state),
    Host("looked at", LLAMA, looked_at, opaque=True),
    Host("looked at whisper", ZOO["whisper"].build, looked_at, opaque=True),
    Host("classes born", ZOO["handmade"].build, born),
]
