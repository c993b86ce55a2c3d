"""What was loaded, and which modules began with weights that no file had.

    from_pretrained, from_config   what the calls below them told: overridden config values, the keys that
                                   were missing, unexpected or mismatched, ties, dtype, attention
    a module, later                newly_initialised: its own weights that were not in the file
    the first call of a model      weights: random, where it was built in the trace and nothing was loaded

The report of a load is told by a call on the model itself (`_adjust_missing_and_unexpected_keys`), whose site
has the root and the path of that model.  A call of a module of that root after it is a call of what was
loaded there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..calls import Call, Trace

LOADS = frozenset({"from_pretrained", "from_config", "_from_config"})

TOLD = (
    "overridden",
    "stored",
    "given",
    "dtype",
    "attention",
    "weights",
    "missing",
    "unexpected",
    "mismatched",
    "newly_initialised",
    "tied",
    "counts",
)
"""The facts of the calls below a load that are facts of the load."""

RANDOM = "random"
"""Where `meta` says which models ran as they were built: pairs of root and path."""

Fresh = dict[tuple[str, str], list[tuple[int, tuple[str, ...]]]]
"""(root, path) of a module -> the rows of its loads, with the weights that were newly initialised."""


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """What is known of a load, or of a module that was loaded, besides what was recorded of it."""
    if call.kind == "method":
        return _told_below(trace, call) if call.function in LOADS else {}
    if call.kind != "module":
        return {}
    found: Fresh = trace.memo("fresh", lambda: _fresh(trace))
    loads = found.get((call.root or "", call.path or ""), ()) if found else ()
    before = [weights for row, weights in loads if row < call.id]
    fresh = {"newly_initialised": before[-1]} if before and before[-1] else {}
    return {"weights": "random", **fresh} if is_random(trace, call) else fresh


def is_random(trace: Trace, call: Call) -> bool:
    """Whether a call is the first of a whole model, which ran with the weights that it was built with."""
    first: frozenset[int] = trace.memo("first of random", lambda: frozenset(_first_of_random(trace)))
    return call.id in first


def _first_of_random(trace: Trace) -> Iterator[int]:
    told, columns = trace.meta.get(RANDOM), trace.columns
    for place in told if type(told) is list else ():  # a file may say anything there
        of_place = [site.kind == "module" and (site.root, site.path) == place for site in columns.sites]
        yield from columns.rows_at(of_place)[:1] if any(of_place) else ()


def fresh_before(trace: Trace, call: Call) -> dict[tuple[str, str], tuple[str, ...]]:
    """(root, path) of each module whose weights no file had when it was loaded before a call, and which."""
    found: Fresh = trace.memo("fresh", lambda: _fresh(trace))
    before = {place: [weights for row, weights in loads if row < call.id] for place, loads in found.items()}
    return {place: weights[-1] for place, weights in before.items() if weights and weights[-1]}


def _told_below(trace: Trace, call: Call) -> dict[str, object]:
    columns = trace.columns
    found: dict[str, object] = {}
    waiting = list(reversed(columns.children_of(call.id)))
    while waiting:
        row = waiting.pop()
        for name, fact in columns.facts.get(row, {}).items():
            if name in TOLD:
                found.setdefault(name, fact)
        waiting.extend(reversed(columns.children_of(row)))
    own = columns.facts.get(call.id, {})
    return {name: fact for name, fact in found.items() if name not in own}


def _fresh(trace: Trace) -> Fresh:
    columns = trace.columns
    found: defaultdict[tuple[str, str], list[tuple[int, tuple[str, ...]]]] = defaultdict(list)
    for row in sorted(columns.facts):
        site = columns.sites[columns.site[row]]
        if site.function != "_adjust_missing_and_unexpected_keys" or site.root is None:
            continue
        weights: defaultdict[str, list[str]] = defaultdict(list)
        for name in columns.facts[row].get("newly_initialised", ()):
            path, _, weight = str(name).rpartition(".")
            weights[".".join(filter(None, (site.path, path)))].append(weight)
        for path, names in weights.items():
            found[site.root, path].append((row, tuple(names)))
    return dict(found)
