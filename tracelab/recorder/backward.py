"""Whether autograd runs backward at this moment, in this thread: then the calls that come are its own.

Autograd numbers the tasks that it works on, and says the number of the present one.  That is asked of a call
that is not like the last one of its callee only, so the hot path knows nothing of it.  The first call of what
a checkpoint runs again is hardly ever like the last one, as the stack above it is another; where it could be
(`checkpoint(function)` outside of every module), `instruments.checkpoints` has the last one forgotten.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_NO_TASK = -1
"""What autograd answers in a thread where it does not run."""


class Backward:
    """Asks autograd; torch may be loaded later."""

    def __init__(self) -> None:
        self._task: Callable[[], int] | None = None

    def runs(self) -> bool:
        """Whether autograd runs backward in this thread."""
        task = self._task
        if task is None:
            engine: Any = getattr(sys.modules.get("torch"), "_C", None)
            if engine is None:
                return False
            task = self._task = getattr(engine, "_current_graph_task_id", _never)
        return task() != _NO_TASK


def _never() -> int:
    """The answer of a torch that cannot be asked."""
    return _NO_TASK
