"""One recording as its trace reads it: while it runs, and once it is over.

The trace holds this and not the session, and this holds neither of them.  So the session belongs to the
`with` statement alone: when that is gone, by whatever way, so is the session, and its finalizer takes the
patches out even where a Ctrl-C hit the very entry of `__exit__`.  Nothing of it waits for the collector.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from .calls import Columns
from .events import Lineage, Site
from .recorder import Recorder, price_of_a_call
from .turns import Turns, in_turn

if TYPE_CHECKING:
    from .events import Recording


class Running:
    """What a recorder has written, and when it ended."""

    def __init__(
        self,
        recorder: Recorder,
        settle: Callable[[Site], Site],
        rank: Callable[[], int | None],
        options: dict[str, Any],
        models: Callable[[], dict[str, Any]] = dict,
        lineages: Callable[[], list[Lineage]] = list,
    ) -> None:
        """`settle`: a site with the root and path that hold now.  `rank`: of this process, if it has one.

        `models`: what is known of whole models, see `Sites.models`.  `lineages`: those that the sites have.
        """
        self.recorder = recorder
        self._settle = settle
        self._rank = rank
        self._models = models
        self._lineages = lineages
        self._options = options
        self._folded: tuple[tuple[int, int], Columns] | None = None
        self._ended: int | None = None
        self._meta: dict[str, Any] | None = None
        self.turns = Turns()  # two threads may ask at once; nothing recorded waits for it

    def end(self) -> None:
        """Note when it ended and what is known of the run, as it is now: it may be read much later."""
        if self._ended is None:
            self._ended = perf_counter_ns()
        if self._meta is None:
            self._meta = self._look()

    @in_turn
    def columns(self) -> Columns:
        """Everything recorded so far, folded; the same object as last time if nothing was added."""
        from .fold import fold  # a third of all that `import tracelab` would load, and not needed to record

        recorder = self.recorder
        size = recorder.size
        if self._folded is None or self._folded[0] != size:
            if self._ended is not None:
                recorder.settle()
            seen = self._settled(recorder.recording(self._meta or self._look()))
            self._folded = size, fold(seen, self._ended or perf_counter_ns())
        return self._folded[1]

    def seen(self) -> Recording:
        """The same for a stream, which writes it while it grows."""
        return self._settled(self.recorder.running(self._look()))

    def _look(self) -> dict[str, Any]:
        return {**meta(self._options, self._rank(), self.recorder.compiled.read()), **self._models()}

    def _settled(self, found: Recording) -> Recording:
        found.sites = [self._settle(site) for site in found.sites]
        found.lineages = self._lineages()
        found.sources = _sources(found)
        return found


def _sources(found: Recording) -> dict[str, str]:
    """The digest of each file that is named; a reader shows lines only of the files that were traced.

    Each file is read once in the life of the process, here where nothing of the host's waits for it.
    """
    from .sourcetext import digests

    files: set[str | None] = {site.file for site in found.sites} | {place.file for place in found.places}
    for lineage in found.lineages:
        files.update(level.file for level in lineage.classes)
        files.update(layer.file for layer in lineage.layers)
    return digests(sorted([file for file in files if file is not None]))


def meta(options: dict[str, Any], rank: int | None, compiled: int) -> dict[str, Any]:
    """What a reader needs to know of the run; nothing of the machine's or the user's name.

    `compiled`: how many compiled regions were entered outside of every recorded call.
    """
    found: dict[str, Any] = {"tracelab": version(), "python": sys.version.partition(" ")[0]}
    for name in ("torch", "transformers", "tokenizers"):
        if name in sys.modules:
            found[name] = str(getattr(sys.modules[name], "__version__", "?"))
    found["options"] = options
    if hasattr(sys.modules.get("torch.nn"), "Module"):  # without it nothing can be called that we record
        found["call_cost_ns"] = price_of_a_call()
    if rank is not None:
        found["rank"] = rank
    if compiled:
        found["compiled_regions"] = compiled
    return found


@functools.cache
def version() -> str:
    """The version that is installed; says so where tracelab runs from its folder."""
    from importlib import metadata  # takes as long to import as all the rest of us

    try:
        return metadata.version("tracelab")
    except metadata.PackageNotFoundError:
        return "(not installed: run from its folder)"
