"""What a wrapper and a recorder say to each other about a callee."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Protocol

from ..events import Site

Facts = Mapping[str, Any] | None
"""Plain numbers and words, and tuples of them."""


@dataclass(frozen=True, slots=True)
class Tells:
    """What an instrument derives from a call, to be kept as facts of it.

    `before` is asked at entry, for self, the arguments, and whether values are kept; `after` at the return,
    for the result too; `failed`, when an exception leaves the call, for that.  `of_values`: all are asked
    only where values are kept.  `of_recorder`: in place of whether values are kept they are told which
    recorder asks, whose roots and options they need.
    """

    before: Callable[[Any, tuple[Any, ...], dict[str, Any], Any], Facts] | None = None
    after: Callable[[Any, tuple[Any, ...], dict[str, Any], Any, Any], Facts] | None = None
    of_values: bool = False
    failed: Callable[[Any, tuple[Any, ...], dict[str, Any], Exception, bool], Facts] | None = None
    of_recorder: bool = False


class Locator(Protocol):
    """Says what is known of a callee; asked once for each object (or class), never in the hot path.

    `everything`: a call tree may begin at any callee.
    """

    everything: bool

    def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
        """The site of `target` on the object `it`, and whether a call tree may begin here."""
        ...

    def code(self, target: Target, it: Any) -> CodeType | None:
        """The code that such a call really runs; None where it is not written in Python."""
        ...


@dataclass(eq=False, slots=True)
class Target:
    """What stands behind one wrapper: `original`, which `holder` has under `name`.

    `by_object`: sites differ from object to object (modules have paths), not only from class to class.
    `bound`: the first argument is `self`.  `tells`: what an instrument derives from each call.
    `through`: ends of names of files whose functions only hand on: the place of a call is above them.
    `stands_in`: dynamo takes the wrapper for the original.  Of a method that it is given bound to an object
    which is no module it would lose the object, so there it has to leave the wrapper alone.
    `book`: what the only active recorder knows of each object, for the hot path; see `Known.among`.
    `in_chains`: only recorders that keep the way to calls record its own.
    `impl`: the `Module._call_impl` behind it, if it is torch's own `Module.__call__`, see `torch_call`.
    `general`: what is called where the hot path does not do, see `wrapper`.
    `wrapper`: what stands there now.  `retired`: the patch was taken out; where the wrapper still stands, it
    passes through until a later trace puts it in again.
    """

    kind: str
    function: str
    original: Any
    holder: Any
    name: str = ""
    by_object: bool = False
    bound: bool = True
    tells: Tells | None = None
    through: tuple[str, ...] = ()
    stands_in: bool = True
    in_chains: bool = False
    impl: Any = None
    general: Any = None
    wrapper: Any = None
    retired: bool = False
    book: dict[int, Any] = field(default_factory=dict)

    @property
    def asks_more(self) -> bool:
        """Whether what it tells depends on the recorder."""
        return self.tells is not None and self.tells.of_recorder
