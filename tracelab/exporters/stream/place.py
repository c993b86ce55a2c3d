"""One path, one trace: a new file takes its name in one step that no other trace can come between.

Whoever writes a stream holds a lock on the file (`flock`), for as long as the descriptor is open: it goes
with the process, however that ends.  A second trace into the same path finds the lock and is refused, be it
in this process or in another one.  Two that begin at once both want the lock on the file that stands there,
an empty one if there was none.

A file system without locks, and Windows, let the second one have the name; the first then finds that its file
was deleted, and counts that as a fault.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import close, fstat  # bound here: hosts mock them
from os import open as open_descriptor
from pathlib import Path

HIGH = 900
"""Where the numbers of our descriptors begin."""

TRIES = 1000
"""So often somebody may put another file there in the middle of a try."""

_LOOK = (
    os.O_RDONLY
    | os.O_CREAT
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # of a FIFO that has come here since
)

_BUSY = "another trace is writing to it; each needs a file of its own"


def take(draft: Path, target: Path) -> None:
    """The draft gets the name of the target; `OSError` when another trace is writing there."""
    for _ in range(TRIES):
        with _claimed(target) as is_ours:
            if is_ours:
                draft.replace(target)
                return
    raise OSError(errno.EBUSY, _BUSY)


@contextmanager
def _claimed(target: Path) -> Iterator[bool]:
    """Nobody else takes the name as long as this lasts; False when somebody just did."""
    held, locked = -1, False
    try:
        with suppress(OSError):  # a link, a file that is not for us to read
            held = open_descriptor(target, _LOOK, 0o600)
        if held >= 0:
            lock(held)
            locked = True
        yield held < 0 or _is_at(held, target)
    finally:
        if held >= 0:
            if locked and not fstat(held).st_size and _is_at(held, target):
                target.unlink()  # the empty file that stood for the name: we were cut off
            close(held)


def _is_at(descriptor: int, target: Path) -> bool:
    try:
        return os.path.samestat(fstat(descriptor), target.lstat())
    except OSError:
        return False


def lock(descriptor: int) -> None:
    """Hold the file until the descriptor is closed; `OSError` when another trace does."""
    if sys.platform == "win32":
        return
    from fcntl import LOCK_EX, LOCK_NB, flock

    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, _BUSY) from None
    except OSError:
        return  # a file system without locks


def raised(descriptor: int) -> int:
    """The same file under a high number, where that is possible."""
    if sys.platform == "win32":
        return descriptor
    from fcntl import F_DUPFD_CLOEXEC, fcntl

    try:
        high = fcntl(descriptor, F_DUPFD_CLOEXEC, HIGH)
    except OSError:  # the process may not have so many
        return descriptor
    close(descriptor)
    return high
