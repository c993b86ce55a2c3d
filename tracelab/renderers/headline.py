"""What stands above and below the tree: what was recorded, what is missing, what is hidden.

    WhisperForConditionalGeneration · 312 calls · 0.21 s · 6 steps
    incomplete: 120 calls dropped · 2 faults of tracelab itself · 1 call not finished
    ...
    hidden: 212 calls · --depth 12 opens every level · --no-fold lists every call

A trace that is not complete says so before its tree is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..analyses.loops import passes
from ..analyses.outline import Outline
from ..calls import OPEN, Columns, Trace
from ..events import FORKED, LINES_LOST, SWITCHED_OFF, UNKNOWN
from .amounts import many as many
from .clean import clean
from .layout import Page, Row

MODELS = 2
"""Names of so many models fit into the header."""

EMPTY = "Nothing was recorded: no module, generate or tokenizer ran inside the trace."


def empty(trace: Trace, page: Page) -> Iterator[Row]:
    """The line for a trace without calls."""
    yield page.words(EMPTY, "header")
    yield from _missing(trace, page)
    yield from _opaque(trace, page)


def header(trace: Trace, page: Page) -> Iterator[Row]:
    """What was recorded, and what is missing if something is."""
    columns = trace.columns
    facts = [_subject(trace), many(len(columns), "call"), seconds(_took(columns) / 1e9)]
    steps = sum(len(loop.steps) for loop in passes(trace).loops.values())
    if steps:
        facts.append(many(steps, "step"))
    if len(columns.threads) > 1:
        facts.append(many(len(set(columns.thread)), "thread"))
    yield page.words(" · ".join(facts), "header")
    yield from _missing(trace, page)
    yield from _opaque(trace, page)
    yield from _lines_lost(trace, page)


def _opaque(trace: Trace, page: Page) -> Iterator[Row]:
    """How often compiled code ran, of which only the outside is seen."""
    inside = sum("compiled" in facts for facts in trace.columns.facts.values())
    outside = trace.meta.get("compiled_regions", 0)
    facts = [f"in {many(inside, 'call')}"] if inside else []
    if type(outside) is int and outside:
        facts.append(f"{many(outside, 'time')} outside")
    if facts:
        words = f"compiled code unseen {', '.join(facts)} · see_through_compile=True"
        yield page.words(words, "warning")


def _lines_lost(trace: Trace, page: Page) -> Iterator[Row]:
    """Who took the place of the tracer that sees lines."""
    lost = trace.meta.get(LINES_LOST)
    if not isinstance(lost, dict):
        return
    told = [f"{many(count, 'call')}, {clean(str(who))}" for who, count in lost.items() if type(count) is int]
    if told:
        yield page.words(f"lines unseen, tracer replaced: {'; '.join(told)}", "warning")


def _missing(trace: Trace, page: Page) -> Iterator[Row]:
    if trace.complete:
        return
    unfinished = trace.columns.status.count(OPEN)
    facts = []
    if trace.dropped:
        facts.append(f"{many(trace.dropped, 'call')} dropped")
    if trace.meta.get(SWITCHED_OFF):
        facts.append(f"switched off by {many(trace.internal_errors, 'fault')} of its own")
    elif trace.internal_errors:
        facts.append(f"{many(trace.internal_errors, 'fault')} of tracelab itself")
    if unfinished:
        facts.append(f"{many(unfinished, 'call')} not finished")
    if trace.meta.get("unfinished"):
        facts.append("the file ends before the recording did")
    if trace.meta.get(FORKED):
        facts.append("ends at the fork of this process")
    yield page.words("incomplete: " + " · ".join(facts), "warning")


def footer(outline: Outline, hidden: int, lines: int, page: Page) -> Iterator[Row]:
    """What is hidden, and the options that show it."""
    recorded = len(outline.trace.columns)
    facts = []
    if outline.keep is not None:
        facts.append(f"the filter keeps {len(outline.keep):,} of {many(recorded, 'call')}")
        recorded = len(outline.keep)
    if outline.folded and lines < recorded:
        facts += _hints(outline, hidden)
    if facts:
        yield page.words(" · ".join(facts), "note")
    unseen = 0 if outline.reached is None else outline.reached.hidden
    if unseen:
        yield page.words(f"{many(unseen, 'frame')} between calls only hand on: --chain-all", "note")


def _hints(outline: Outline, hidden: int) -> Iterator[str]:
    if hidden:
        yield f"hidden: {many(hidden, 'call')}"
        yield f"--depth {_levels(outline)} opens every level"
    else:
        yield "equal calls and small helpers share lines"
    yield "--no-fold lists every call"


def _took(columns: Columns) -> int:
    """Nanoseconds from the first entry to the last exit; a call that is still open ends with the trace."""
    roots = columns.children_of(UNKNOWN)
    last = [*roots, *_first_open(columns)]
    ends = max(columns.start[row] + columns.duration[row] for row in last)
    return ends - min(columns.start[row] for row in roots)


def _first_open(columns: Columns) -> Iterator[int]:
    if OPEN in columns.status:
        yield next(row for row, status in enumerate(columns.status) if status == OPEN)


def _levels(outline: Outline) -> int:
    """Levels of the tree with its step lines; a repeated sequence of calls may add one."""
    return max(outline.marks.levels(root) for root in outline.trace.children_of(UNKNOWN)) + 2


def _subject(trace: Trace) -> str:
    """The models that were called directly, or what was called first where there is none."""
    columns = trace.columns
    sites = dict.fromkeys(columns.site[row] for row in trace.children_of(UNKNOWN))
    roots = dict.fromkeys(root for site in sites if (root := columns.sites[site].root))
    if not roots:
        return clean(columns.sites[columns.site[0]].name)
    names = [clean(root) for root in roots]
    more = f" and {len(names) - MODELS} more" if len(names) > MODELS else ""
    return ", ".join(names[:MODELS]) + more


def seconds(took: float) -> str:
    """A time as a person reads it: `3.1 ms`, `0.21 s`."""
    if took < 0.0995:
        return f"{took * 1000:.2g} ms"
    return f"{took:.2f} s" if took < 99.5 else f"{took:,.0f} s"
