"""Between the wrapper and whoever watches lines: begin with a call, end with it, keep what was seen.

What was seen of a call is a fact of it, `lines`; equal passes are stored once, as all facts.  It is kept with
numbers in place of specs, which it gets when the recording is read.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import TYPE_CHECKING, Any, Protocol

from ..describe import Describer
from ..events import FACT, LINES_LOST, UNFOLLOWED, Site
from ..passes import LINES, Pass
from ..values import Spec
from .following import FollowedOf, Follows
from .known import Writer

if TYPE_CHECKING:
    from .recorder import Recorder


class Watchers(Protocol):
    """Who watches lines: asked once for each callee, and at the beginning and end of its calls.

    `lost`: how often somebody else took the place of the tracer, by name.  `identities`: tells tensors apart,
    where they are followed.
    """

    lost: dict[str, int]

    @property
    def identities(self) -> Follows | None:
        """None where nothing is followed."""
        ...

    def watched(self, site: Site, code: CodeType | None) -> Any:
        """How calls at `site` are watched; None if they are not."""
        ...

    def begin(self, watched: Any, see: Callable[[Any], int], fault: Callable[[str, Exception], None]) -> Any:
        """A call begins; `see` gives the number of the spec of a value.  None if it is not watched."""
        ...

    def end(self, watch: Any, failed: bool) -> Any:
        """It has ended: what was seen, with numbers in place of specs; None for nothing."""
        ...

    def passed(self, seen: Any, spec: Callable[[int], Spec]) -> Pass:
        """What was seen, with specs."""
        ...

    def close(self) -> None:
        """The recording is over."""
        ...


class Lines:
    """The lines of one recording.  It does not know the recorder: they would need the collector to go."""

    def __init__(self, describer: Describer, watchers: Watchers) -> None:
        self._describer = describer
        self._watchers = watchers

    def of(self, site: Site, code: CodeType | None, recorder: Recorder) -> LinesOf | FollowedOf | None:
        """Those of the calls at a site, whose function has this code; None if nobody wants them."""
        lines, follows = self._of(site, code, recorder), self._watchers.identities
        return lines if follows is None else FollowedOf(recorder, follows, site, lines)

    def _of(self, site: Site, code: CodeType | None, recorder: Recorder) -> LinesOf | None:
        try:
            watched = self._watchers.watched(site, code)
        except Exception as error:
            recorder.fault("lines", error)
            return None
        return None if watched is None else LinesOf(recorder, self._watchers, watched)

    def told(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Facts as a reader gets them."""
        if LINES not in facts:
            return facts
        return {LINES: self._watchers.passed(facts[LINES], self._spec)}

    def remarks(self) -> dict[str, Any]:
        """What a reader has to know of the whole: who took the place of the tracer, and how often."""
        lost, follows = self._watchers.lost, self._watchers.identities
        cut = 0 if follows is None else follows.cut
        return {**({LINES_LOST: dict(lost)} if lost else {}), **({UNFOLLOWED: cut} if cut else {})}

    def close(self) -> None:
        """The recording is over."""
        self._watchers.close()

    def _spec(self, number: int) -> Any:
        form, sizes = self._describer.came(number)
        return form.fill(sizes)


class LinesOf:
    """The lines of one callee."""

    __slots__ = ("_recorder", "_watched", "_watchers")

    def __init__(self, recorder: Recorder, watchers: Watchers, watched: Any) -> None:
        self._recorder = recorder
        self._watchers = watchers
        self._watched = watched

    def begin(self, writer: Writer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call begins: what to give back at its end; None if nothing is to be seen of it."""
        recorder = self._recorder
        try:
            return self._watchers.begin(self._watched, recorder.describer.see, recorder.fault)
        except Exception as error:
            recorder.fault("lines", error)

    def end(self, watch: Any, writer: Writer, failed: bool, output: Any = None) -> None:
        """It has ended; what was seen is kept.  `watch`: what `begin` gave."""
        recorder = self._recorder
        try:
            seen = None if watch is None else self._watchers.end(watch, failed)
            if seen is None:
                return
            writer.rows += (FACT, recorder.facts.under(seen, {LINES: seen}), writer.depth)
        except Exception as error:
            recorder.fault("lines", error)
