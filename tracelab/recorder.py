"""Running calls to events: the hot path.

A patched function is replaced by a wrapper that asks the active recorder to `enter`, calls the original,
and reports `leave` or `fail`.  Entering costs one lookup of what is known of the callee, one signature
(see `describe`) and one row of three ints; leaving costs one spec and one row.

The rules that the code below follows, each learnt from a fault:

* The wrapper passes through first: nothing active, a compiler or tracer at work.
* The host's call stands in its own `try`, our bookkeeping in others: a fault of ours is counted and goes
  no further, an exception of the host's (KeyboardInterrupt too) is noted and raised on unchanged, without
  our line in its traceback.
* No locks: lists are appended, `itertools.count` is advanced.  A signal handler, a `__del__` or the garbage
  collector may call a traced module in the middle of any line here.
* How deep a thread is, is put back by two nested `finally`: a Ctrl-C that lands in the inner one still
  meets the outer one, so the next call never gets a parent that has already ended.
* The line of the caller is kept as (code object, instruction): computing the line number takes ten times
  as long and is left to the end.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count, islice
from time import perf_counter_ns
from types import CodeType, FrameType
from typing import Any, Protocol

from .describe import Describer, Table, class_name, file_name
from .events import FACT, UNKNOWN, Lane, Place, Recording, Site, Visit, raised, returned

log = logging.getLogger("tracelab")

Facts = Callable[[Any, tuple[Any, ...], dict[str, Any]], Mapping[str, Any] | None]
_FAULTS_BEFORE_OFF = 100
_set_traceback = BaseException.__dict__["__traceback__"].__set__
_get_traceback = BaseException.__dict__["__traceback__"].__get__
_getframe = sys._getframe


class Locator(Protocol):
    """Says what is known of a callee; asked once for each object (or class), never in the hot path."""

    def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
        """The site of `target` on the object `it`, and whether a call tree may begin here."""
        ...


@dataclass(eq=False, slots=True)
class Target:
    """What stands behind one wrapper.

    `by_object`: sites differ from object to object (modules have paths), not only from class to class.
    `bound`: the first argument is `self`.  `facts`: what an instrument derives from the arguments.
    """

    kind: str
    function: str
    original: Any
    holder: Any
    by_object: bool = False
    bound: bool = True
    facts: Facts | None = None


@dataclass(eq=False, slots=True)
class _Known:
    """What a recorder knows of one callee, with the visit of its latest caller."""

    reference: Any
    site: int
    may_begin: bool
    code: CodeType | None = None
    instruction: int = UNKNOWN
    depth: int = UNKNOWN
    visit: int = UNKNOWN


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
        self._books: dict[Target, dict[int, _Known]] = {}
        self._depth = sys.maxsize if depth is None else depth
        self._limit = limit
        self._kept = count()
        self._dropped: list[None] = []
        self._writers: list[Writer] = []
        self._local = threading.local()

    # --- the hot path ---------------------------------------------------------------------------

    def enter(
        self, target: Target, it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], caller: FrameType
    ) -> Writer | None:
        """Note that a call begins; None if it is not recorded."""
        try:
            writer: Writer = self._local.writer
        except AttributeError:
            writer = self._new_writer()
        book = self._books.get(target)
        if book is None:
            book = self._books.setdefault(target, {})
        known = book.get(id(it if target.by_object else type(it)))
        if known is None:
            known = self._learn(target, it, book)
        depth = writer.depth
        if not depth and not known.may_begin:
            return None
        if depth >= self._depth or next(self._kept) >= self._limit:
            self._dropped.append(None)
            return None
        if known.code is caller.f_code and known.instruction == caller.f_lasti and known.depth == depth:
            visit = known.visit
        else:
            visit = self._visit(known, caller, depth)
        writer.rows += (visit, self.describer.signature(args, kwargs), perf_counter_ns())
        if target.facts is not None:
            self._keep_facts(writer, target.facts(it, args, kwargs))
        return writer

    def leave(self, writer: Writer, depth: int, output: Any) -> None:
        """Note that the call returned `output`."""
        now = perf_counter_ns()
        writer.rows += (returned(depth), self.describer.see(output), now)

    def fail(self, writer: Writer, depth: int, error: BaseException) -> None:
        """Note that `error` left the call."""
        now = perf_counter_ns()
        writer.rows += (raised(depth), self.errors.number(self.describer.error_name(error)), now)

    # --- what happens once for each thread, callee or caller ------------------------------------

    def _new_writer(self) -> Writer:
        lane = Lane(threading.current_thread().name)
        writer = Writer(lane, lane.rows)
        self._writers.append(writer)
        self._local.writer = writer
        return writer

    def _learn(self, target: Target, it: Any, book: dict[int, _Known]) -> _Known:
        site, may_begin = self.locator.locate(target, it)
        known = _Known(None, self.sites.number(site), may_begin)
        anchor = it if target.by_object else type(it)
        key = id(anchor)
        try:
            # The entry goes when the object goes, before its id can be used again.
            known.reference = weakref.ref(anchor, lambda _: book.pop(key, None))
        except TypeError:
            return known  # an object without weak references is looked up anew each time
        book[key] = known
        return known

    def _visit(self, known: _Known, caller: FrameType, depth: int) -> int:
        code, instruction = caller.f_code, caller.f_lasti
        place = self.callers.numbers.get((id(code), instruction))
        if place is None:
            # The row keeps the code object, so its id stays its own for as long as the recording lasts.
            place = self.callers.add((id(code), instruction), (code, instruction))
        known.visit = self.visits.number(Visit(known.site, place, depth))
        known.code, known.instruction, known.depth = code, instruction, depth
        return known.visit

    def _keep_facts(self, writer: Writer, facts: Mapping[str, Any] | None) -> None:
        if facts:
            writer.rows += (FACT, self.facts.add(object(), dict(facts)), writer.depth)

    def fault(self, place: str, error: BaseException) -> None:
        """Count a fault of ours by place; log the first of each place; stop recording after many."""
        where = f"{place}: {class_name(type(error))}"
        self.faults[where] = times = self.faults.get(where, 0) + 1
        if times == 1:
            log.error("tracelab: internal error in %s; the traced program is not affected", where)
        if sum(self.faults.values()) == _FAULTS_BEFORE_OFF:
            log.error("tracelab: recording switched off after %d internal errors", _FAULTS_BEFORE_OFF)
            deactivate(self)

    # --- reading --------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Changes whenever anything is recorded."""
        return sum(len(writer.rows) for writer in list(self._writers)), len(self._dropped)

    def recording(self, meta: dict[str, Any]) -> Recording:
        """Everything seen so far; the tables and lanes are copies."""
        lanes = [Lane(writer.lane.thread, list(writer.rows)) for writer in list(self._writers)]
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
            dropped=len(self._dropped),
            faults=dict(self.faults),
            started=self.started,
            meta=meta,
        )


def _place(code: CodeType, instruction: int) -> Place:
    position = next(islice(code.co_positions(), instruction // 2, None), (None,))
    return Place(file_name(code.co_filename), position[0] or code.co_firstlineno)


# --- which recorders are active -----------------------------------------------------------------

_active: tuple[Recorder, ...] = ()


def activate(recorder: Recorder) -> None:
    """From now on every wrapper reports to `recorder`."""
    global _active
    _active = (*_active, recorder)


def deactivate(recorder: Recorder) -> bool:
    """The wrappers report no more to `recorder`; returns whether no recorder is left."""
    global _active
    _active = tuple([other for other in _active if other is not recorder])
    return not _active


def active() -> tuple[Recorder, ...]:
    """The recorders that wrappers report to, in the order in which they began."""
    return _active


def _forget_all() -> None:
    global _active
    _active = ()


# A forked child has a copy of the recording that nobody will read: it passes through.
os.register_at_fork(after_in_child=_forget_all)


# --- the wrapper --------------------------------------------------------------------------------


def wrap(target: Target) -> Callable[..., Any]:
    """A function with the signature of `target.original` that reports each call to the active recorders."""
    if target.bound:
        return functools.wraps(target.original)(_reporter(target, target.original))
    method = _reporter(target, _with_self(target.original))

    @functools.wraps(target.original)
    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(target.holder, *args, **kwargs)
        except BaseException as error:
            hide_our_lines(error)
            raise

    return function


def _reporter(
    target: Target, original: Callable[..., Any], recorders: tuple[Recorder, ...] | None = None, nth: int = 0
) -> Callable[..., Any]:
    """The method that calls `original` and reports to the first of `recorders` (None: those active then).

    With nested traces it calls, in place of `original`, the reporter for the remaining recorders, which
    is `nth` of our frames away from the caller.
    """
    is_compiling, tracing_state = _compilers()
    up = 1 + nth if target.bound else 2 + nth

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_compiling() or tracing_state() is not None:
            return original(self, *args, **kwargs)
        told = _active if recorders is None else recorders
        if not told:
            return original(self, *args, **kwargs)
        recorder = told[0]
        proceed = original if len(told) == 1 else _reporter(target, original, told[1:], nth + 1)
        try:
            writer = recorder.enter(target, self, args, kwargs, _getframe(up))
        except Exception as error:
            recorder.fault(f"enter {target.function}", error)
            writer = None
        if writer is None:
            return proceed(self, *args, **kwargs)
        depth = writer.depth
        try:
            try:
                writer.depth = depth + 1
                output = proceed(self, *args, **kwargs)
            except BaseException as error:
                _note_failure(recorder, target, writer, depth, error)
                raise
            finally:
                writer.depth = depth
            try:
                recorder.leave(writer, depth, output)
            except Exception as error:
                recorder.fault(f"leave {target.function}", error)
            return output
        finally:
            writer.depth = depth

    return method


def _note_failure(recorder: Recorder, target: Target, writer: Writer, depth: int, error: BaseException) -> None:
    try:
        recorder.fail(writer, depth, error)
        hide_our_lines(error)
    except Exception as fault:
        recorder.fault(f"fail {target.function}", fault)


def hide_our_lines(error: BaseException) -> None:
    """Take the entries of this file off the front of an exception's traceback."""
    entry = _get_traceback(error)
    while entry is not None and entry.tb_frame.f_code.co_filename == __file__:
        entry = entry.tb_next
    _set_traceback(error, entry)


def _with_self(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plain function in the form of a method."""

    def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


def _compilers() -> tuple[Callable[[], bool], Callable[[], Any]]:
    """How to ask whether torch is compiling or jit-tracing at this moment; constant while torch is not loaded."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "compiler"):
        return (lambda: False), (lambda: None)
    return torch.compiler.is_compiling, torch._C._get_tracing_state
