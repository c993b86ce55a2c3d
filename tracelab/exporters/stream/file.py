"""The descriptor of a stream: what is written goes into our own file, or nowhere.

A host may close all descriptors and open a file of its own, which then has our number.  So the descriptor is
asked, before each write, whether it is still the file that was opened here, and its number is a high one:
a host that opens a file gets the lowest free number, so it does not get ours between the question and the
write.  A file that was deleted is no place to write to, nor is one that somebody else has changed.  Nothing
is retried: a line that was torn by a full disk must stay the last one.

A child of a fork closes its copy, for nobody else ever would.
"""

from __future__ import annotations

import errno
import os
import weakref
from contextlib import suppress
from os import close, fstat, getpid, write  # bound here: hosts mock them
from os import open as open_descriptor
from pathlib import Path

from ...errors import SetupError
from .place import lock, raised, take

_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)


class StreamFile:
    """A new file of this process that is only appended to, readable by its owner only."""

    _descriptor = -1

    def __init__(self, path: str, header: bytes) -> None:
        """Takes the place of a regular file or link at `path`; `SetupError` when it cannot be written."""
        self._pid = getpid()
        self._size = len(header)
        try:
            self._descriptor, self._inode = _created(Path(path), header)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        except ValueError as error:  # a null character in the name
            problem = str(error)
        else:
            _files.add(self)
            return
        raise SetupError(f"cannot write to {path!r}: {problem}")

    @property
    def is_mine(self) -> bool:
        """Whether this process opened it: a child of a fork never writes."""
        return getpid() == self._pid

    def append(self, data: bytes) -> None:
        """Write all bytes; `OSError` when that cannot be done."""
        self._check()
        view = memoryview(data)
        while view:
            written = write(self._descriptor, view)
            self._size += written
            view = view[written:]

    def close(self) -> None:
        """Give the descriptor back, if it is still ours."""
        with suppress(OSError):
            self._open()
            descriptor, self._descriptor = self._descriptor, -1
            close(descriptor)

    def __del__(self) -> None:
        """For a stream that was cut off before its thread began."""
        if self._descriptor >= 0:
            self.close()

    def _check(self) -> None:
        if not self.is_mine:
            raise OSError(errno.EBADF, "opened by another process")
        found = self._open()
        if not found.st_nlink:
            raise OSError(errno.ENOENT, "the file was deleted")
        if found.st_size != self._size:
            raise OSError(errno.EBUSY, "somebody else has changed the file")

    def _open(self) -> os.stat_result:
        """What the descriptor is, which is our file."""
        found = fstat(self._descriptor)
        if (found.st_dev, found.st_ino) != self._inode:
            raise OSError(errno.EBADF, "the descriptor was closed")
        return found


_files: weakref.WeakSet[StreamFile] = weakref.WeakSet()


def _close_all() -> None:
    for file in _files:
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


def _created(target: Path, header: bytes) -> tuple[int, tuple[int, int]]:
    """A draft with the header, put in the place of the target: nobody reads a file without one."""
    if target.exists() and not (target.is_file() or target.is_symlink()):
        raise OSError(errno.EINVAL, "it is there and is no regular file")
    draft = target.with_name(f".tracelab-{os.urandom(6).hex()}.part")
    descriptor = -1
    try:
        descriptor = raised(open_descriptor(draft, _FLAGS, 0o600))
        found = fstat(descriptor)
        lock(descriptor)
        if write(descriptor, header) < len(header):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        take(draft, target)
    except BaseException:
        if descriptor >= 0:
            close(descriptor)
        with suppress(OSError):
            draft.unlink()
        raise
    return descriptor, (found.st_dev, found.st_ino)
