"""Compiled code: what runs in it calls no Python of ours, so where it is entered is said at the place.

`torch.compile(model)`, `model.compile()`, a compiled function and the forward that `generate` compiles for a
static cache all enter their code by one door: `torch._dynamo.eval_frame` asks `_callback_from_stance` what
is to be done with the frames that follow.  None means that they run as plain Python, any other answer that
compiled code may run.  We hear the answer, so nobody else pays for it: the call that is open at that moment
gets the fact `compiled`.

Gotchas: the door is entered for each compiled region, not for each compiled call: where dynamo gave up in
the middle of a forward, the calls between two graphs are seen.  What is entered outside of every recorded
call is counted in `meta["compiled_regions"]`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..patching import Patches
from ..recorder import active

DYNAMO = "torch._dynamo"
"""The module whose loading brings compiled code into being."""

_DOOR = "torch._dynamo.eval_frame"
_NAME = "_callback_from_stance"


def attach(patches: Patches) -> None:
    """Listen at the door, if dynamo is loaded."""
    dynamo = sys.modules.get(_DOOR)
    if callable(getattr(dynamo, _NAME, None)):
        patches.own(dynamo, _NAME, _listening)


def _listening(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def callback_from_stance(callback: Any) -> Any:
        chosen = original(callback)
        if chosen is not None:
            for recorder in active.recorders:
                try:
                    recorder.note_compiled()
                except Exception as error:  # the compiled code runs all the same
                    recorder.fault("compiled", error)
        return chosen

    return callback_from_stance
