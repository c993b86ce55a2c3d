"""`trace()`: attach the instruments, record, fold; as context manager and as decorator.

All sessions of a process share one set of patches: the first that begins puts them in, the last that ends
takes them out.  Sessions may overlap and end in any order, on any thread.
"""

from __future__ import annotations

import functools
import inspect
import os
import platform
import sys
import threading
import weakref
from collections.abc import Callable
from time import perf_counter_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .calls import Columns, Trace
from .describe import Describer
from .errors import SetupError
from .instruments import FAMILIES, FUNCTIONS, Attachment, Sites, followed, path_of_rank
from .recorder import Recorder, active, price_of_a_call

if TYPE_CHECKING:
    from .events import Recording
    from .exporters.stream.writer import Stream

Function = TypeVar("Function", bound=Callable[..., Any])


EXACT, SUMMARY = "exact", "summary"

_attachment = Attachment(FAMILIES, FUNCTIONS)


class Session:
    """One use of `trace()`.  Entering it begins to record and gives the `Trace`; leaving it ends it."""

    def __init__(self, roots: tuple[Any, ...], options: dict[str, Any], file: str | None = None) -> None:
        self._given = roots
        self._options = options
        self._file = file
        self._recorder: Recorder | None = None
        self._sites = Sites()
        self._trace = Trace()
        self._folded: tuple[tuple[int, int], Columns] | None = None
        self._end: Callable[[], None] = _nothing
        self._finish: Callable[[], None] = _nothing
        self._ended: int | None = None
        self._meta: dict[str, Any] | None = None
        self._reading = threading.RLock()  # two threads may ask at once; nothing recorded waits for it

    def __enter__(self) -> Trace:
        if self._recorder is not None:
            raise SetupError("this trace() has been entered already; make a new one for each recording")
        options = self._options
        roots = [followed(given) for given in self._given]
        self._given = ()  # from here on the host's objects are known by weak references alone
        self._sites = Sites([root.it for root in roots])
        describer = Describer(values=options["values"], stats=options["stats"])
        recorder = Recorder(
            self._sites,
            describer,
            depth=options["depth"],
            limit=options["limit"],
            summary=options["times"] == SUMMARY,
            shapes=options["shapes"],
        )
        if self._file is not None:  # refused before anything is patched
            path = path_of_rank(self._file, self._sites.rank.look())
            stream = _streamed(path, recorder, self._sites, options)
            self._finish = weakref.finalize(self, stream.finish)
        self._recorder = recorder
        self._trace = Trace(pull=self._columns)
        # A session that nobody leaves ends when nobody holds it any more.
        self._end = weakref.finalize(self, _attachment.end, self._recorder)
        try:
            _attachment.begin(self._recorder, roots, options["see_through_compile"])
        except BaseException:
            self._finish()
            raise
        return self._trace

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._end()
        if self._recorder is not None and self._ended is None:
            self._ended = perf_counter_ns()
            for part in (self._remember, self._recorder.close):
                try:
                    part()
                except Exception as fault:  # the host's block ends as it would have
                    self._recorder.fault("end", fault)
            self._trace.finish()
        self._finish()

    def _remember(self) -> None:
        """Note what is known of the run, as it is now: the trace may be read much later."""
        assert self._recorder is not None  # it has been entered
        self._meta = _meta(self._options, self._recorder, self._sites)

    def __call__(self, function: Function) -> Function:
        """Decorate `function`: each call is a recording of its own, the latest is `function.trace`."""
        given, options, file = self._given, self._options, self._file
        return decorated(function, lambda: Session(given, options, file))

    def _columns(self) -> Columns:
        """Everything recorded so far, folded; the same object as last time if nothing was added."""
        from .fold import fold  # a third of all that `import tracelab` would load, and not needed to record

        recorder = self._recorder
        assert recorder is not None  # there is no trace to ask before the session is entered
        with self._reading:
            size = recorder.size
            if self._folded is None or self._folded[0] != size:
                if self._ended is not None:
                    recorder.settle()
                seen = recorder.recording(self._meta or _meta(self._options, recorder, self._sites))
                seen.sites = [self._sites.roots.settle(site) for site in seen.sites]
                self._folded = size, fold(seen, self._ended or perf_counter_ns())
            return self._folded[1]


def trace(
    *roots: Any,
    values: bool = False,
    stats: bool = False,
    shapes: bool = True,
    depth: int | None = None,
    times: str = EXACT,
    file: str | os.PathLike[str] | None = None,
    limit: int = 1_000_000,
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
    see_through_compile: compiled code runs as the plain Python that it was made of, in the whole process, so
        that the calls in it are seen; without it a call that runs compiled code says so.

    Raises SetupError, with nothing patched, for a root or an option that cannot be used.
    """
    if depth is not None and (type(depth) is not int or depth < 1):
        raise SetupError(
            f"depth={depth!r} is not possible; it is a number of levels from 1 on, or None for all"
        )
    if type(limit) is not int or limit < 0:
        raise SetupError(f"limit={limit!r} is not possible; it is a number of calls from 0 on")
    if times not in (EXACT, SUMMARY):
        raise SetupError(f"times={times!r} is not possible; it is {EXACT!r} or {SUMMARY!r}")
    if not shapes and (values or stats):
        raise SetupError(
            "shapes=False keeps nothing of any argument, so values=True and stats=True have no use"
        )
    target = None if file is None else os.fsdecode(file)
    if target is not None and not target.lower().endswith(".jsonl"):
        raise SetupError(f"file={target!r} is not possible; a stream goes to a file that ends in .jsonl")
    for given in roots:
        followed(given)  # refused here, where the user wrote it; looked up again on entry
    options = {
        "values": bool(values),
        "stats": bool(stats),
        "shapes": bool(shapes),
        "depth": depth,
        "times": times,
        "limit": limit,
        "see_through_compile": bool(see_through_compile),
    }
    return Session(roots, options, target)


def reset() -> None:
    """End every recording in this process and take out all patches; for a session that got lost."""
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


def _streamed(file: str, recorder: Recorder, sites: Sites, options: dict[str, Any]) -> Stream:
    """A stream that has begun to write what `recorder` records."""
    from .exporters.stream.writer import Stream  # only who asks for a file needs it

    version()  # looked up here: a fork while another thread imports would leave the child a held lock

    def seen() -> Recording:
        found = recorder.running(_meta(options, recorder, sites))
        found.sites = [sites.roots.settle(site) for site in found.sites]
        return found

    stream = Stream(file, lambda: recorder.size, seen, recorder.fault)
    stream.start()
    return stream


def _meta(options: dict[str, Any], recorder: Recorder, sites: Sites) -> dict[str, Any]:
    """What a reader needs to know of the run; nothing of the machine's or the user's name."""
    meta: dict[str, Any] = {"tracelab": version(), "python": platform.python_version()}
    for name in ("torch", "transformers", "tokenizers"):
        if name in sys.modules:
            meta[name] = str(getattr(sys.modules[name], "__version__", "?"))
    meta["options"] = options
    meta["call_cost_ns"] = price_of_a_call()
    rank, compiled = sites.rank.look(), recorder.compiled.read()
    if rank is not None:
        meta["rank"] = rank
    bases = sites.heads()
    if bases:
        meta["bases"] = bases
    if compiled:
        meta["compiled_regions"] = compiled
    return meta


@functools.cache
def version() -> str:
    """The version that is installed; says so where tracelab runs from its folder."""
    from importlib import metadata  # takes as long to import as all the rest of us

    try:
        return metadata.version("tracelab")
    except metadata.PackageNotFoundError:
        return "(not installed: run from its folder)"


def _nothing() -> None:
    """The end of a session that never began."""
