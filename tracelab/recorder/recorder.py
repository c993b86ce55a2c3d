"""What happens between the wrapper and the lane: `enter`, `leave` and `fail`.

Entering costs one lookup of what is known of the callee, one signature (see `describe`) and one row of
three ints; leaving costs one spec and one row.  Nothing is locked: lists are appended and `itertools.count`
is advanced, because a signal handler, a `__del__` or the garbage collector may call a traced module in the
middle of any line here.

The line of the caller is kept as (code object, instruction): computing the line number takes ten times as
long and is left to the end.
"""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any

from ..describe import Describer, Table, class_name, dict_of_class, file_name, mro_of
from ..events import FACT, UNKNOWN, Lane, Place, Recording, Site, Visit, raised, returned
from .active import deactivate
from .tally import Tally
from .target import Locator, Target

log = logging.getLogger("tracelab")

_FAULTS_BEFORE_OFF = 100


_NOTHING = (None, None, UNKNOWN)


@dataclass(eq=False, slots=True)
class Known:
    """What a recorder knows of one callee.

    Most calls are like the last one of the same callee: from the same line, with one tensor of the same
    shape and dtype.  So the last one is remembered, each side as one tuple that is replaced as a whole,
    because threads share it: `caller` (code, instruction, depth, visit), `took` and `gave` (shape, dtype
    of one plain CPU tensor, number of the signature or spec).  `relays`: see `_relays`.
    """

    reference: Any
    site: int
    may_begin: bool
    caller: tuple[CodeType | None, int, int, int] = (None, UNKNOWN, UNKNOWN, UNKNOWN)
    took: tuple[Any, Any, int] = _NOTHING
    gave: tuple[Any, Any, int] = _NOTHING
    relays: tuple[CodeType, ...] = ()


@dataclass(eq=False, slots=True)
class Writer:
    """The lane of one thread while it is being written, and how many recorded calls are open in it."""

    lane: Lane
    rows: list[int]
    depth: int = 0


class Recorder:
    """Turns running calls into the events of one recording.

    Calls deeper than `depth` and calls beyond the first `limit` are not kept but counted.
    """

    def __init__(
        self, locator: Locator, describer: Describer, *, depth: int | None = None, limit: int = 1_000_000
    ) -> None:
        self.locator = locator
        self.describer = describer
        self.sites: Table[Site] = Table()
        self.callers: Table[tuple[CodeType, int]] = Table()
        self.visits: Table[Visit] = Table()
        self.errors: Table[str] = Table()
        self.facts: Table[dict[str, Any]] = Table()
        self.faults: dict[str, int] = {}
        self.started = perf_counter_ns()
        self._books: defaultdict[Target, dict[int, Known]] = defaultdict(dict)
        self._depth = sys.maxsize if depth is None else depth
        self._limit = limit
        self._kept = count()
        self._full = False
        self._by_object = not locator.everything  # then one tokenizer is followed and its twin is not
        self._dropped = Tally()
        self._writers: list[Writer] = []
        self._local = threading.local()

    # --- the hot path ---------------------------------------------------------------------------

    def enter(
        self, target: Target, it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType | None
    ) -> tuple[Writer, Known] | None:
        """Note that a call begins; None if it is not recorded."""
        try:
            writer: Writer = self._local.writer
        except AttributeError:
            writer = self._new_writer()
        by_object = target.by_object or self._by_object
        known = self._books[target].get(id(it if by_object else type(it)))
        depth = writer.depth
        if known is None:
            if self._full and (depth or self.locator.everything):
                self._dropped.tick()  # no more is learnt of callees that will never be kept
                return None
            known = self._learn(target, it)
        if not depth and not known.may_begin:
            return None
        if depth >= self._depth or next(self._kept) >= self._limit:
            self._full = depth < self._depth
            self._dropped.tick()
            return None
        for relay in known.relays:
            if caller is not None and caller.f_code is relay:
                caller = caller.f_back
        code, instruction, at, visit = known.caller
        if caller is None or code is not caller.f_code or instruction != caller.f_lasti or at != depth:
            visit = self._visit(known, caller, depth)
        describer = self.describer
        value: Any = args[0] if len(args) == 1 and not kwargs else None
        if type(value) is describer.plain and not describer.modes() and value.is_cpu:
            signature = self._took(known, value, args)
        else:
            signature = describer.signature(args, kwargs)
        writer.rows += (visit, signature, perf_counter_ns())
        if target.facts is not None:
            self._keep_facts(writer, target.facts(it, args, kwargs))
        return writer, known

    def _took(self, known: Known, value: Any, args: tuple[Any, ...]) -> int:
        """The signature of a call with one plain tensor, which most often is like the last time."""
        try:
            shape, dtype, signature = known.took
            if value.dtype is dtype and value.shape == shape:
                return signature
            signature = self.describer.signature(args, {})
            known.took = value.shape, value.dtype, signature
            return signature
        except RuntimeError:  # a strided nested tensor has no shape
            return self.describer.signature(args, {})

    def leave(self, writer: Writer, known: Known, depth: int, output: Any) -> None:
        """Note that the call returned `output`."""
        now = perf_counter_ns()
        describer = self.describer
        try:
            if type(output) is describer.plain and not describer.modes() and output.is_cpu:
                spec = self._gave(known, output)
            else:
                spec = describer.see(output)
        except Exception as error:
            self.fault("leave", error)
            return
        writer.rows += (returned(depth), spec, now)

    def _gave(self, known: Known, output: Any) -> int:
        """The spec of one plain tensor, which most often is like the last time."""
        try:
            shape, dtype, spec = known.gave
            if output.dtype is not dtype or output.shape != shape:
                spec = self.describer.see(output)
                known.gave = output.shape, output.dtype, spec
            return spec
        except RuntimeError:
            return self.describer.see(output)

    def fail(self, writer: Writer, depth: int, error: BaseException) -> None:
        """Note that `error` left the call."""
        now = perf_counter_ns()
        try:
            writer.rows += (raised(depth), self.errors.number(self.describer.error_name(error)), now)
        except Exception as fault:
            self.fault("fail", fault)

    # --- what happens once for each thread, callee or caller ------------------------------------

    def _new_writer(self) -> Writer:
        lane = Lane(_thread_name())
        writer = Writer(lane, lane.rows)
        self._writers.append(writer)
        self._local.writer = writer
        return writer

    def _learn(self, target: Target, it: Any) -> Known:
        book = self._books[target]
        site, may_begin = self.locator.locate(target, it)
        known = Known(None, self.sites.number(site), may_begin, relays=_relays(target, type(it)))
        anchor = it if target.by_object or self._by_object else type(it)
        key = id(anchor)
        try:
            # The entry goes when the object goes, before its id can be used again.
            known.reference = weakref.ref(anchor, lambda _: book.pop(key, None))
        except TypeError:
            return known  # an object without weak references is looked up anew each time
        book[key] = known
        return known

    def _visit(self, known: Known, caller: FrameType | None, depth: int) -> int:
        if caller is None:  # the first function of a thread that was not started by `threading`
            return self.visits.number(Visit(known.site, UNKNOWN, depth))
        code, instruction = caller.f_code, caller.f_lasti
        place = self.callers.numbers.get((id(code), instruction))
        if place is None:
            # The row keeps the code object, so its id stays its own for as long as the recording lasts.
            place = self.callers.add((id(code), instruction), (code, instruction))
        visit = self.visits.number(Visit(known.site, place, depth))
        known.caller = code, instruction, depth, visit
        return visit

    def _keep_facts(self, writer: Writer, facts: Mapping[str, Any] | None) -> None:
        if facts:
            # Facts cannot be hashed and rarely repeat: each has a key of its own.
            writer.rows += (FACT, self.facts.add(object(), dict(facts)), writer.depth)

    def fault(self, place: str, error: BaseException) -> None:
        """Count a fault of ours by place; log the first of each place; stop recording after many."""
        try:
            where = f"{place}: {class_name(type(error))}"
            self.faults[where] = times = self.faults.get(where, 0) + 1
            if sum(self.faults.values()) >= _FAULTS_BEFORE_OFF:
                deactivate(self)
                where += f"; recording switched off after {_FAULTS_BEFORE_OFF} of them"
            elif times > 1:
                return
            log.error("tracelab: internal error in %s; the traced program is not affected", where)
        except Exception:
            # The log handler is the host's, and near the recursion limit anything raises: the count stands.
            return

    def close(self) -> None:
        """The recording is over: let go of the host's classes; calls that still run stay open."""
        self._books = defaultdict(dict)
        for writer in list(self._writers):
            writer.rows = []

    # --- reading --------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Changes whenever anything is recorded."""
        events = sum(len(writer.lane.rows) for writer in list(self._writers))
        return events, self._dropped.read() + sum(self.faults.values())

    def recording(self, meta: dict[str, Any]) -> Recording:
        """Everything seen so far; the tables and lanes are copies."""
        lanes = [Lane(writer.lane.thread, list(writer.lane.rows)) for writer in list(self._writers)]
        return Recording(
            visits=self.visits.listed(Visit(0, 0, 0)),
            sites=self.sites.listed(Site("method", "", "?", "?")),
            places=[_place(*caller) for caller in self.callers.listed((_place.__code__, 0))],
            # Signatures before specs, lanes before both: what is copied later knows all that came before.
            signatures=self.describer.signatures(),
            specs=self.describer.specs(),
            errors=self.errors.listed("?"),
            facts=self.facts.listed({}),
            lanes=lanes,
            dropped=self._dropped.read(),
            faults=dict(self.faults),
            started=self.started,
            meta=meta,
        )


def _thread_name() -> str:
    """The name of this thread; asking `threading` for an unknown one would enter a dummy for ever."""
    known = {thread.ident: thread.name for thread in threading.enumerate()}
    return known.get(threading.get_ident(), "unknown thread")


def _relays(target: Target, cls: type) -> tuple[CodeType, ...]:
    """The `__call__`s of a module's own classes, which hand the call on to ours; the innermost first.

    In transformers 4.57 each `GradientCheckpointingLayer` has one: the line that made the call is a frame up.
    """
    if target.kind != "module":
        return ()
    found: list[CodeType] = []
    for above in mro_of(cls):
        if above is target.holder:
            break
        code = getattr(dict_of_class(above).get("__call__"), "__code__", None)
        if type(code) is CodeType:
            found.insert(0, code)
    return tuple(found)


def _place(code: CodeType, instruction: int) -> Place:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return Place(file_name(code.co_filename), line)
    return Place(file_name(code.co_filename), code.co_firstlineno)
