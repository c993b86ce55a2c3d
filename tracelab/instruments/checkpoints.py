"""Checkpoints: where autograd begins to run a forward for the second time.

The calls of a recomputation are told from those of the forward by asking autograd (`recorder.backward`),
but only calls that are not like the last one are looked at so closely.  So before a recomputation begins, the
last calls at this level of the tree are forgotten.  Both ways of `torch.utils.checkpoint` have a place of
their own for that, which is on no other way of the program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..patching import Patches, PatchPoint
from ..recorder import active, hide_our_lines, unseen

MODULE = "torch.utils.checkpoint"

_PLACES = (("CheckpointFunction", "backward"), ("_recomputation_hook", "__init__"))
"""The reentrant way, and the other one."""


def attach(patches: Patches) -> None:
    """Be told of recomputations, if torch's checkpoints are loaded."""
    for owner, name in _PLACES:
        holder = PatchPoint(f"{MODULE}:{owner}").resolve()
        if isinstance(holder, type):
            patches.own(holder, name, _telling)


def _telling(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    @unseen
    def begin(*args: Any, **kwargs: Any) -> Any:
        for recorder in active.recorders:
            try:
                recorder.forget_callers()
            except Exception as error:  # the recomputation goes on
                recorder.fault("checkpoint", error)
        try:
            return original(*args, **kwargs)
        except BaseException as error:
            hide_our_lines(error)
            raise

    return begin
