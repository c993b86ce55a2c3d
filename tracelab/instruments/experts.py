"""Mixture-of-experts forwards that are replaced by a function from a registry.

transformers 5 decorates expert classes with `use_experts_implementation`: the class's written `forward`
is only the eager fallback, and what runs is the registered function that the config names
(`grouped_mm` by default).  Peeling decorators would name code that never ran.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from ..describe import instance_dict


def implementation(module: Any, forward: Any) -> Any | None:
    """The function that will run in place of `forward`; None where forward itself runs."""
    code = forward.__code__ if type(forward) is FunctionType else None
    if code is None or not code.co_qualname.startswith("use_experts_implementation."):
        return None
    cells = dict(zip(code.co_freevars, forward.__closure__ or (), strict=False))
    config = instance_dict(module).get("config")
    if config is None or not {"experts_interface", "original_forward"} <= set(cells):
        return None
    original = cells["original_forward"].cell_contents
    return cells["experts_interface"].cell_contents.get_interface(config._experts_implementation, original)
