"""`trace()`: attach the instruments, record, fold; as context manager and as decorator.

All sessions of a process share one set of patches: the first that begins puts them in, the last that ends
takes them out.  Sessions may overlap and end in any order, on any thread.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .calls import Trace
from .describe import Describer
from .errors import SetupError
from .instruments import FAMILIES, FUNCTIONS, Attachment, Sites, followed, path_of_rank
from .options import EXACT, SUMMARY, chains_for, lines_of, refuse_impossible, told, watching_for
from .recorder import Recorder, Watchers, active
from .running import Running, version

if TYPE_CHECKING:
    from .exporters.stream.writer import Stream

Function = TypeVar("Function", bound=Callable[..., Any])

_NOBODY = 2
"""References to a session that nobody holds but the call that enters it: `trace().__enter__()`, where only
the trace is kept.  A `with` statement holds its `__exit__`."""

_attachment = Attachment(FAMILIES, FUNCTIONS)
_endings: set[Ending] = set()
"""Of the recordings that run."""


class Ending:
    """Ends one recording.  May be called at any moment, by anybody, any number of times.

    What a Ctrl-C or a fault of ours cut off is done in a second round.  It does not know the session, and the
    trace not for good: both may be lost.
    """

    def __init__(self, running: Running, stream: Stream | None, trace: Trace) -> None:
        self._running = running
        self._stream = stream
        self._trace = weakref.ref(trace)

    def __call__(self) -> None:
        whole = False
        try:
            whole = self._round()
        finally:
            if not whole:
                self._round()

    def again(self, fault: Exception) -> None:
        """For a fault in the middle."""
        self._running.recorder.fault("end", fault)
        self()

    def _round(self) -> bool:
        """Do all that has to be done; returns whether nothing failed."""
        whole = True
        recorder, trace = self._running.recorder, self._trace()
        parts: tuple[Callable[[], None], ...] = (
            functools.partial(_attachment.end, recorder),
            self._running.end,
            recorder.close,
            _nothing if trace is None else trace.finish,
            _nothing if self._stream is None else self._stream.finish,
        )
        for part in parts:
            try:
                part()
            except Exception as fault:  # the host's block ends as it would have
                whole = False
                recorder.fault("end", fault)
        _endings.discard(self)
        return whole


class Session:
    """One use of `trace()`.  Entering it begins to record and gives the `Trace`; leaving it ends it."""

    def __init__(self, roots: tuple[Any, ...], options: dict[str, Any], file: str | None = None) -> None:
        self._given = roots
        self._options = options
        self._file = file
        self.watchers: Watchers | None = None
        """Who watches the lines of calls, in place of what `source` says."""
        self._entered = False
        self._end: Callable[[], None] = _nothing
        self._again: Callable[[Exception], object] = _nothing
        self._lost: Callable[[], object] = _nothing

    def __enter__(self) -> Trace:
        if self._entered:
            raise SetupError("this trace() has been entered already; make a new one for each recording")
        options = self._options
        roots = [followed(given) for given in self._given]
        self._given = ()  # from here on the host's objects are known by weak references alone
        sites = Sites([root.it for root in roots])
        sites.meet = _attachment.registries.look if options["chain"] else None
        recorder = Recorder(
            sites,
            Describer(values=options["values"], stats=options["stats"]),
            depth=options["depth"],
            limit=options["limit"],
            summary=options["times"] == SUMMARY,
            shapes=options["shapes"],
            watchers=self.watchers or watching_for(options),
            chains=chains_for(options),
        )
        running = Running(
            recorder, sites.roots.settle, sites.rank.look, told(options), sites.models, sites.lineages.listed
        )
        trace = Trace(pull=running.columns)
        # A file that cannot be written is refused before anything is patched.
        stream = None if self._file is None else _stream(path_of_rank(self._file, sites.rank.look()), running)
        self._entered = True
        self._end = ending = Ending(running, stream, trace)
        self._again = ending.again
        # A session that nobody leaves ends when nobody holds it any more.
        self._lost = weakref.finalize(self, ending).detach
        try:
            _endings.add(ending)
            if stream is not None:
                stream.start()
            _attachment.begin(recorder, roots, options["see_through_compile"])
            if sys.getrefcount(self) <= _NOBODY:
                trace.hold(self)
            return trace
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            self._end()
            self._lost()  # not before: a Ctrl-C up to here leaves it to the finalizer
        except Exception as fault:  # the host's block ends as it would have
            self._again(fault)

    def __call__(self, function: Function) -> Function:
        """Decorate `function`: each call is a recording of its own, the latest is `function.trace`."""
        given, options, file = self._given, self._options, self._file
        return decorated(function, lambda: Session(given, options, file))


def trace(
    *roots: Any,
    values: bool = False,
    stats: bool = False,
    shapes: bool = True,
    depth: int | None = None,
    times: str = EXACT,
    file: str | os.PathLike[str] | None = None,
    limit: int = 1_000_000,
    source: str | Callable[[Any], Any] | Sequence[str | Callable[[Any], Any]] | None = None,
    follow: bool = False,
    chain: bool = False,
    see_through_compile: bool = False,
) -> Session:
    """Record what Hugging Face and torch code does in a block (`with trace() as t`) or function (`@trace()`).

    roots: modules, tokenizers, processors, pipelines, classes, functions or dotted names; only what they
        call is recorded.  None: everything that the instruments know.
    values: keep small values too (texts, token ids, scalars, exception messages); the default keeps none.
    stats: keep minimum, maximum, mean, deviation, NaN and Inf counts of each floating tensor.
    shapes: False keeps names, callers and times only, and looks at no argument and no result.
    depth: keep calls up to this nesting; deeper ones are counted as dropped.
    times: "exact" keeps the times of every call.  "summary" keeps, of calls inside steps that repeat, count,
        total, minimum and maximum; their start and duration are then means.  Steps keep their own times.
    file: a new `.jsonl` file that is written while the program runs, twice a second; `tracelab.load` reads it
        at any moment, also after the process was killed.  In a distributed run each process writes its own:
        `{rank}` in the name becomes its rank (0 where there is only one process).
    limit: number of calls kept; what is over it is counted as dropped.
    source: of which callees the lines are kept, with the names that each line bound: patterns of
        `Owner.function`, of paths or of files, with `@first` for the first call of each, or a hunter
        predicate.  See `trace.source`.
    follow: in the calls of `source` tell tensors apart, for `trace.follow`; none is kept alive by it.
    chain: keep the functions between each call and the one above it, see `Call.chain`; functions of the
        library's registries (attention, experts, masks) become calls of their own.
    see_through_compile: compiled code runs as the plain Python that it was made of, in the whole process, so
        that the calls in it are seen; without it a call that runs compiled code says so.

    Raises SetupError, with nothing patched, for a root or an option that cannot be used.
    """
    options: dict[str, Any] = {
        "values": bool(values),
        "stats": bool(stats),
        "shapes": bool(shapes),
        "depth": depth,
        "times": times,
        "limit": limit,
        "chain": bool(chain),
        "see_through_compile": bool(see_through_compile),
        **lines_of(source, follow),
    }
    target = None if file is None else os.fsdecode(file)
    refuse_impossible(options, target)
    for given in roots:
        followed(given)  # refused here, where the user wrote it; looked up again on entry
    return Session(roots, options, target)


def reset() -> None:
    """End every recording in this process and take out all patches; for a session that got lost."""
    _attachment.patches.turns.renew()
    for ending in list(_endings):
        ending()
    for recorder in active.recorders:
        active.deactivate(recorder)
    _attachment.clear()


def decorated(function: Function, begin: Callable[[], Session]) -> Function:
    """`function`, recorded anew each time it is called; coroutines and generators while they run."""

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with begin() as latest:
            result.trace = latest
            return function(*args, **kwargs)

    @functools.wraps(function)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        with begin() as latest:
            result.trace = latest
            return await function(*args, **kwargs)

    @functools.wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Any:
        with begin() as latest:
            result.trace = latest
            return (yield from function(*args, **kwargs))

    @functools.wraps(function)
    async def async_generator(*args: Any, **kwargs: Any) -> Any:
        with begin() as latest:
            result.trace = latest
            async for item in function(*args, **kwargs):
                yield item

    result: Any = plain
    if inspect.iscoroutinefunction(function):
        result = coroutine
    elif inspect.isgeneratorfunction(function):
        result = generator
    elif inspect.isasyncgenfunction(function):
        result = async_generator
    recorded: Function = result
    return recorded


def _stream(file: str, running: Running) -> Stream:
    """A stream that will write what is recorded."""
    from .exporters.stream.writer import Stream  # only who asks for a file needs it

    version()  # looked up here: a fork while another thread imports would leave the child a held lock
    return Stream(file, lambda: running.recorder.size, running.seen, running.recorder.fault)


def _nothing(*anything: object) -> None:
    """The end of a session that never began."""
