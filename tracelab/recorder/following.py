"""Which tensors went into a call and which came out, in a recording that follows them.

What is kept is numbers (see `passes.IDENTITIES`), for the calls whose lines are watched and for all
recorded calls in them.  Whether a call is inside a watched one is told by depth alone: a Ctrl-C may keep the
end of the watched call from being noted, and the next call that is not deeper puts it right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..events import FACT, Site
from ..passes import IDENTITIES, MOST_PLACES
from .known import OUTSIDE, Writer

if TYPE_CHECKING:
    from .lines import LinesOf
    from .recorder import Recorder

Places = tuple[tuple[str, int], ...]


class Follows(Protocol):
    """Who tells tensors apart.  `cut`: so many got no number."""

    cut: int

    def places(self, name: str, value: Any) -> Places:
        """The tensors in a value that has a name."""
        ...


class _Begun(NamedTuple):
    """A call that runs: what its lines are watched by, and what went in."""

    watch: Any
    inputs: Places


class FollowedOf:
    """One callee of such a recording.  `lines`: None where its own lines are not wanted."""

    __slots__ = ("_follows", "_lines", "_recorder", "_site")

    def __init__(self, recorder: Recorder, follows: Follows, site: Site, lines: LinesOf | None) -> None:
        self._recorder = recorder
        self._follows = follows
        self._site = site
        self._lines = lines

    def begin(self, writer: Writer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call begins: what to give back at its end; None if nothing is to be seen of it."""
        depth, lines = writer.depth - 1, self._lines
        if depth <= writer.inside:
            writer.inside = OUTSIDE
            if lines is None:
                return None
        inputs = self._inputs(args, kwargs)
        watch = None if lines is None else lines.begin(writer, args, kwargs)
        if writer.inside == OUTSIDE:
            if watch is None:
                return None
            writer.inside = depth
        return _Begun(watch, inputs)

    def end(self, begun: Any, writer: Writer, failed: bool, output: Any = None) -> None:
        """It has ended; what was seen is kept.  `begun`: what `begin` gave."""
        if begun is None:
            return
        if self._lines is not None:
            self._lines.end(begun.watch, writer, failed)
        recorder = self._recorder
        try:
            seen: dict[str, Places] = {"inputs": begun.inputs}
            if not failed:
                seen["output"] = self._follows.places("", output)
            if any(seen.values()) or begun.watch is not None:
                number = recorder.facts.under((IDENTITIES, *seen.items()), {IDENTITIES: seen})
                writer.rows += (FACT, number, writer.depth)
        except Exception as error:
            recorder.fault("identities", error)

    def _inputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Places:
        """The tensors that go in, by the names of the parameters, as a call binds them (`calls.bind`)."""
        try:
            names, rest, found = self._site.parameters, self._site.varargs or "args", ()
            follows: Any = self._follows
            for at, value in enumerate(args):
                name = names[at] if at < len(names) else f"{rest}[{at - len(names)}]"
                found += follows.places(name, value)
            taken = names[: len(args)]
            for name, value in kwargs.items():
                plain = name if type(name) is str else str.__str__(name)
                found += follows.places(f"**{plain}" if plain in taken else plain, value)
            return found[:MOST_PLACES]
        except Exception as error:
            self._recorder.fault("identities", error)
            return ()
