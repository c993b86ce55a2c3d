"""What a reader sees of a call: its place in the forest, what it knows, its inputs by name, its gap.

All traces are made by hand.  A call of the builders takes 1,000 ns of its own before its first child.
"""

from __future__ import annotations

import unicodedata
from array import array
from typing import Any

import pytest

from tests.builders import Node, build, build_threads, call, t
from tests.rows import forest, ids
from tracelab.calls import Columns, Trace, bind, is_below
from tracelab.events import Place, Signature, Site
from tracelab.values import ScalarSpec, Spec

# --- the forest ---------------------------------------------------------------------------------------


def test_roots_children_and_parents() -> None:
    trace = forest()
    assert [one.owner for one in trace.calls] == list("ABCDEFG")
    assert ids(trace.roots) == [0, 5]
    assert [ids(one.children) for one in trace.calls] == [[1, 4], [2, 3], [], [], [], [6], []]
    parents = [-1 if one.parent is None else one.parent.id for one in trace.calls]
    assert parents == [-1, 0, 1, 1, 0, -1, 5]


def test_ancestors_are_nearest_first() -> None:
    calls = forest().calls
    assert ids(calls[3].ancestors) == [1, 0]
    assert ids(calls[6].ancestors) == [5]
    assert calls[0].ancestors == []


def test_walk_is_the_call_and_all_below_in_start_order() -> None:
    calls = forest().calls
    assert ids(calls[0].walk()) == [0, 1, 2, 3, 4]
    assert ids(calls[1].walk()) == [1, 2, 3]
    assert ids(calls[6].walk()) == [6]


def test_threads_have_trees_of_their_own() -> None:
    # both begin at 0 and each call takes 1000: A at 0, B at 1000 / X at 0, Y at 1000
    lanes: dict[str, list[Node]] = {
        "main": [call("A.run", children=[call("B.run")])],
        "worker": [call("X.run", children=[call("Y.run")])],
    }
    trace = build_threads(lanes)
    assert [one.owner for one in trace.calls] == ["A", "X", "B", "Y"]
    assert [one.thread for one in trace.calls] == ["main", "worker", "main", "worker"]
    assert [one.owner for one in trace.roots] == ["A", "X"]
    assert [one.owner for root in trace.roots for one in root.walk()] == ["A", "B", "X", "Y"]


def test_an_empty_trace() -> None:
    trace = Trace()
    assert (len(trace.calls), trace.roots, list(trace.calls), trace.calls[:]) == (0, [], [], [])
    assert (trace.recorded, trace.dropped, trace.internal_errors, trace.complete) == (0, 0, 0, True)
    with pytest.raises(IndexError):
        trace.calls[0]


# --- one call -----------------------------------------------------------------------------------------


def test_everything_that_a_call_knows() -> None:
    trace = build(
        call("first", kind="function", took=500),
        call(
            "Whisper.generate",
            kind="method",
            defined_in="GenerationMixin",
            root="Whisper#2",
            path="",
            inputs={"input_features": t(1, 80, 100), "max_new_tokens": ScalarSpec("int")},
            output=t(1, 6, dtype="int64"),
            file="/lib/generation/utils.py",
            line=2500,
            place=Place("~/script.py", 12),
            took=2_000,
            facts={"beams": 2},
            children=[call("Linear.forward", took=3_000)],
        ),
        meta={"rank": 3},
    )
    one = trace.calls[1]
    assert (one.id, one.kind, one.name) == (1, "method", "Whisper.generate")
    assert (one.owner, one.defined_in, one.function) == ("Whisper", "GenerationMixin", "generate")
    assert (one.root, one.path) == ("Whisper#2", "")
    assert (one.file, one.line) == ("/lib/generation/utils.py", 2500)
    assert one.call_site == ("~/script.py", 12)
    assert list(one.inputs) == ["input_features", "max_new_tokens"]
    assert one.inputs["input_features"] == t(1, 80, 100)
    assert one.output == t(1, 6, dtype="int64")
    assert (one.status, one.error, one.thread, one.rank) == ("ok", None, "MainThread", 3)
    assert one.facts == {"beams": 2}
    assert one.step is None
    assert one.start == pytest.approx(0.5e-6)
    assert one.duration == pytest.approx(5e-6)  # 2,000 ns of its own and 3,000 of its child
    assert repr(one) == "<Call 1 Whisper.generate ok>"  # the root itself has no path to show


def test_what_is_not_known_is_none_and_not_a_last_row() -> None:
    # -1 stands for "none" in every column; as an index it would be the last entry of a table
    columns = Columns(
        sites=[Site("function", "", "os", "stat")],
        places=[Place("wrong.py", 1)],
        specs=[t(9)],
        signatures=[Signature((0,), ())],
        errors=["WrongError"],
        threads=["main"],
    )
    for name in ("place", "inputs", "output", "parent", "error"):
        setattr(columns, name, array("i", [-1]))
    columns.site, columns.thread = array("i", [0]), array("i", [0])
    columns.start, columns.duration, columns.status = array("q", [0]), array("q", [0]), array("b", [0])
    one = Trace(columns).calls[0]
    assert (one.call_site, one.inputs, one.output, one.parent, one.error) == (None, {}, None, None, None)
    assert (one.root, one.path, one.file, one.line, one.rank, one.gap) == (None, None, None, None, None, None)
    assert (one.name, one.facts, one.ancestors, one.children) == ("stat", {}, [], [])


def test_how_calls_end() -> None:
    trace = build(
        call("A.run", output=t(1)),
        call("B.run", error="OutOfMemoryError"),
        call("C.run", open=True, took=700, children=[call("D.run", took=300)]),
    )
    assert [one.status for one in trace.calls] == ["ok", "error", "open", "ok"]
    assert [one.error for one in trace.calls] == [None, "OutOfMemoryError", None, None]
    assert [one.output for one in trace.calls] == [t(1), None, None, None]
    assert trace.calls[2].duration == pytest.approx(1e-6)  # open until the end: 700 + 300 ns


def test_the_step_of_a_call() -> None:
    place: dict[str, Any] = {"root": "M", "path": ""}
    passes = [
        call("M.forward", children=[call("Linear.forward", root="M", path="fc")], **place) for _ in range(2)
    ]
    loop = call("M._sample", kind="method", children=passes, **place)
    trace = build(call("M.generate", kind="method", children=[loop], **place))
    # generate, _sample, forward, Linear, forward, Linear
    assert [one.step for one in trace.calls] == [None, None, 0, 0, 1, 1]


def test_two_views_of_one_row_are_equal_and_two_traces_are_not() -> None:
    trace, twin = forest(), forest()
    assert trace.calls[2] is not trace.calls[2]
    assert trace.calls[2] == trace.calls[2] == trace.roots[0].children[0].children[0]
    assert hash(trace.calls[2]) == hash(trace.calls[2])
    assert trace.calls[2] != trace.calls[3]
    assert trace.calls[2] != twin.calls[2]
    assert trace.calls[2] != 2
    assert len({*trace.calls, *trace.calls, *twin.calls}) == 14
    child = trace.calls[2]
    assert child.parent is not None
    assert child in child.parent.children


def test_the_text_of_a_call_says_where_and_how() -> None:
    failed = build(call("Linear.forward", root="M", path="layers.0.fc", error="ValueError")).calls[0]
    assert repr(failed) == "<Call 0 Linear.forward layers.0.fc error>"


@pytest.mark.parametrize("bad", ["\x1b[31m", "\x9b2J", "\u202e", "\u200b", "\n", "\x00", "\u2028"])
def test_no_name_acts_in_the_text_of_a_call(bad: str) -> None:
    text = repr(build(call(f"Evil{bad}.forward", root="M", path=f"layers{bad}")).calls[0])
    assert [character for character in text if unicodedata.category(character)[0] == "C"] == []
    assert len(text.splitlines()) == 1


# --- inputs by name -----------------------------------------------------------------------------------

SPECS: list[Spec] = [t(1), t(2), t(3), t(4)]


def site_of(*parameters: str, varargs: str | None = None) -> Site:
    return Site("method", "M", "M", "forward", parameters=parameters, varargs=varargs)


@pytest.mark.parametrize(
    ("site", "signature", "names"),
    [
        (site_of("x", "mask"), Signature((0, 1), ()), ["x", "mask"]),
        (site_of("x", "mask"), Signature((0,), (("mask", 1),)), ["x", "mask"]),
        # keywords in the order in which they were given, also unknown ones that `**kwargs` swallowed
        (site_of("x"), Signature((), (("cache", 0), ("x", 1))), ["cache", "x"]),
        (site_of("x", varargs="rest"), Signature((0, 1, 2), (("k", 3),)), ["x", "rest[0]", "rest[1]", "k"]),
        (site_of(varargs="inputs"), Signature((0, 1), ()), ["inputs[0]", "inputs[1]"]),
        # more than the function takes, or a function without a readable signature
        (site_of("x"), Signature((0, 1), ()), ["x", "args[0]"]),
        (site_of(), Signature((0,), ()), ["args[0]"]),
        (site_of("x", varargs="rest"), Signature((), ()), []),
    ],
)
def test_bind(site: Site, signature: Signature, names: list[str]) -> None:
    bound = bind(site, signature, SPECS)
    assert list(bound) == names
    assert list(bound.values()) == SPECS[: len(names)]  # each spec once, in the order of its number


def test_an_argument_is_not_hidden_by_a_keyword_of_its_name() -> None:
    # def forward(self, x, /, **kwargs), called as forward(a, x=b): two arguments, both are inputs
    assert sorted(map(str, bind(site_of("x"), Signature((0,), (("x", 1),)), SPECS).values())) == [
        "f32[1]",
        "f32[2]",
    ]


def test_the_inputs_of_a_call_are_bound_to_the_parameters_of_its_site() -> None:
    columns = forest().columns
    columns.sites.append(site_of("x", varargs="rest"))
    columns.specs[:] = SPECS
    columns.signatures.append(Signature((2, 0), (("k", 1),)))
    columns.site[3] = len(columns.sites) - 1
    columns.inputs[3] = len(columns.signatures) - 1
    assert Trace(columns).calls[3].inputs == {"x": t(3), "rest[0]": t(1), "k": t(2)}


# --- gaps ---------------------------------------------------------------------------------------------


def module(path: str, *children: Node, container: str | None = None, root: str = "M") -> Node:
    return call("X.forward", root=root, path=path, container=container, children=list(children))


def gaps(*roots: Node) -> list[str | None]:
    return [one.gap for one in build(*roots).calls]


def test_a_gap_where_the_container_is_not_on_the_stack() -> None:
    attention = module("layers.0.attn", container="layers.0")
    assert gaps(module("", attention)) == [None, "layers.0"]
    assert gaps(module("", module("layers.0", attention, container=""))) == [None, None, None]


def test_methods_and_other_models_in_between_do_not_close_or_open_a_gap() -> None:
    attention = module("layers.0.attn", container="layers.0")
    helper = call("M.helper", kind="method", root="M", path="", children=[attention])
    assert gaps(module("", helper)) == [None, None, "layers.0"]
    assert gaps(module("layers.0", helper)) == [None, None, None]
    assert gaps(module("layers.0", module("", attention, root="Other"))) == [None, None, None]
    assert gaps(module("", module("layers.0", attention, root="Other"))) == [None, None, "layers.0"]


def test_no_gap_is_guessed_where_the_model_was_not_running() -> None:
    # generate calls the encoder itself: nothing is missing above it
    encoder = module("model.encoder", container="model")
    assert gaps(call("M.generate", kind="method", root="M", path="", children=[encoder])) == [None, None]
    assert gaps(encoder) == [None]


def test_no_gap_where_the_caller_is_not_above_the_container() -> None:
    # a module that is shared, or called from a neighbour
    assert gaps(module("layers.1", module("layers.10.attn", container="layers.10"))) == [None, None]
    assert gaps(module("layers.0.attn", module("layers.0.mlp", container="layers.0"))) == [None, None]
    assert gaps(module("", module("fc", container=""))) == [None, None]
    assert gaps(module("", module("fc"))) == [None, None]


@pytest.mark.parametrize(
    ("path", "above", "answer"),
    [
        ("layers.0", "layers", True),
        ("layers.0.attn", "layers", True),
        ("layers", "", True),
        ("layers", "layers", False),
        ("layers.10", "layers.1", False),
        ("layers", "layers.0", False),
        ("", "", False),
        ("", "layers", False),
    ],
)
def test_is_below(path: str, above: str, answer: bool) -> None:
    assert is_below(path, above) is answer
