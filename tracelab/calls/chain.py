"""The functions between a call and the one above it: by which lines it was reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..links import CHAIN, CUT, LINK, OWN, Frame
from ..values import inert


@dataclass(frozen=True, slots=True)
class Link:
    """A function on the way to a call.

    `line`: the one that calls on.  `function`: with its classes, as in `__qualname__`.  `noise`: empty for a
    link; else why it is none: around, decorator, machinery, attribute, part, ours (see `links`).
    """

    file: str
    line: int
    function: str
    noise: str = ""

    def __str__(self) -> str:
        return inert(f"{self.function} {self.file}:{self.line}")


@dataclass(frozen=True, slots=True)
class Chain:
    """How a call was reached, outermost first.

    `start`: the function of the call above, with its line that calls on; None where no call is above, or
    where that is no Python.  `links`: the functions between the two.  `frames`: all that was there, with the
    start and with those that only hand on.  `cut`: there were more frames outside of these.  `known`: False
    where nothing was kept, because `chain=True` was not asked for or there were too many different chains.
    """

    start: Link | None = None
    links: tuple[Link, ...] = ()
    frames: tuple[Link, ...] = ()
    cut: bool = False
    known: bool = True

    @property
    def hidden(self) -> int:
        """How many frames are noise."""
        return sum(bool(frame.noise) for frame in self.frames)

    @property
    def noise(self) -> tuple[Link, ...]:
        """The frames that are no link: what only hands on."""
        return tuple([frame for frame in self.frames if frame.noise])

    def __str__(self) -> str:
        if not self.known:
            return "not kept: chain=True keeps the functions between calls"
        start = () if self.start is None else (self.start,)
        words = " → ".join(map(str, (*start, *self.links))) or "no function between"
        return f"{words} (+{self.hidden} hidden)" if self.hidden else words


UNKNOWN_CHAIN = Chain(known=False)


def chain_of(facts: Mapping[str, Any]) -> Chain:
    """The chain of a call with these facts."""
    kept: Iterable[Frame] | None = facts.get(CHAIN)
    if kept is None:
        return UNKNOWN_CHAIN
    start, links, frames, cut = None, [], [], False
    for file, line, function, role in kept:
        if role == CUT:
            cut = True
            continue
        frame = Link(file, line, function, "" if role in (LINK, OWN) else role)
        frames.append(frame)
        if role == OWN:
            start = frame
        elif role == LINK:
            links.append(frame)
    return Chain(start, tuple(links), tuple(frames), cut)
