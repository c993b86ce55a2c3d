"""The way of bytes to and from a disk: whole, private, bounded, never waiting for somebody else.

Writing goes to a draft in the same folder that takes the place of the target in one step.  Nobody ever
reads half a trace, and a failure leaves what was there before.  The draft is made with mode 0600.  A
symbolic link at the target is replaced, not followed: a link that somebody planted in a shared folder
cannot direct the trace elsewhere.

Reading opens without blocking and then asks what was opened: a named pipe or `/dev/zero` is refused
instead of waited for.  Compressed bytes are told by their first two, and are decompressed with a limit.

Gotcha: `gzip` writes the name of the file and the time into the header.  `zlib` with 31 window bits
writes and reads the same format without either.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import TracelabError
from . import limits
from .expect import Refused

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def write(target: str, texts: Iterable[str], compress: bool) -> None:
    """Replace the file `target` by these texts in UTF-8; `OSError` names the target, not the draft."""
    chunks = (text.encode("utf-8") for text in texts)
    try:
        _replace(Path(target), _compressed(chunks) if compress else chunks)
    except OSError as error:
        problem = OSError(error.errno, error.strerror, target)
    else:
        return
    # Outside of the handler: a chain of two tracebacks would say the same thing twice.
    raise problem


def write_standard(texts: Iterable[str]) -> None:
    """Write these ASCII texts to standard output."""
    if sys.stdout is None:
        raise TracelabError("cannot write to standard output: it is closed")
    binary: BinaryIO | None = getattr(sys.stdout, "buffer", None)
    sys.stdout.flush()
    for text in texts:
        if binary is None:
            sys.stdout.write(text)
        else:
            # Past the text layer: it would write another encoding or other line ends on some systems.
            binary.write(text.encode("ascii"))
    (binary or sys.stdout).flush()


def read(source: str) -> bytes:
    """All bytes of a regular file, decompressed."""
    try:
        handle = os.open(source, _OPEN)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise Refused(f"{_kind(mode)}, not a regular file")
            with os.fdopen(handle, "rb", closefd=False) as stream:
                return _content(stream)
        finally:
            os.close(handle)
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except ValueError as error:  # a null character in the name
        problem = str(error)
    raise Refused(f"cannot be read: {problem}")


def read_standard() -> bytes:
    """All bytes of standard input, decompressed."""
    if sys.stdin is None:
        raise Refused("it is closed")
    binary: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    try:
        if binary is not None:
            return _content(binary)
        return sys.stdin.read(limits.BYTES + 1).encode("utf-8", "surrogateescape")
    except OSError as error:
        problem = error.strerror or type(error).__name__
    raise Refused(f"cannot be read: {problem}")


def _replace(target: Path, chunks: Iterable[bytes]) -> None:
    if target.exists() and not (target.is_file() or target.is_symlink()):
        raise TracelabError(f"cannot write to {str(target)!r}: it is there and is no regular file")
    handle, name = tempfile.mkstemp(prefix=".tracelab-", suffix=".part", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(chunks)
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    squeeze = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW)
    for chunk in chunks:
        yield squeeze.compress(chunk)
    yield squeeze.flush()


def _content(stream: BinaryIO) -> bytes:
    data = stream.read(limits.BYTES + 1)
    if not data:
        raise Refused("the file is empty")
    if len(data) > limits.BYTES:
        raise Refused(f"larger than {limits.BYTES} bytes")
    return _decompressed(data) if data.startswith(_GZIP_MAGIC) else data


def _decompressed(data: bytes) -> bytes:
    stretch = zlib.decompressobj(_GZIP_WINDOW)
    try:
        content = stretch.decompress(data, limits.BYTES + 1)
    except zlib.error:
        content = None
    if content is None:
        raise Refused("broken gzip data")
    if len(content) > limits.BYTES:
        raise Refused(f"decompresses to more than {limits.BYTES} bytes")
    if not stretch.eof:
        raise Refused("the gzip data ends too early")
    if stretch.unused_data:
        raise Refused("something follows the gzip data")
    return content


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a device"
