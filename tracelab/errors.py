"""Every error that tracelab raises on purpose.

    TracelabError
    ├── SetupError          trace() was asked for something that it cannot follow; nothing was patched
    ├── TraceFileError      a file is not a readable trace
    ├── ScriptError         `tracelab run` was given a program that cannot be started
    └── BatchError          something is no batch of ids that could be shown
    PatternWarning          (a UserWarning) `find()` or a filter matches no call

Each message is one line: what was seen, and what is possible instead.  An error is raised before a
trace starts or after it ended, never in the middle of the host's own call.
"""

from __future__ import annotations


class TracelabError(Exception):
    """Base of all errors raised by tracelab."""


class SetupError(TracelabError, ValueError):
    """A root or an option of `trace()`, or a demo, cannot be used; nothing was patched."""


class TraceFileError(TracelabError, ValueError):
    """A file does not hold a trace that this version can read."""


class ScriptError(TracelabError):
    """The program given to `tracelab run` cannot be started."""


class BatchError(TracelabError, ValueError):
    """Something is no batch: the message names the row and the field."""


class PatternWarning(UserWarning):
    """A pattern of `find()` matches no call of the trace; the message names the nearest ones."""
