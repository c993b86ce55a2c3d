"""The annotated source of functions whose lines were recorded: `trace.source()`.

The calls that are asked for are taken apart by function and by place in the model; layers that went alike
share a listing (`sidebyside`).  Then the text of the function is found (`sourcetext`), cut into statements,
and each line gets what was seen of it.  Where the text is not the one that ran, or there is none, the listing
has line numbers and names alone, and says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from ..calls import Call, Trace
from ..calls.listing import Column, Listing, Listings
from ..errors import TracelabError
from ..passes import LINES, Pass
from ..query import matches, unknown
from ..sourcetext import Text
from ..values import Spec, inert
from .executions import last_of, told
from .marking import marked
from .merging import merged
from .moments import Moments
from .sidebyside import Group, Seen, alike, fact_of, groups, is_whole, joined
from .stepwise import folded_paths
from .texts import Texts
from .units import RETURN, Layout, Unit

HINT = 'record them with trace(source="{0}") or tracelab run --source {0}'
EXAMPLE = "WhisperAttention.forward"
_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def source(
    trace: Trace, pattern: str | None = None, *, path: str | None = None, step: int | None = None
) -> Listings:
    """The listings of all calls that match and whose lines were recorded."""
    recorded = _recorded(trace)
    wanted = recorded
    if pattern is not None:
        wanted = [call for call in wanted if _fits(call, pattern)]
    if path is not None:
        wanted = [call for call in wanted if call.path is not None and fnmatchcase(call.path, path)]
    if step is not None:
        wanted = [call for call in wanted if call.step == step]
    if not wanted:
        return Listings((), _nothing(trace, recorded, pattern, path, step))
    return Listings(listings(trace, wanted))


def _fits(call: Call, pattern: str) -> bool:
    """Whether a call matches by name, by its place in the model or by its file, as where it was recorded."""
    path, file = call.path, call.file
    places = [*([path] if path else []), *([file, file.rpartition("/")[2]] if file else [])]
    return matches(call.site, pattern) or any(fnmatchcase(place, pattern) for place in places)


def of_call(trace: Trace, number: int) -> Listings:
    """The listing of one call; TracelabError where it has none."""
    if not 0 <= number < len(trace.columns):
        raise TracelabError(f"there is no call {number}: this trace has {len(trace.columns)}, counted from 0")
    call = Call(trace, number)
    if isinstance(trace.columns.facts.get(number, {}).get(LINES), Pass):
        return Listings(listings(trace, [call]))
    recorded = _recorded(trace)
    there = (
        f"there are lines of call {', '.join(str(one.id) for one in recorded[:3])}"
        if recorded
        else HINT.format(EXAMPLE)
    )
    raise TracelabError(f"no lines of call {number} ({inert(call.name)}) were recorded; {there}")


def listings(trace: Trace, calls: Sequence[Call]) -> Iterator[Listing]:
    """The listings of calls whose lines were recorded, in the order of the calls."""
    texts = Texts(trace)
    steps = Moments(trace)
    functions: dict[tuple[object, ...], list[Call]] = {}
    for call in calls:
        functions.setdefault(_function(_lines_of(trace, call), call), []).append(call)
    for some in functions.values():
        first = _lines_of(trace, some[0])
        text, outline = texts.of(first, [_lines_of(trace, call) for call in some])
        objects: dict[str, list[Seen]] = {}
        for call in some:
            lines = _lines_of(trace, call)
            facts = {unit: fact_of(one, is_whole(lines)) for unit, one in told(lines, outline).items()}
            objects.setdefault(call.path or "", []).append(Seen(call, lines, steps.of(call), facts))
        for paths in alike(objects):
            made = groups([objects[path] for path in paths])
            yield _listing(made, paths, outline, text)


def _listing(made: Sequence[Group], paths: Sequence[str], outline: Layout, text: Text) -> Listing:
    seen = made[0].first[0]
    return Listing(
        call=seen.call,
        name=seen.call.name,
        file=seen.lines.file,
        first=outline.first,
        start=outline.start,
        columns=tuple([_column(group, outline, text) for group in made]),
        place=" ".join(folded_paths(paths)),
        problem=text.problem,
        certain=text.certain or text.problem is not None,
    )


def _column(group: Group, outline: Layout, text: Text) -> Column:
    ends = {one.lines.ended for one in group.every}
    ended = ends.pop() if len(ends) == 1 else "varied"
    last = _last(outline, group.first[0].lines)
    whole = all(is_whole(one.lines) for one in group.every)
    return Column(
        label=group.label,
        calls=tuple([one.call for one in group.every]),
        lines=marked(outline, text, joined(group), group.first[0], whole),
        steps=tuple(dict.fromkeys(one.when.index for one in group.first if one.when is not None)),
        ended=ended,
        cut=sum(one.lines.cut for one in group.every),
        last=0 if last is None else last.first,
        returned=_returned(group) if _gives_back(outline, last) and ended == "return" else None,
    )


def _last(outline: Layout, seen: Pass) -> Unit | None:
    """The statement that ran last, as far as that is known."""
    last = last_of(seen, outline)
    return None if last is None else outline.units[last.unit]


def _gives_back(outline: Layout, last: Unit | None) -> bool:
    """Whether what the caller got is what a `return` gave: a decorator could have changed it."""
    return last is not None and last.kind == RETURN and outline.first == outline.start


def _returned(group: Group) -> Spec | None:
    outputs = [one.call.output for one in group.every]
    known = [spec for spec in outputs if spec is not None]
    return merged(known) if len(known) == len(outputs) else None


def _recorded(trace: Trace) -> list[Call]:
    """The calls whose lines were recorded, in start order."""
    facts = trace.columns.facts
    return [Call(trace, row) for row in sorted(facts) if isinstance(facts[row].get(LINES), Pass)]


def _lines_of(trace: Trace, call: Call) -> Pass:
    lines: Pass = trace.columns.facts[call.id][LINES]
    return lines


def _function(lines: Pass, call: Call) -> tuple[object, ...]:
    """What calls of one listing share: the function, and the place of its object but for numbers."""
    place = None if call.path is None else _NUMBER.sub("0", call.path)
    return lines.file, lines.first, lines.name, call.root, place


def _nothing(
    trace: Trace, recorded: Sequence[Call], pattern: str | None, path: str | None, step: int | None
) -> str:
    """One line: what was looked for, and what there is or how to record it."""
    asked = "" if pattern is None else f" of '{inert(pattern)}'"
    asked += "" if path is None else f" at '{inert(path)}'"
    asked += "" if step is None else f" in step {step}"
    names = list(dict.fromkeys(inert(call.name) for call in recorded))
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"no lines{asked} were recorded; there are lines of {', '.join(names[:3])}{more}"
    if pattern is not None:
        if not any(matches(site, pattern) for site in trace.columns.sites):
            return unknown(trace, pattern)
        if pattern.replace(".", "").isidentifier():
            return f"no lines{asked} were recorded: {HINT.format(pattern)}"
    return f"no lines were recorded: {HINT.format(EXAMPLE)}"
