"""The thread that writes a stream, so that the recorded program need not.

A disk may take seconds for a write, and what is written has to be encoded first.  Neither belongs into the
program's own threads: they append to lists and pack them, as without a file, and a daemon thread comes by
twice a second, takes a snapshot and writes what is new.  It costs the program nothing but its share of the
interpreter lock, 0.3 µs a call; a program that stands still is looked at, and nothing is written.

It is woken by a `SimpleQueue`, whose `put` may be called by the garbage collector in the middle of a `get`:
a session that got lost ends there.  In a child of a fork there is no such thread, and nothing is written.
It takes no signals: those are for the program's threads, which may have blocked them until they wait for
them; and a write beyond the file-size limit of the process raises one that would kill it (SIGXFSZ).

Whatever goes wrong is counted as a fault of ours, once; then the stream has ended and the program goes on.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread, get_ident
from time import perf_counter_ns

from ...errors import SetupError
from ...events import Recording
from .file import StreamFile
from .records import Records, header, line_of

PAUSE = 0.5
"""Seconds between two looks, at least."""

REST = 2
MANY = 1_000
"""A look at so many lanes takes long, whatever is new, and has the interpreter lock: it is followed by a
pause of REST times its length.  A program that begins a thread for each call has very many."""

PATIENCE = 10.0
"""Seconds that the end of a recording waits for the disk."""


class Stream:
    """Writes a recording to a file while it grows."""

    def __init__(
        self,
        path: str,
        size: Callable[[], object],
        snapshot: Callable[[], Recording],
        fault: Callable[[str, BaseException], None],
    ) -> None:
        """Opens the file; `SetupError` when it cannot.  `size` changes whenever `snapshot` does."""
        self._file = StreamFile(path, header())
        self._size = size
        self._snapshot = snapshot
        self._fault = fault
        self._records = Records()
        self._written: object = None
        self._took = 0.0
        self._over = False
        self._waited = False
        self._bell: SimpleQueue[int] = SimpleQueue()
        self._thread = Thread(target=self._run, name="tracelab file", daemon=True)

    def start(self) -> None:
        """Begin to write; `SetupError` when there can be no thread for it."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._file.close()
            raise SetupError(f"cannot write a file while recording: {error}") from None

    def finish(self) -> None:
        """The recording is over: write the rest and say so; does not wait for ever."""
        if not self._file.is_mine or self._waited:
            return
        self._bell.put(perf_counter_ns())
        self._waited = True  # whoever interrupts the wait need not wait again
        if self._thread.ident not in (None, get_ident()):  # the garbage collector may run there too
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        try:
            try:
                _take_no_signals()
                while not self._over:
                    self._flush(self._rung())
            finally:
                self._file.close()
        except Exception as error:
            self._fault("file", error)

    def _rung(self) -> int | None:
        """When the recording ended; None after a pause in which it did not."""
        try:
            return self._bell.get(timeout=max(PAUSE, REST * self._took))
        except Empty:
            return None

    def _flush(self, ended: int | None) -> None:
        size = self._size()
        if size == self._written and ended is None:
            return
        began = perf_counter_ns()
        now = began if ended is None else ended
        seen = self._snapshot()
        lines = self._records.since(seen, now)
        if ended is not None:
            self._over = True
            lines.append(line_of({"end": ended - seen.started}))
        self._file.append("".join(lines).encode("ascii"))
        self._written = size
        self._took = (perf_counter_ns() - began) / 1e9 if len(seen.lanes) > MANY else 0.0


def _take_no_signals() -> None:
    """Those of a thread's own faults it keeps: a handler for them wants to be told."""
    if hasattr(signal, "pthread_sigmask"):
        own = {signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - own)
