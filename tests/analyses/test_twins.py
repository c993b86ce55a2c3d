"""An analysis may look at the twin of a call instead of the call: never with another answer, and seldom both.

The oracle is the same trace as arrays, where every row is its own twin.  Programs are made of everything
that an answer depends on: loops and their helpers, modules at numbered and nested places, sizes that grow,
dtypes, failures, lost ends, several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import Node, build, build_threads, call, t
from tests.repeated import Repeated, form_of, long_generate, repeated
from tracelab.analyses.keys import Keys
from tracelab.analyses.loops import passes
from tracelab.analyses.marks import Marks
from tracelab.analyses.selection import matching
from tracelab.analyses.visible import Visible
from tracelab.calls import Trace
from tracelab.renderers.tree import show
from tracelab.values import CacheSpec, Spec

SITES: list[dict[str, Any]] = [
    *[{"name": "Net.forward", "root": "Net", "path": ""}] * 4,
    *({"name": "Block.forward", "root": "Net", "path": f"layers.{number}"} for number in range(3)),
    *({"name": "Linear.forward", "root": "Net", "path": f"layers.{number}.fc"} for number in range(3)),
    {"name": "Linear.forward", "root": "Net", "path": "head"},
    {"name": "Other.forward", "root": "Other", "path": ""},
    *[{"name": "Net._sample", "kind": "method", "root": "Net", "path": ""}] * 6,
    {"name": "Net._assisted_decoding", "kind": "method", "root": "Net", "path": ""},
    *[{"name": "Net._prefill", "kind": "method", "root": "Net", "path": ""}] * 2,
    {"name": "Net.prepare_inputs_for_generation", "kind": "method", "root": "Net", "path": ""},
    {"name": "Net._update_model_kwargs_for_generation", "kind": "method", "root": "Net", "path": ""},
    {"name": "Net.generate", "kind": "method", "root": "Net", "path": ""},
    {"name": "Processor.__call__", "kind": "method"},
    {"name": "helper", "kind": "function"},
]


@dataclass
class Planned:
    """A call that a made-up program makes; `below`: groups of calls, how often, and how much they grow."""

    site: int
    size: int
    dtype: str
    ending: str
    below: list[tuple[int, int, list[Planned]]]


def made(plan: Planned, by: int) -> Node:
    """The call with all sizes larger `by` so much."""
    given: dict[str, Spec] = {
        "input_ids": t(1, plan.size + by, dtype=plan.dtype),
        "past_key_values": CacheSpec("DynamicCache", plan.size + by, 2),
    }
    endings: dict[str, dict[str, Any]] = {
        "returned": {"output": t(plan.size + by, 2)},
        "failed": {"error": "ValueError"},
        "lost": {"open": True},
    }
    return call(**SITES[plan.site], inputs=given, **endings[plan.ending], children=below(plan.below, by))


def below(groups: list[tuple[int, int, list[Planned]]], by: int = 0) -> list[Node]:
    return [
        made(plan, by + growth * again)
        for times, growth, plans in groups
        for again in range(times)
        for plan in plans
    ]


def groups(plans: st.SearchStrategy[Planned]) -> st.SearchStrategy[list[tuple[int, int, list[Planned]]]]:
    one = st.tuples(st.integers(1, 4), st.integers(0, 1), st.lists(plans, min_size=1, max_size=2))
    return st.lists(one, max_size=2)


def planned(level: int) -> st.SearchStrategy[Planned]:
    return st.builds(
        Planned,
        site=st.integers(0, len(SITES) - 1),
        size=st.integers(1, 3),
        dtype=st.sampled_from(["int64", "int64", "float32"]),
        ending=st.sampled_from(["returned"] * 6 + ["failed", "lost"]),
        below=groups(planned(level - 1)) if level else st.just([]),
    )


def programs() -> st.SearchStrategy[Trace]:
    def trace(threads: list[list[tuple[int, int, list[Planned]]]]) -> Trace:
        return build_threads({f"thread {number}": below(plans) for number, plans in enumerate(threads)})

    return st.builds(trace, st.lists(groups(planned(2)), min_size=1, max_size=2))


def drawn(trace: Trace, **options: Any) -> str:
    page = StringIO()
    show(trace, file=page, **options)
    return page.getvalue()


def partition(numbers: list[int]) -> list[int]:
    """For each item the position of the first one with an equal number: what numbers mean, without them."""
    first: dict[int, int] = {}
    return [first.setdefault(number, position) for position, number in enumerate(numbers)]


def step_table(trace: Trace) -> list[tuple[Any, ...]]:
    return [(step.call.id, step.loop.id, step.index, step.phase, step.input, step.cache_before,
             step.cache_after, step.cross_length, step.logits, step.duration, step.facts)
            for step in trace.steps()]  # fmt: skip


many = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))


@many
@given(programs())
def test_keys_and_marks_of_twins(flat: Trace) -> None:
    rows = range(flat.recorded)
    answers = []
    for trace in (flat, repeated(flat)):
        visible = Visible(trace.columns)
        keys, marks = Keys(visible), Marks(visible, passes(trace).loops)
        answers.append(
            (
                partition([keys.loose(row) for row in rows]),
                partition([keys.exact(row) for row in rows]),
                partition([keys.own_exact(row) for row in rows]),
                [keys.place(row) for row in rows],
                [(marks.size(row), marks.chain(row), marks.small(row), marks.levels(row)) for row in rows],
            )
        )
    assert answers[0] == answers[1]


@many
@given(programs())
def test_trees_of_twins(flat: Trace) -> None:
    for options in ({}, {"depth": 99}, {"max_lines": 12}, {"fold": False}):
        assert drawn(repeated(flat), **options) == drawn(flat, **options)
    for pattern in ("*Linear*", "layers.1", "forward"):
        if flat.count(pattern):
            assert drawn(repeated(flat), filter=pattern) == drawn(flat, filter=pattern)


@many
@given(programs())
def test_steps_of_twins(flat: Trace) -> None:
    twins = repeated(flat)
    assert step_table(twins) == step_table(flat)
    at = list(flat.step_indices())
    assert list(twins.step_indices()) == at
    for trace in (flat, twins):
        assert [-1 if one.step is None else one.step for one in trace.calls] == at
        for step in {*at, 7} - {-1}:
            assert [one.id for one in trace.find(step=step)] == [
                row for row, here in enumerate(at) if here == step
            ]
            assert [one.id for one in trace.find("*", kind="module", step=step)] == [
                row for row, here in enumerate(at) if here == step and trace.calls[row].kind == "module"
            ]


@many
@given(programs())
def test_the_double_tells_the_truth(flat: Trace) -> None:
    """Row + k below a row is what twin + k is: otherwise the tests above would prove nothing."""
    columns = repeated(flat).columns
    for row in range(flat.recorded):
        twin = columns.twin(row)
        assert twin <= row and columns.twin(twin) == twin
        assert columns.subtree_size(twin) == columns.subtree_size(row)
        children = [child - row for child in columns.children_of(row)]
        assert children == [child - twin for child in columns.children_of(twin)]
        one, other = flat.calls[row], flat.calls[twin]
        assert (one.site, one.status, list(one.inputs)) == (other.site, other.status, list(other.inputs))
        assert list(map(form_of, one.inputs.values())) == list(map(form_of, other.inputs.values()))


# --- what a wrong twin would do -----------------------------------------------------------------------


def net(*children: Node, dtype: str = "float32") -> Node:
    given: dict[str, Spec] = {"x": t(1, 4, dtype=dtype)}
    return call("Net.forward", root="Net", path="", inputs=given, children=list(children))


def block(*children: Node) -> Node:
    return call("Block.forward", root="Net", path="a", children=list(children))


def linear(**options: Any) -> Node:
    return call("Linear.forward", root="Net", path="a.fc", **options)


@pytest.mark.parametrize(
    "calls",
    [
        [net(dtype="float32"), net(dtype="int64")],
        [net(linear(output=t(1, 4))), net(linear(output=t(1, 4, 1)))],
        [net(linear(output=t(1))), net(linear(error="ValueError"))],
        [net(linear()), net(linear(), linear())],
        [net(linear(), block()), net(block(), linear())],
    ],
    ids=["dtype", "rank below", "failure below", "number of calls", "order of calls"],
)
def test_a_wrong_twin_is_seen(calls: list[Node]) -> None:
    """Whoever takes two such calls for twins draws one line for what are two."""
    flat = build(*calls)
    wrong = Repeated(flat.columns)
    second = flat.columns.children_of(-1)[1]
    wrong.twins[second] = wrong.twins[0]
    assert drawn(repeated(flat)) == drawn(flat)
    assert drawn(Trace(wrong)) != drawn(flat)


def test_the_module_around_is_no_part_of_a_twin() -> None:
    """`a.fc` below `a` is `fc`, below the root it is `a.fc`: twins, but not equal lines."""
    flat = build(net(linear()), net(block(linear())))
    columns = repeated(flat).columns
    inner = [row for row in range(flat.recorded) if flat.calls[row].owner == "Linear"]
    assert columns.twin(inner[1]) == inner[0]
    keys = Keys(Visible(columns))
    assert [keys.place(row) for row in inner] == ["a.fc", "fc"]
    assert keys.loose(inner[0]) != keys.loose(inner[1])


def test_a_filter_has_no_twins() -> None:
    """Of three equal calls it may keep one; the others must not be drawn for it."""
    flat = build(*(net(linear(), block()) for _ in range(3)))
    last = flat.columns.children_of(-1)[2]
    visible = Visible(repeated(flat).columns, frozenset([last, last + 1]))
    assert [visible.twin(row) for row in (last, last + 1)] == [last, last + 1]
    assert (visible.size(last), visible.size(0)) == (1, 0)
    assert list(visible.children_of(-1)) == [last]


def test_forms_are_read_by_the_double() -> None:
    same: Callable[[Spec], Hashable] = lambda spec: None  # noqa: E731
    flat = build(net(dtype="float32"), net(dtype="int64"))
    assert list(Repeated(flat.columns, same).twins) == [0, 0]
    assert list(Repeated(flat.columns).twins) == [0, 1]


# --- what is looked at --------------------------------------------------------------------------------


def read(ask: Callable[[Trace], Any], steps: int, layers: int) -> int:
    """Numbers that are read of the columns to answer `ask`."""
    columns = Repeated(long_generate(steps, layers).columns)
    ask(Trace(columns))
    return columns.read


@pytest.mark.parametrize(
    ("ask", "most"),
    [
        (lambda trace: trace.steps(), 20),
        (lambda trace: drawn(trace), 40),
        (lambda trace: drawn(trace, depth=99), 40),
        (lambda trace: trace.find("*", step=7), 15),
        (lambda trace: trace.calls[-1].step, 15),
        (lambda trace: trace.find("*"), 0),
        (lambda trace: trace.find("*Linear*", kind="module"), 0),
        (lambda trace: trace.count("*"), 0),
    ],
    ids=["steps", "print", "print all levels", "find a step", "step of a call", "find all", "find", "count"],
)
def test_what_a_step_costs_does_not_depend_on_what_stands_in_it(
    ask: Callable[[Trace], Any], most: int
) -> None:
    """A step of 2 layers makes 9 + 12 calls, one of 10 layers 9 + 60; its loop makes 5 of them itself."""
    small = read(ask, 60, 2) - read(ask, 30, 2)
    large = read(ask, 60, 10) - read(ask, 30, 10)
    assert small == large
    assert large <= most * 30


def test_a_filter_climbs_from_what_it_finds_only() -> None:
    trace = Trace(Repeated(long_generate(30, 10).columns))
    kept = matching(trace, "*lm_head*")
    # 31 passes: head, model call; then `_prefill` of the first, the loop, `generate`
    assert len(kept) == 2 * 31 + 3
    assert trace.columns.read <= 4 * len(kept)
