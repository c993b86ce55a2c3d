"""From a real function to its listing: traced by the tests' own tracer, built into a trace by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.builders import Node, build, call
from tests.source.tracer import passes_of
from tracelab.calls import Listing, SourceLine, Trace
from tracelab.events import Place
from tracelab.passes import Pass
from tracelab.sourcetext import digests


def node(seen: Pass, path: str | None = None, *made: tuple[str, int], error: str | None = None) -> Node:
    """A call with these lines; `made`: names of the calls below it, each with the line that made it."""
    children = [
        call(
            name, path=f"{path}.{name.partition('.')[0].lower()}", root="Model", place=Place(seen.file, line)
        )
        for name, line in made
    ]
    kind = "module" if path is not None else "function"
    root = None if path is None else "Model"
    error = error or ("ValueError" if seen.ended == "exception" else None)
    facts = {"lines": seen}
    owner = seen.name.replace("<locals>.", "")
    return call(owner, kind=kind, path=path, root=root, facts=facts, children=children, error=error)


def trace_of(*nodes: Node) -> Trace:
    """A trace of these calls that knows the digests of their files."""
    files = {seen.file for one in nodes for seen in passes_below(one)}
    trace = build(*nodes)
    trace.columns.sources = digests(sorted(files))
    return trace


def passes_below(one: Node) -> list[Pass]:
    """The passes of a call and of all below it."""
    own = [one.facts["lines"]] if "lines" in one.facts else []
    return own + [seen for child in one.children for seen in passes_below(child)]


def listed(function: Callable[..., Any], *runs: Callable[[], Any], ended: str | None = None) -> Listing:
    """The one listing of a function that was called by each of `runs`.

    `ended`: how, where the interpreter does not tell: an exception that a `finally` raises anew is no event.
    """
    found = [seen for run in runs for seen in passes_of(function, run)]
    nodes = [node(seen if ended is None else replace(seen, ended=ended)) for seen in found]
    (listing,) = trace_of(*nodes).source()
    return listing


def start_of(function: Callable[..., Any]) -> int:
    """The line of the first decorator, or of the `def`."""
    first: int = getattr(function, "__wrapped__", function).__code__.co_firstlineno
    return first


def told(function: Callable[..., Any], *runs: Callable[[], Any], ended: str | None = None) -> list[str]:
    """What is known of each line, counted from the first: `3 ×2 True x=f32[1]`, `4 -` where it never ran.

    Lines that ran once, and of which nothing else is known, are left out.
    """
    listing = listed(function, *runs, ended=ended)
    lines = [line for line in listing.lines if line.reached is not None]
    found = [(line.number - start_of(function), _said(line)) for line in lines]
    return [f"{number} {words}" for number, words in found if words != "×1"]


def _said(line: SourceLine) -> str:
    words = [f"×{line.hits}" if line.reached else "-"]
    if line.condition is not None:
        words.append(str(line.condition))
    return " ".join([*words, *(f"{name}={spec}" for name, spec in line.bound.items())])
