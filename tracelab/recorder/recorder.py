"""What happens between the wrapper and the lane: `enter`, `leave` and `fail`.

Entering costs one lookup of what is known of the callee, one signature (see `describe`) and one row of
three ints; leaving costs one spec and one row.  Nothing is locked: lists are appended and `itertools.count`
is advanced, because a signal handler, a `__del__` or the garbage collector may call a traced module in the
middle of any line here.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
from collections.abc import Callable
from itertools import count
from time import perf_counter_ns
from types import FrameType
from typing import TYPE_CHECKING, Any

from ..describe import Describer, Table, class_name
from ..events import FACT, Lane, Recording, Site, Visit, raised, returned
from ..packing import Packer
from ..values import inert
from . import active, stacks
from .callees import Callees
from .came import came, settle
from .known import Known, Writer
from .lines import Lines, Watchers
from .remarks import remarks
from .tally import Tally
from .target import Facts, Locator, Target

if TYPE_CHECKING:
    from .chains import Chains

log = logging.getLogger("tracelab")

_FAULTS_BEFORE_OFF = 100

PORTION = 10_000
"""So many calls after the last time, what was written is packed: before, they take a megabyte."""

COMPILED = "compiled"
"""The fact of a call that has run compiled code."""

FLAT = 1_000
"""A finished lane of fewer calls is not packed at all."""


class Recorder:
    """Turns running calls into the events of one recording.

    Calls deeper than `depth` and calls beyond the first `limit` are not kept but counted.  `summary`: of
    repeated calls keep the sums of their times only; `shapes=False`: names and times only.
    """

    def __init__(
        self,
        locator: Locator,
        describer: Describer,
        *,
        depth: int | None = None,
        limit: int = 1_000_000,
        summary: bool = False,
        shapes: bool = True,
        watchers: Watchers | None = None,
        chains: Chains | None = None,
    ) -> None:
        self.locator = locator
        self.describer = describer
        self.callees = Callees(locator, shapes)
        self.errors: Table[str] = Table()
        self.facts: Table[dict[str, Any]] = Table()
        self.faults: dict[str, int] = {}
        self.is_off = self.forked = False  # forked: the copy of a child, and what it has seen ends there
        self.started = perf_counter_ns()
        self._depth = sys.maxsize if depth is None else depth
        self.kept = count().__next__
        self.pause, self._limit = min(limit, PORTION), limit
        self._summary, self._shapes = summary, shapes
        self.lines = None if watchers is None else Lines(describer, watchers)
        self.chains = chains
        self._full = False
        self._dropped = Tally()
        self.compiled = Tally()  # regions that were entered outside of every recorded call
        self._writers: list[Writer] = []
        self.local: Any = stacks.told_apart(threading.local())

    # --- one call -------------------------------------------------------------------------------

    def enter(
        self, target: Target, it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType | None
    ) -> tuple[Writer, Known] | None:
        """Note that a call begins; None if it is not recorded."""
        if target.in_chains and self.chains is None:
            return None
        try:
            writer: Writer = self.local.writer
        except AttributeError:
            writer = self.new_writer()
        known = self.callees.known(target, it)
        depth = writer.depth
        if known is None:
            if self._full and (depth or self.locator.everything):
                self._dropped.tick()  # no more is learnt of callees that will never be kept
                return None
            known = self.callees.learn(target, it, self)
        if not depth and not known.may_begin:
            return None
        if depth >= self._depth:
            self._dropped.tick()
            return None
        number = self.kept()
        if number >= self.pause and not self.goes_on(writer, number):
            return None
        code, instruction, level, visit, _ = known.caller
        if caller is None or code is not caller.f_code or instruction != caller.f_lasti or level != depth:
            visit, _ = self.callees.visit(known, caller, depth)
        signature = known.takes.read(args, kwargs)
        if signature is None:
            signature = self.describer.usual_call(known.takes, args, kwargs)
        writer.rows += (visit, signature, perf_counter_ns())
        if self.chains is not None:
            self.chains.note(self, writer, known, caller)
        if target.tells is not None:
            self.tell(target, writer, target.tells.before, it, args, kwargs)
        return writer, known

    def meet(self, target: Target, it: Any, recorders: tuple[Recorder, ...]) -> Known | None:
        """What is known of a callee, for the hot path; None unless this recorder keeps all.

        It was seen to be alone in `recorders`.  What is learnt here is right for as long as they are the
        active ones: another trace may begin on another thread before this is done.
        """
        if not self.locator.everything or self._depth != sys.maxsize or self._full or self.chains:
            return None
        return self.callees.warm(target, it, self, recorders)

    def listens(self, target: Target) -> bool:
        """Whether this recorder wants to know what an instrument derives from the calls of a target."""
        tells = target.tells
        if tells is None or (tells.of_values and not self.describer.keeps_values):
            return False
        return tells.after is None or self._shapes

    def tell(self, target: Target, writer: Writer, ask: Callable[..., Facts] | None, *about: Any) -> None:
        """Keep what the instrument derives from a call: `ask` is told `about` it."""
        if ask is None or not self.listens(target):
            return
        try:
            facts = ask(*about, self if target.asks_more else self.describer.keeps_values)
            if facts:
                # They are plain numbers and words; what repeats at each step is stored once.
                number = self.facts.under(repr(facts), dict(facts))
                writer.rows += (FACT, number, writer.depth)
        except Exception as error:
            self.fault(f"facts of {target.function}", error)

    def leave(self, writer: Writer, known: Known, depth: int, output: Any) -> None:
        """Note that the call returned `output`."""
        now = perf_counter_ns()
        spec = known.gives.read(output)
        if spec is None:
            spec = self.describer.usual_value(known.gives, output)
        writer.rows += (returned(depth), spec, now)

    def fail(self, writer: Writer, depth: int, error: BaseException) -> None:
        """Note that `error` left the call."""
        try:
            now = perf_counter_ns()
            writer.rows += (raised(depth), self.errors.number(self.describer.error_name(error)), now)
        except Exception as fault:
            self.fault("fail", fault)

    def note_compiled(self) -> None:
        """Compiled code is entered now, whose calls nobody sees: say so at the innermost open call."""
        writer = getattr(self.local, "writer", None)
        if writer is None or not writer.depth:
            self.compiled.tick()
            return
        if self._full:
            return
        number = self.facts.under(COMPILED, {COMPILED: True})
        row = [FACT, number, writer.depth - 1]
        if writer.rows[-3:] != row:  # a loop over a compiled function says it once
            writer.rows += row

    def forget_callers(self) -> None:
        """A checkpointed forward is about to run again: its first call is to be looked at closely."""
        writer = getattr(self.local, "writer", None)
        self.callees.forget_callers(0 if writer is None else writer.depth)

    # --- what happens every few thousand calls --------------------------------------------------

    def goes_on(self, writer: Writer, number: int) -> bool:
        """Whether the `number`-th call is kept; from time to time what was written is packed."""
        if number >= self._limit:
            if not self._full:
                self._full = True
                self.callees.cool()
            self._dropped.tick()
            return False
        self.pause = min(self._limit, number + PORTION)
        if len(writer.rows) >= 3 * PORTION:
            self._pack(writer.lane)
        return True

    def _pack(self, lane: Lane, everything: bool = False) -> None:
        try:
            lane.pack(everything)
        except Exception as error:  # the rows are still there
            self.fault("pack", error)

    # --- what happens once for each thread, callee or caller ------------------------------------

    def new_writer(self) -> Writer:
        """The writer of this thread, which has none yet."""
        meaning = functools.partial(came, self.describer, self.errors.rows)  # not of this recorder: no cycle
        packer = Packer(self.describer.given, meaning, self.callees.visits.rows, self._summary)
        lane = Lane(stacks.thread_name(), packer=packer)
        writer = Writer(lane, lane.rows)
        if not self._full:  # otherwise it goes with its thread: a host may begin a thread for every call
            self._writers.append(writer)
        self.local.writer = writer
        return writer

    def learn_greenlets(self) -> None:
        """From now on greenlets are told apart, if there are any."""
        self.local = stacks.told_apart(self.local)

    def fault(self, place: str, error: BaseException) -> None:
        """Count a fault of ours by place; log the first of each place; stop recording after many."""
        try:
            where = f"{place}: {class_name(type(error))}"
            self.faults[where] = times = self.faults.get(where, 0) + 1
            if not self.is_off and sum(self.faults.values()) >= _FAULTS_BEFORE_OFF:
                self.is_off = True
                active.deactivate(self)
                where += f"; recording switched off after {_FAULTS_BEFORE_OFF} of them"
            elif times > 1:
                return
            log.error("tracelab: internal error in %s; the traced program is not affected", inert(where))
        except Exception:
            # The log handler is the host's, and near the recursion limit anything raises: the count stands.
            return

    def close(self) -> None:
        """The recording is over: let go of the host's classes; calls that still run stay open."""
        self.callees.forget()
        self.describer.forget()
        if self.lines is not None:
            self.lines.close()
        for writer in list(self._writers):
            writer.rows = []
        own = getattr(self.local, "writer", None)
        if own is not None and own.lane.blocks:
            self._pack(own.lane, everything=True)

    def settle(self) -> None:
        """Pack what is long enough, now that the recording is over and is to be read."""
        for writer in list(self._writers):
            if not writer.lane.blocks and len(writer.lane.rows) > 6 * FLAT:
                self._pack(writer.lane, everything=True)

    # --- reading --------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Changes whenever anything is recorded."""
        lanes = [writer.lane for writer in list(self._writers)]
        events = sum(len(lane.rows) - lane.rest()[1] + 3 * lane.rest()[0] for lane in lanes)
        return events, self._dropped.read() + sum(self.faults.values()) + self.forked

    def recording(self, meta: dict[str, Any]) -> Recording:
        """Everything seen so far; the tables and lanes are copies."""
        found = self.running(meta)
        # Signatures before specs, lanes before both: what is copied later knows all that came before.
        for lane in found.lanes:
            if not lane.blocks:  # every number is made one of the tables'
                settle(self.describer, lane.rows)
        found.signatures = self.describer.signatures()
        found.specs = self.describer.specs()
        found.errors = self.errors.listed("?")
        return found

    def running(self, meta: dict[str, Any]) -> Recording:
        """The same without specs, signatures and errors: the packers of the lanes know what numbers mean."""
        facts = self.facts.listed({})
        return Recording(
            lanes=[writer.lane.copy() for writer in list(self._writers)],
            visits=self.callees.visits.listed(Visit(0, 0, 0)),
            sites=self.callees.sites.listed(Site("method", "", "?", "?")),
            places=self.callees.places(),
            facts=facts if self.lines is None else list(map(self.lines.told, facts)),
            dropped=self._dropped.read(),
            faults=dict(self.faults),
            started=self.started,
            meta={**meta, **remarks(self)},
        )
