"""Traces for the tests of files: one by hand that has something of everything, and generated ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.builders import Node, build, build_threads, call, t
from tracelab.calls import Trace
from tracelab.events import Place, Signature, Site
from tracelab.passes import Line, Pass
from tracelab.values import (
    CacheSpec,
    ContainerSpec,
    ObjectSpec,
    ScalarSpec,
    Spec,
    TensorSpec,
    TensorStats,
    UnreadableSpec,
)

LINES = Pass("m.py", 3, "Base.generate", (Line(3, (("x", t(1, 4)),)), Line(4, (("y", t(2)),))), "return", 1)


def small() -> Trace:
    """Four calls: generate, in it two forwards of which the second fails, then one that never returned."""
    ids = ContainerSpec(
        "BatchEncoding", (("input_ids", t(1, 4, dtype="int64")), ("n", ScalarSpec("int", 4, True))), 2
    )
    stats = TensorSpec((2, "s0"), "float32", "cuda:0", TensorStats(-1.5, math.inf, math.nan, None, 3, 1))
    trace = build(
        call(
            "Model.generate",
            kind="method",
            root="Model",
            path="",
            defined_in="GenerationMixin",
            inputs={"inputs": ids, "config": ObjectSpec("GenerationConfig")},
            output=t(1, 6, dtype="int64"),
            facts={"mode": "greedy", "beams": 1, "shape": (1, 6), "share": 0.25},
            children=[
                call(
                    "Model.forward",
                    inputs={"cache": CacheSpec("DynamicCache", 4, 2)},
                    output=stats,
                    facts={"lines": LINES},
                ),
                call("Model.forward", inputs={"x": UnreadableSpec("RuntimeError")}, error="ValueError"),
            ],
        ),
        call("open_end", kind="function", open=True, file=None, line=None),
        meta={"torch": "2.13.0", "rank": 0, "options": {"limit": 1_000_000}},
        dropped=7,
    )
    columns = trace.columns
    columns.faults = {"describe": 2}
    columns.sites[0] = Site(
        "method", "Model", "Base", "generate", None, None, "m.py", 3, ("a", "b"), "rest", "x.y", ("z",)
    )
    columns.signatures[0] = Signature((0, 1), (("k", 0),))
    return trace


def document(folder: Path) -> dict[str, Any]:
    """The saved form of `small()`, to be spoilt."""
    path = folder / "good.json"
    small().save(path)
    found: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return found


def look(trace: Trace) -> str:
    """Touch everything that a reader can ask of each call; the text of it all."""
    seen = [repr(trace.columns), str(trace.complete), str([call.id for call in trace.roots])]
    for one in trace.calls:
        answers = (one.name, one.kind, one.root, one.path, one.file, one.line, one.call_site, one.status)
        times = (one.start, one.duration, one.rank, one.thread, one.error, one.facts, one.gap)
        values = {name: str(spec) for name, spec in one.inputs.items()}
        family = (one.parent, one.children, one.ancestors)
        seen.append(repr((answers, times, values, str(one.output), family)))
    return "\n".join([*seen, str(trace.source())])


# --- generated ---------------------------------------------------------------------------------------

words = st.text(max_size=8)
names = st.text(st.characters(exclude_characters="."), min_size=1, max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=True, allow_infinity=True)
scalars = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | floats | words
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(words | st.sampled_from(["$float", "$tuple", "$"]) | numbers, inner, max_size=3)
    ),
    max_leaves=6,
)
counts = st.integers(0, 2**63 - 1)
moments = st.none() | floats
tensors = st.builds(
    TensorSpec,
    shape=st.lists(counts | words, max_size=4).map(tuple),
    dtype=words,
    device=st.just("cpu") | words,
    stats=st.none() | st.builds(TensorStats, moments, moments, moments, moments, counts, counts),
    type=st.just("Tensor") | words,
    values=st.none() | st.lists(scalars, max_size=3).map(tuple),
)
leaves: st.SearchStrategy[Spec] = st.one_of(
    tensors,
    st.builds(CacheSpec, words, st.none() | counts, counts, st.none() | counts),
    st.builds(ScalarSpec, words),
    st.builds(ScalarSpec, words, scalars, st.just(True)),
    st.builds(ObjectSpec, words),
    st.builds(UnreadableSpec, words),
)


def _container(inner: st.SearchStrategy[Spec]) -> st.SearchStrategy[Spec]:
    fields = st.lists(st.tuples(words | st.integers(-(2**70), 2**70), inner), max_size=3).map(tuple)
    return st.builds(ContainerSpec, words, fields, counts)


specs: st.SearchStrategy[Spec] = st.recursive(leaves, _container, max_leaves=6)


def _call(children: st.SearchStrategy[list[Node]]) -> st.SearchStrategy[Node]:
    return st.builds(
        call,
        st.tuples(names, names).map(".".join),
        kind=words,
        path=st.none() | words,
        root=st.none() | words,
        inputs=st.dictionaries(words, specs, max_size=2),
        output=st.none() | specs,
        error=st.none() | words,
        file=st.none() | words,
        line=st.none() | numbers,
        place=st.builds(Place, words, numbers),
        container=st.none() | words,
        took=st.integers(0, 10**12),
        facts=st.dictionaries(words, plain, max_size=2),
        children=children,
    )


calls = st.recursive(_call(st.just([])), lambda inner: _call(st.lists(inner, max_size=3)), max_leaves=4)
traces: st.SearchStrategy[Trace] = st.builds(
    build_threads,
    st.dictionaries(words, st.lists(calls, max_size=2), max_size=2),
    meta=st.dictionaries(words, plain, max_size=2),
    dropped=counts,
)
