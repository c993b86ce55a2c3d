"""Models that were built while the trace ran: what they compute with is random, until somebody loads weights.

`AutoModel.from_config(...)` and `BertModel(config)` give a model that knows nothing. At the end of every such
constructor stands `post_init`, so that is where we are told; it is no call of the trace. `from_pretrained`
runs it too, and tells that it loaded. When the model is first called it is still as it was built if nothing
has written into the first of its parameters since: torch counts that. A `load_state_dict` writes into all.

A model may be put together of others, which were loaded or came from before the trace: then it is not known.
Nothing is kept alive.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..describe import instance_dict, version_of
from ..patching import Patches, PatchPoint
from ..recorder import active, hide_our_lines, unseen
from .bases import is_library_model
from .roots import children_of

BASE = "transformers.modeling_utils:PreTrainedModel"

MANY = 64
"""Of so many models those that are gone are forgotten."""


class _Built(NamedTuple):
    """A model as it was when it was built."""

    model: weakref.ref[Any]
    first: weakref.ref[Any]
    version: int


class Made:
    """The models that were built during one recording."""

    def __init__(self) -> None:
        self._built: dict[int, _Built] = {}

    def note(self, model: Any) -> None:
        """`model` was built a moment ago."""
        first = next(_parameters(model), None)
        version = None if first is None else version_of(first)
        config = instance_dict(instance_dict(model).get("config"))
        if version is None or config.get("use_pretrained_backbone") is True:
            return
        if len(self._built) >= MANY:
            self._built = {key: one for key, one in self._built.items() if one.model() is not None}
        self._built[id(model)] = _Built(weakref.ref(model), weakref.ref(first), version)

    def forget(self, model: Any) -> None:
        """Weights were loaded into `model`."""
        for one in _modules(model):
            self._built.pop(id(one), None)

    def is_as_built(self, model: Any) -> bool:
        """Whether `model` and all models that it is made of are as they were built."""
        return id(model) in self._built and all(
            self._is_untouched(one) for one in _modules(model) if is_library_model(one)
        )

    def _is_untouched(self, model: Any) -> bool:
        built, first = self._built.get(id(model)), next(_parameters(model), None)
        if first is None:
            return True
        if built is None or built.model() is not model or built.first() is not first:
            return False
        return version_of(first) == built.version


def _modules(module: Any) -> Iterator[Any]:
    """A module and all below it, each once, outermost first."""
    waiting, seen = [module], {id(module)}
    while waiting:
        one = waiting.pop()
        yield one
        for _, child in reversed(children_of(one)):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _parameters(module: Any) -> Iterator[Any]:
    for one in _modules(module):
        own = instance_dict(one).get("_parameters")
        yield from [tensor for tensor in dict.values(own) if tensor is not None] if type(own) is dict else ()


def attach(patches: Patches) -> None:
    """Be told of models that are built, if transformers is loaded."""
    holder = PatchPoint(BASE).resolve()
    if isinstance(holder, type):
        patches.own(holder, "post_init", _telling)


def _telling(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    @unseen
    def post_init(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            output = original(self, *args, **kwargs)
        except BaseException as error:
            hide_our_lines(error)
            raise
        for recorder in active.recorders:
            try:
                made = getattr(recorder.locator, "made", None)
                if made is not None:
                    made.note(self)
            except Exception as error:  # the model is built
                recorder.fault("built", error)
        return output

    return post_init
