"""`tracelab.breakpoint()`: stop in the forward that really runs, at a place, a step, under a condition.

A breakpoint records while it stands, so that the tree so far is there when the program stops.  It stands from
the moment it is made until it is cleared, or to the end of its `with` block.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .session import trace

if TYPE_CHECKING:
    from .stops import Stopping


class Breakpoint:
    """A breakpoint that stands.  `trace`: what ran since it was made."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._session = trace()
        self._session.watchers = stopping
        stopping.trace = self.trace = self._session.__enter__()
        _standing.add(self)

    def clear(self) -> None:
        """Take it out; does nothing the second time."""
        _standing.discard(self)
        self._session.__exit__(None, None, None)

    @property
    def met(self) -> list[str]:
        """The names of the callees that it fits, of those that were called so far."""
        return sorted(self._stopping.met)

    def __enter__(self) -> Breakpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.clear()

    def __repr__(self) -> str:
        state = "standing" if self in _standing else "cleared"
        return f"<Breakpoint {self._stopping.place} {state}>"


_standing: set[Breakpoint] = set()
"""Those that nobody else may hold: `tracelab.breakpoint("...")` on a line of its own stands."""


def breakpoint(
    pattern: str,
    step: int | None = None,
    when: str | Callable[[dict[str, Any]], Any] | None = None,
    *,
    at_end: bool | None = None,
) -> Breakpoint:
    """Enter the debugger in calls that match: in the frame of the function that runs, not of a wrapper.

    pattern: `Owner.function`, a path such as `model.layers.3.self_attn`, or a file; `*` stands for anything.
        `PATTERN@4` is the same as `step=4`.
    step: only in this step of a generation or training, as `trace.steps()` counts them.
    when: an expression such as `"hidden_states.shape[1] > 1"`, `"nan(hidden_states)"`, `"nan(output)"`,
        `"error"` or `"n == 3"`, see `tracelab.stops.condition`; or a function that is given the names as a
        dictionary.
    at_end: ask at the end of the call, where `output` and `error` are known; by itself where the expression
        has one of them.

    The debugger is what `breakpoint()` would enter: pdb, with the commands `tree` and `call`, unless
    PYTHONBREAKPOINT says otherwise.  It stands until `.clear()`, `tracelab.reset()` or the end of a `with`.
    Raises SetupError for a pattern, step or condition that cannot be used.
    """
    from .stops import Condition, Place, Stopping  # brings pdb along

    return Breakpoint(Stopping(Place.parse(pattern, step), Condition(when, at_end)))
