"""What a wrapper and a recorder say to each other about a callee."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..events import Site

Facts = Callable[[Any, tuple[Any, ...], dict[str, Any]], Mapping[str, Any] | None]


class Locator(Protocol):
    """Says what is known of a callee; asked once for each object (or class), never in the hot path.

    `everything`: a call tree may begin at any callee.
    """

    everything: bool

    def locate(self, target: Target, it: Any) -> tuple[Site, bool]:
        """The site of `target` on the object `it`, and whether a call tree may begin here."""
        ...


@dataclass(eq=False, slots=True)
class Target:
    """What stands behind one wrapper: `original`, which `holder` has under `name`.

    `by_object`: sites differ from object to object (modules have paths), not only from class to class.
    `bound`: the first argument is `self`.  `facts`: what an instrument derives from the arguments.
    `book`: what the only active recorder knows of each object, for the hot path; see `Known.among`.
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
    facts: Facts | None = None
    impl: Any = None
    general: Any = None
    wrapper: Any = None
    retired: bool = False
    book: dict[int, Any] = field(default_factory=dict)
