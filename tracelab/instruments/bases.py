"""Which parts of a model are its base: what is left of it is the head.

`BertForSequenceClassification` is a `BertModel` and what a task needs on top of it. A library model names
the base in `base_model_prefix` (`bert`, `transformer`, `model`); an encoder-decoder model may have none of
that name (T5), but its encoder and its decoder are library models themselves. So are the parts of a module
that a user built around an `AutoModel`.

Read past all code of the model's classes, once for each model that is met.
"""

from __future__ import annotations

from typing import Any

from ..describe import dict_of_class, mro_of
from .roots import children_of

PREFIX = "base_model_prefix"


def base_of(module: Any) -> tuple[str, ...]:
    """The names of the parts of `module` that are its base; empty where it has no such parts."""
    children = children_of(module)
    prefix = _prefix(type(module))
    named = [name for name, _ in children if name == prefix]
    return tuple(named or [name for name, child in children if _prefix(type(child)) is not None])


def is_library_model(module: Any) -> bool:
    """Whether a module is a model of the library, or of a class made from one."""
    return _prefix(type(module)) is not None


def _prefix(cls: type) -> str | None:
    """What a class says of its base; None for one that is no library model."""
    for base in mro_of(cls):
        found = dict_of_class(base).get(PREFIX)
        if found is not None:
            return found if type(found) is str else None
    return None
