"""The functions between two calls, kept as a fact of the inner one (see `links`).

At the entry of a call the stack is walked from its caller up to the frame that called the enclosing call.
That frame is known by identity: it cannot end while the enclosing call is open.  What stands between it and
the wrapper of the enclosing call is not of this chain.

A chain is described once and stored once; a call like an earlier one costs the walk and a lookup.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from ..describe import file_name
from ..events import FACT
from ..links import AROUND, CHAIN, CHAINS_LOST, CUT, MACHINERY, OURS, OWN, Frame
from .noise import role_of
from .tally import Tally
from .tracebacks import is_ours

if TYPE_CHECKING:
    from .known import Known, Writer
    from .recorder import Recorder

FROM_OUTSIDE = 64
"""So many frames are kept of a call that no recorded call made."""

BETWEEN = 256
"""So many are kept between two calls."""

_RUNNER = f"{Path(__file__).parents[1] / 'script'}{os.sep}"

MOST = 10_000
"""So many different chains are kept; calls with further ones are counted."""


@dataclass(slots=True)
class Opened:
    """What is known of the calls that are open on one thread, by depth: code, and who called."""

    codes: list[CodeType | None] = field(default_factory=list)
    callers: list[int] = field(default_factory=list)

    def above(self, depth: int) -> tuple[CodeType | None, int]:
        """Code and caller of the call around one at `depth`."""
        return (self.codes[depth - 1], self.callers[depth - 1]) if depth else (None, 0)

    def open(self, depth: int, code: CodeType | None, caller: FrameType | None) -> None:
        """A call begins."""
        del self.codes[depth:], self.callers[depth:]
        while len(self.codes) < depth:  # an interrupt came between a call and its note
            self.codes.append(None)
            self.callers.append(0)
        self.codes.append(code)
        self.callers.append(id(caller))


class Chains:
    """The chains of one recording."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, ...], int] = {}
        self._codes: dict[int, CodeType] = {}
        self._lost = Tally()

    def note(self, recorder: Recorder, writer: Writer, known: Known, caller: FrameType | None) -> None:
        """A call begins: keep how it was reached."""
        try:
            depth, opened = writer.depth, writer.opened
            if opened is None:
                opened = writer.opened = Opened()
            code, boundary = opened.above(depth)
            frames = _between(caller, boundary, depth)
            opened.open(depth, known.code, caller)
            key = (id(code), *[part for frame in frames for part in (id(frame.f_code), frame.f_lasti)])
            number = self._numbers.get(key)
            if number is None:
                if len(self._numbers) >= MOST:
                    self._lost.tick()
                    return
                most = BETWEEN if depth else FROM_OUTSIDE
                described = _described(frames, code, known.breed.relays, most)
                number = recorder.facts.under((CHAIN, described), {CHAIN: described})
                self._keep(key, number, frames, code)
            writer.rows += (FACT, number, depth)
        except Exception as error:
            recorder.fault("chain", error)

    def remarks(self) -> dict[str, Any]:
        """What a reader has to know of the whole."""
        lost = self._lost.read()
        return {CHAINS_LOST: lost} if lost else {}

    def _keep(
        self, key: tuple[int, ...], number: int, frames: list[FrameType], above: CodeType | None
    ) -> None:
        # The codes first: their ids are theirs for as long as the recording lasts.
        self._codes.update({id(frame.f_code): frame.f_code for frame in frames})
        if above is not None:
            self._codes[id(above)] = above
        self._numbers[key] = number


def _between(caller: FrameType | None, boundary: int, depth: int) -> list[FrameType]:
    """The frames from the caller up to the wrapper of the enclosing call, innermost first.

    One more than is kept where there are too many.
    """
    frames: list[FrameType] = []
    most = BETWEEN if depth else FROM_OUTSIDE
    frame = caller
    while frame is not None and len(frames) <= most:
        if depth and id(frame) == boundary:
            return _without_the_last_wrapper(frames)
        if not depth and frame.f_code.co_filename.startswith(_RUNNER):
            break  # `tracelab run`: the program begins inside of this
        frames.append(frame)
        frame = frame.f_back
    if depth and frame is None:  # who called the enclosing call is not known: up to the first wrapper
        ours = [at for at, one in enumerate(frames) if is_ours(one.f_code)]
        return frames[: ours[0]] if ours else frames
    return frames


def _without_the_last_wrapper(frames: list[FrameType]) -> list[FrameType]:
    """What stands inside the outermost frames of ours."""
    end = len(frames)
    while end and not is_ours(frames[end - 1].f_code):
        end -= 1
    while end and is_ours(frames[end - 1].f_code):
        end -= 1
    return frames[:end]


def _described(
    frames: list[FrameType], above: CodeType | None, relays: tuple[CodeType, ...], most: int
) -> tuple[Frame, ...]:
    """The frames as they are kept, outermost first.

    `above`: the code of the enclosing call.  `relays`: `__call__`s of the callee's own classes.
    """
    own = max([at for at, frame in enumerate(frames) if frame.f_code is above], default=len(frames))
    found: list[Frame] = []
    inner = frames[0].f_code.co_filename if frames else ""
    for at, frame in enumerate(frames[:most]):
        code = frame.f_code
        outside = OWN if at == own else OURS if is_ours(code) else AROUND
        inside = MACHINERY if at < len(relays) and code in relays else role_of(frame, inner)
        role = inside if at < own else outside
        found.append((file_name(code.co_filename), frame.f_lineno or 0, code.co_qualname, role))
        inner = code.co_filename
    if len(frames) > most:
        found.append(("", 0, "", CUT))
    return tuple(reversed(found))
