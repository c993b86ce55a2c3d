"""One recorded run, a forest of calls, and what can be asked of it.

The verbs of a trace (`find`, `steps`, `print`, `save`, ...) are methods here because that is where a
reader looks for them; the work is done by the rooms above.  `ANSWERS` is their table of contents.  It
holds strings, like a patch point does, so that imports keep pointing down and `import tracelab` stays
light: the room is loaded when its verb is first used.
"""

from __future__ import annotations

import importlib
import os
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..events import FORKED, UNKNOWN
from .call import Call
from .columns import OPEN, Columns
from .step import Step

if TYPE_CHECKING:
    from .choice import Choice
    from .generation import Generation
    from .head import Head
    from .listing import Listing
    from .loss import Loss
    from .path import Path
    from .tokenrow import TokenBatch
    from .why import Why

ANSWERS = {
    "find": "tracelab.query:find",
    "count": "tracelab.query:count",
    "steps": "tracelab.analyses.everystep:steps",
    "step": "tracelab.analyses.everystep:step",
    "generations": "tracelab.analyses.generations:generations",
    "tokens": "tracelab.analyses.tokens:tokens",
    "heads": "tracelab.analyses.heads:heads",
    "losses": "tracelab.analyses.losses:losses",
    "source": "tracelab.analyses.listing:source",
    "follow": "tracelab.analyses.following:follow",
    "token_batches": "tracelab.analyses.recordedbatch:token_batches",
    "why": "tracelab.analyses.reasons:why",
    "derived_facts": "tracelab.analyses.derived:derived_facts",
    "step_of": "tracelab.analyses.steps:step_of",
    "step_indices": "tracelab.analyses.steps:step_indices",
    "rows_in_step": "tracelab.analyses.steps:rows_in_step",
    "save": "tracelab.exporters:save",
    "text": "tracelab.renderers.tree:text",
    "print": "tracelab.renderers.tree:show",
    "print_steps": "tracelab.renderers.steps:show_steps",
    "print_losses": "tracelab.renderers.losses:show_losses",
    "rich": "tracelab.renderers.tree:renderable",
    "html": "tracelab.renderers.tree:html",
}


class Calls(Sequence[Call]):
    """All calls of a trace in start order; each is made when it is asked for."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __len__(self) -> int:
        return len(self._trace.columns)

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> list[Call]: ...

    def __getitem__(self, index: int | slice) -> Call | list[Call]:
        rows = range(len(self))
        if isinstance(index, slice):
            return [Call(self._trace, number) for number in rows[index]]
        return Call(self._trace, rows[index])

    def __iter__(self) -> Iterator[Call]:
        return (Call(self._trace, number) for number in range(len(self)))

    def __repr__(self) -> str:
        return f"<{len(self)} calls>"


class Trace:
    """One recorded run, a forest of calls.  Made by `tracelab.trace()` and `tracelab.load()`."""

    def __init__(self, columns: Columns | None = None, pull: Callable[[], Columns] | None = None) -> None:
        """`pull`: gives the columns recorded so far, for a trace that is still running."""
        self._columns = Columns() if columns is None else columns
        self._pull = pull
        self._over = False
        self._session: object = None
        self._memo: dict[str, Any] = {}

    def hold(self, session: object) -> None:
        """Keep what would end the recording when nobody holds it: somebody has kept the trace alone."""
        self._session = session

    def finish(self) -> None:
        """The recording is over.  It is folded when it is first read, so that the host need not wait."""
        self._over = True

    @property
    def columns(self) -> Columns:
        """The stored form; while the trace is running, as far as it has come."""
        if self._pull is not None:
            columns = self._pull()
            if columns is not self._columns:
                self._columns = columns
                self._memo.clear()
            if self._over:
                self._pull = None
        return self._columns

    def __reduce__(self) -> tuple[type[Trace], tuple[Columns]]:
        """A copy or pickle holds the columns alone: of a running trace, as far as it has come."""
        return Trace, (self.columns,)

    def memo(self, key: str, make: Callable[[], Any]) -> Any:
        """What `make` derives from the columns, kept until they change."""
        columns = self.columns
        if key not in self._memo or columns is not self._columns:
            self._memo[key] = make()
        return self._memo[key]

    # --- structure ------------------------------------------------------------------------------

    @property
    def calls(self) -> Calls:
        """Every call in start order."""
        return Calls(self)

    @property
    def roots(self) -> list[Call]:
        """The calls that no other traced call made, in start order."""
        return [Call(self, number) for number in self.children_of(UNKNOWN)]

    def children_of(self, number: int) -> Sequence[int]:
        """Row numbers of the children of a row, in start order; of `UNKNOWN`: of the roots."""
        return self.columns.children_of(number)

    # --- what is known about the recording ------------------------------------------------------

    @property
    def meta(self) -> dict[str, Any]:
        """Facts about the recording: versions, options, the rank in a distributed run."""
        return self.columns.meta

    @property
    def recorded(self) -> int:
        """Number of calls that were kept."""
        return len(self.columns)

    @property
    def dropped(self) -> int:
        """Number of calls that were seen but not kept (`limit`, `depth`)."""
        return self.columns.dropped

    @property
    def internal_errors(self) -> int:
        """Number of faults of tracelab itself; `columns.faults` has them by place."""
        return sum(self.columns.faults.values())

    @property
    def complete(self) -> bool:
        """Every call that was seen is here, with its end, and so is the end of the recording."""
        columns = self.columns
        if columns.dropped or columns.faults or columns.meta.get("unfinished") or columns.meta.get(FORKED):
            return False
        return OPEN not in columns.status

    # --- verbs: the work is done by the rooms above ---------------------------------------------

    def find(
        self,
        pattern: str = "*",
        *,
        path: str | None = None,
        owner: str | None = None,
        kind: str | None = None,
        step: int | None = None,
        status: str | None = None,
    ) -> list[Call]:
        """The calls that match `Owner.function` (with `*` globs) and all other conditions, in start order."""
        return self._ask("find", pattern, path=path, owner=owner, kind=kind, step=step, status=status)  # type: ignore[no-any-return]

    def count(self, pattern: str = "*") -> int:
        """How many calls match `pattern`."""
        return self._ask("count", pattern)  # type: ignore[no-any-return]

    def steps(self) -> list[Step]:
        """The steps of generation (encode, prefill, decode, draft, verify) and of training (train, eval)."""
        return self._ask("steps")  # type: ignore[no-any-return]

    def step(self, index: int, loop: int = 0) -> Step:
        """The step with this index in the first decoding loop, or of training; negative: from the end."""
        return self._ask("step", index, loop)  # type: ignore[no-any-return]

    def generations(self) -> list[Generation]:
        """Each run of a decoding loop: mode, processors, why it stopped, where its time went."""
        return self._ask("generations")  # type: ignore[no-any-return]

    def tokens(self, k: int = 3) -> list[Choice]:
        """What each step chose among its `k` (≤ 10) highest scores; ValueError where no values were kept."""
        return self._ask("tokens", k)  # type: ignore[no-any-return]

    def heads(self) -> list[Head]:
        """The head of each model: the layers outside its base, their shapes, and what follows the logits."""
        return self._ask("heads")  # type: ignore[no-any-return]

    def losses(self) -> list[Loss]:
        """Each loss: its function, shapes before and after the shift, labels counted and ignored, divisor."""
        return self._ask("losses")  # type: ignore[no-any-return]

    def source(
        self, pattern: str | None = None, *, path: str | None = None, step: int | None = None
    ) -> list[Listing]:
        """The annotated source of each function whose lines were recorded (`trace(source=...)`).

        pattern, path, step: as in `find`.  Calls that went alike share a listing, side by side by step.
        """
        return self._ask("source", pattern, path=path, step=step)  # type: ignore[no-any-return]

    def follow(self, call: Call | int | str, name: str | None = None) -> Path:
        """Where a tensor went: what `call` gave back, or what its lines called `name` (also by itself)."""
        return self._ask("follow", call, name)  # type: ignore[no-any-return]

    def token_batches(self) -> list[TokenBatch]:
        """The batches of models (or else of collators, tokenizers), token by token; else BatchError."""
        return self._ask("token_batches")  # type: ignore[no-any-return]

    def why(self, call: Call) -> Why:
        """Why `call` was made and ran what it ran; `call.why()` is the same."""
        return self._ask("why", call)  # type: ignore[no-any-return]

    def derived_facts(self, call: Call) -> Mapping[str, Any]:
        """What is known of a call from the calls around it."""
        return self._ask("derived_facts", call)  # type: ignore[no-any-return]

    def step_of(self, call: Call) -> int | None:
        """Index of the step that `call` belongs to."""
        return self._ask("step_of", call)  # type: ignore[no-any-return]

    def step_indices(self) -> array[int]:
        """The same for every call at once, by row; -1 for none."""
        return self._ask("step_indices")  # type: ignore[no-any-return]

    def rows_in_step(self, index: int) -> list[int]:
        """The rows, in order, of the calls whose step is `index`."""
        return self._ask("rows_in_step", index)  # type: ignore[no-any-return]

    def save(self, path: str | os.PathLike[str], fold: bool = True) -> None:
        """Write the trace to `path` as `.json` or `.json.gz`; `tracelab.load(path)` reads it back.

        A trace of more than some thousand calls is written packed; fold=False: every call by itself.
        """
        self._ask("save", path, fold=fold)

    def print(
        self,
        depth: int | None = None,
        fold: bool = True,
        width: int | None = None,
        chain: bool = False,
        noise: bool = False,
    ) -> None:
        """Show the folded call tree: `depth` levels, or what fits one screen; fold=False: every call.

        chain: the functions between calls, see `Call.chain`; noise: those that hand on too.
        """
        self._ask("print", depth=depth, fold=fold, width=width, chain=chain, noise=noise)

    def print_steps(self, fold: bool = True, width: int | None = None) -> None:
        """Show the table of generation steps (fold=False: one row each), why it stopped, its times."""
        self._ask("print_steps", fold=fold, width=width)

    def print_losses(self, fold: bool = True, width: int | None = None) -> None:
        """Show the table of losses (fold=False: one row each): shapes, shift, labels ignored, divisor."""
        self._ask("print_losses", fold=fold, width=width)

    def __str__(self) -> str:
        return self._ask("text")  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<Trace of {self.recorded} calls{'' if self.complete else ', incomplete'}>"

    def __rich__(self) -> Any:
        return self._ask("rich")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows: the folded tree, as text and as a page of its own."""
        return {"text/plain": str(self), "text/html": self._ask("html")}

    def _ask(self, verb: str, *args: Any, **options: Any) -> Any:
        room, _, function = ANSWERS[verb].partition(":")
        return getattr(importlib.import_module(room), function)(self, *args, **options)
