"""Hand-made traces for tests of the read side: no torch, no patching, a fake clock.

trace = build(
    call("LlamaForCausalLM.generate", kind="method", root="LlamaForCausalLM", path="",
         children=[call("LlamaForCausalLM.forward", inputs={"input_ids": t(1, 5)}, output=t(1, 1, 32))]))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tracelab.calls import Trace
from tracelab.events import FACT, UNKNOWN, Lane, Place, Recording, Signature, Site, Visit, raised, returned
from tracelab.fold import fold
from tracelab.values import Spec, TensorSpec


def t(*shape: int | str, dtype: str = "float32") -> TensorSpec:
    """A tensor spec, float32 unless told."""
    return TensorSpec(tuple(shape), dtype)


@dataclass
class Node:
    """One call to be built."""

    site: Site
    place: Place
    inputs: dict[str, Spec]
    output: Spec | None
    error: str | None
    open: bool
    took: int
    facts: dict[str, Any]
    children: list[Node] = field(default_factory=list)


def call(
    name: str,
    *,
    kind: str = "module",
    path: str | None = None,
    root: str | None = None,
    defined_in: str | None = None,
    inputs: dict[str, Spec] | None = None,
    output: Spec | None = None,
    error: str | None = None,
    open: bool = False,
    file: str | None = "/site-packages/lib/modeling.py",
    line: int | None = 10,
    place: Place = Place("/home/user/script.py", 5),
    container: str | None = None,
    took: int = 1000,
    facts: dict[str, Any] | None = None,
    children: list[Node] | None = None,
) -> Node:
    """Describe one call; `took` is its own time in nanoseconds, its children's time comes on top."""
    owner, _, function = name.rpartition(".")
    site = Site(
        kind=kind,
        owner=owner,
        defined_in=defined_in or owner,
        function=function,
        root=root,
        path=path,
        file=file,
        line=line,
        parameters=(),
        container=container,
    )
    return Node(site, place, inputs or {}, output, error, open, took, facts or {}, children or [])


def build(
    *roots: Node, meta: dict[str, Any] | None = None, dropped: int = 0, thread: str = "MainThread"
) -> Trace:
    """The trace of a program that made these calls one after another in one thread."""
    return build_threads({thread: list(roots)}, meta=meta, dropped=dropped)


def build_threads(
    lanes: dict[str, list[Node]], *, meta: dict[str, Any] | None = None, dropped: int = 0
) -> Trace:
    """The same for several threads that all began at time 0."""
    recording = Recording(meta=dict(meta or {}), dropped=dropped)
    end = 0
    for thread, roots in lanes.items():
        lane = Lane(thread)
        recording.lanes.append(lane)
        clock = 0
        for root in roots:
            clock = _emit(recording, lane, root, clock, 0)
        end = max(end, clock)
    return Trace(fold(recording, end))


def _intern(table: list[Any], item: Any) -> int:
    if item not in table:
        table.append(item)
    return table.index(item)


def _emit(recording: Recording, lane: Lane, node: Node, clock: int, depth: int) -> int:
    visit = Visit(_intern(recording.sites, node.site), _intern(recording.places, node.place), depth)
    keywords = tuple((name, _intern(recording.specs, spec)) for name, spec in node.inputs.items())
    signature = _intern(recording.signatures, Signature((), keywords))
    lane.rows += [_intern(recording.visits, visit), signature, clock]
    if node.facts:
        lane.rows += [FACT, _intern(recording.facts, node.facts), depth]
    clock += node.took
    for child in node.children:
        clock = _emit(recording, lane, child, clock, depth + 1)
    if node.open:
        return clock
    if node.error is not None:
        lane.rows += [raised(depth), _intern(recording.errors, node.error), clock]
    else:
        spec = UNKNOWN if node.output is None else _intern(recording.specs, node.output)
        lane.rows += [returned(depth), spec, clock]
    return clock
