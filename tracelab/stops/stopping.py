"""What a recorder asks of the breakpoints of one recording: is this callee meant; a call begins, and ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType, TracebackType
from typing import Any

from ..calls import Call, Trace
from ..events import Site
from ..lines import the_gate
from .condition import Condition
from .debugger import chosen, enter, post_mortem
from .place import Place
from .report import here
from .stop import Stop

_ANEW = "generate"


@dataclass(slots=True)
class _Meant:
    """A callee that is meant, and how often it was called.

    One without code is where steps are counted anew: to look up the step of a call takes a look at the whole
    trace, which is not done for each of the many calls after the step that is meant.
    """

    site: Site
    code: CodeType | None
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))


class Stopping:
    """One breakpoint.  `trace`: what is recorded, once the recording has begun."""

    def __init__(self, place: Place, condition: Condition) -> None:
        self.place = place
        self.condition = condition
        self.trace: Trace | None = None
        self.lost: dict[str, int] = {}
        self.identities = None  # nothing is followed
        self.met: set[str] = set()
        self._gate = the_gate()
        self._passed = False

    def watched(self, site: Site, code: CodeType | None) -> _Meant | None:
        """The callee at `site`, if it is meant and has a frame to stop in."""
        if not self.place.choice.fits(site):
            return _Meant(site, None) if site.function == _ANEW else None
        self.met.add(site.name)
        return None if code is None else _Meant(site, code)

    def begin(
        self, meant: _Meant, see: Callable[[Any], int], fault: Callable[[str, Exception], None]
    ) -> Stop | None:
        """A call begins, on this thread."""
        number, site, code = next(meant.numbers), meant.site, meant.code
        if code is None:
            self._passed = False
            return None
        if self._passed or (self.place.step is not None and number <= self.place.step):
            return None  # at step 4 a callee has been called four times before, at least

        def may() -> bool:
            return self._is_at_step(site)

        def stop(frame: FrameType, traceback: TracebackType | None) -> None:
            self._enter(site, frame, traceback)

        watch = Stop(code, number, self.condition, may, stop, fault)
        self._gate.open(watch)
        return watch

    def end(self, watch: Stop, failed: bool) -> None:
        """It has ended."""
        self._gate.close(watch)
        if failed:
            watch.failed()

    def passed(self, seen: Any, spec: Callable[[int], Any]) -> Any:
        """No lines are kept."""
        raise NotImplementedError("a breakpoint keeps no lines")

    def close(self) -> None:
        """The recording is over."""
        self._gate.tidy()

    # --- the call that runs -----------------------------------------------------------------------

    def _is_at_step(self, site: Site) -> bool:
        step = self.place.step
        if step is None:
            return True
        call = self._call(site)
        at = None if call is None else call.step
        self._passed = at is not None and at > step
        return at == step

    def _call(self, site: Site) -> Call | None:
        """The latest open call at the site."""
        if self.trace is None:
            return None
        calls = self.trace.calls
        for number in range(len(calls) - 1, -1, -1):
            call = calls[number]
            if call.status == "open" and call.name == site.name:
                return call
        return None

    def _enter(self, site: Site, frame: FrameType, traceback: TracebackType | None) -> None:
        def call() -> str:
            return self._safely(lambda: here(self._call(site), self.place, traceback is not None))

        def tree() -> str:
            return self._safely(lambda: str(self.trace))

        if traceback is None:
            enter(frame, tree, call, ending=self.condition.at_end)
        elif chosen() is not None:
            post_mortem(traceback, tree, call)

    def _safely(self, say: Callable[[], str]) -> str:
        """A text, or why there is none: a fault of ours must not come out in the host's function."""
        try:
            return say()
        except Exception as error:
            return f"tracelab: this cannot be told: {type(error).__name__}"
