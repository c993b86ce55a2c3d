"""`optimizer.step`: where it is looked up, and what torch puts around it.

* The first optimizer of a class that is made puts torch's own wrapper on the class (profiling, hooks around
  a step).  Around ours it would keep ours for good, so it is put around what stood there before, and then we
  cut in again.
* A learning rate scheduler, when it is made, puts a function on the optimizer that calls what stood on the
  class at that moment; accelerate does so for mixed precision.  An optimizer that got its scheduler before
  the trace never comes by our patch.  But torch's wrapper tells the class of each step that is done
  (`_optimizer_step_code`, made for profilers).  A step that we did not see is recorded there, at its end,
  with the fact `late`: how long it took is to be read from what came before it.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from sys import _getframe as frame_above
from typing import Any

from ..describe import mro_of
from ..patching import Patches, PatchPoint
from ..recorder import Target, Tells, active, hide_our_lines, is_ours, original_of, reporter, unseen
from .families import Families
from .gradients import gradients_of

OPTIMIZER = PatchPoint("torch:optim.Optimizer")


def attach(patches: Patches, families: Families) -> None:
    """Cut in where torch hooks a class, and where it tells of a step that is done."""
    optimizer = OPTIMIZER.resolve()
    if isinstance(optimizer, type):
        patches.own(optimizer, "_patch_step_function", lambda original: _hooking(original, patches, families))
        patches.own(optimizer, "_optimizer_step_code", _telling)


def _hooking(original: Callable[..., Any], patches: Patches, families: Families) -> Callable[..., Any]:
    @functools.wraps(original)
    @unseen
    def _patch_step_function(self: Any) -> Any:
        out: list[type] = []
        try:
            if active.recorders and not getattr(type(self).step, "hooked", None):
                out = [cls for cls in mro_of(type(self)) if patches.take_out(cls, "step")]
        except Exception as error:  # torch will say what is wrong with the class
            active.fault("hooks of an optimizer", error)
        try:
            return original(self)
        except BaseException as error:
            hide_our_lines(error)
            raise
        finally:
            try:
                if out:
                    patches.turns.take(_put_back, out, type(self), families)
            except Exception as error:  # the optimizer is made all the same
                active.fault("hooks of an optimizer", error)

    return _patch_step_function


def _put_back(out: list[type], made: type, families: Families) -> None:
    for cls in (*out, made) if active.recorders else ():
        families.born(cls)


def _telling(original: Callable[..., Any]) -> Callable[..., Any]:
    targets: weakref.WeakKeyDictionary[type, Callable[..., Any]] = weakref.WeakKeyDictionary()

    @functools.wraps(original)
    @unseen
    def _optimizer_step_code(self: Any) -> Any:
        report = original
        try:
            # torch's wrapper has called us; it was called by ours, unless somebody held on to it.
            if active.recorders and not is_ours(frame_above(2).f_code):
                report = targets.get(type(self)) or targets.setdefault(type(self), _late(self, original))
        except Exception as error:  # the step is done, and nobody waits for an answer
            active.fault("end of a step", error)
        try:
            return report(self)
        except BaseException as error:
            hide_our_lines(error)
            raise

    return _optimizer_step_code


def _late(optimizer: Any, original: Callable[..., Any]) -> Callable[..., Any]:
    """Records the end of a step under the name of the step."""
    holder = next(cls for cls in mro_of(type(optimizer)) if "step" in vars(cls))
    step = original_of(vars(holder)["step"])
    target = Target("optimizer", "step", step, holder, name="step", tells=_LATE, through=_THROUGH)
    return reporter(target, original)


def _told(optimizer: Any, args: Any, kwargs: Any, recorder: Any) -> dict[str, Any]:
    return {**(gradients_of(optimizer, recorder) or {}), "late": True}


_LATE = Tells(before=_told, of_recorder=True)
_THROUGH = (
    "torch/optim/optimizer.py",
    "torch/optim/lr_scheduler.py",
    "accelerate/optimizer.py",
    "_bootstrap>",
)
"""The files between us and the line that called `step`; our own code has a name that ends in the last."""
