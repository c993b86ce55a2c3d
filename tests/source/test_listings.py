"""`trace.source()`: which calls share a listing, which share a column, and what is said where nothing is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

import tracelab
from tests.builders import build, call, t
from tests.source import programs
from tests.source.attention import Attention
from tests.source.generated import PROJECT, forward, generated, lines, method
from tests.source.listed import listed, node, trace_of
from tests.source.tracer import passes_of
from tracelab.analyses.merging import merged
from tracelab.analyses.sidebyside import MOST
from tracelab.analyses.stepwise import folded_paths
from tracelab.calls import Listing, Trace
from tracelab.passes import Line, Pass
from tracelab.sourcetext import digests
from tracelab.values import CacheSpec, ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec

DEF = Attention.forward.__code__.co_firstlineno


def one(trace: Trace) -> Listing:
    (listing,) = trace.source()
    return listing


def test_layers_that_went_alike_share_a_listing_and_steps_a_column() -> None:
    listing = one(generated())
    assert (listing.name, listing.place) == ("Attention.forward", "model.layers.(0-1).attn")
    assert (listing.first, listing.start) == (DEF, DEF)
    # 2 layers in a prefill step and 3 decode steps.
    told = [(column.label, column.steps, len(column.calls)) for column in listing.columns]
    assert told == [("prefill", (0,), 2), ("decode 1–3", (1, 2, 3), 6)]
    assert listing.call == listing.columns[0].calls[0]
    assert len(listing.calls) == 8


def test_a_line_has_text_hits_names_conditions_and_calls() -> None:
    listing = one(generated())
    prefill, decode = listing.columns
    query = listing.line(DEF + 13)
    assert query.text == "        query = [batch, self.heads, tokens, self.size]"
    assert (query.hits, query.reached, query.bound) == (1, True, {"query": t(1, 2, 5, 8)})
    # The cache holds 5, 6, 7; a token more each time.
    at = DEF + 20 - listing.first
    assert str(prefill.lines[at].bound["keys"]) == "f32[1,2,5,8]"
    assert str(decode.lines[at].bound["keys"]) == "f32[1,2,6…8,8]"
    test = DEF + 18 - listing.first
    assert (prefill.lines[test].condition, decode.lines[test].condition) == (False, True)
    assert (prefill.lines[test + 1].reached, decode.lines[test + 1].reached) == (False, True)
    assert listing.line(DEF + 27).hits == 2
    (made,) = listing.line(DEF + PROJECT).calls
    assert made.path == "model.layers.0.attn.out"
    assert made.call_site is not None and made.call_site.line == DEF + PROJECT


def test_lines_that_never_run_by_themselves_are_neither_reached_nor_not() -> None:
    listing = one(generated())
    roles = {line.role for line in listing.lines if line.reached is None}
    assert roles == {"documentation", "comment", "empty"}


def test_no_such_line() -> None:
    with pytest.raises(KeyError, match=rf"has the lines {DEF} to {DEF + 34}, not 1"):
        one(generated()).line(1)


def test_what_is_asked_for() -> None:
    trace = generated()
    assert len(trace.source("Attention.forward")) == len(trace.source("*.forward")) == 1
    assert [column.label for column in trace.source(step=2)[0].columns] == ["decode 2"]
    (second,) = trace.source(path="model.layers.1.*")
    assert second.place == "model.layers.1.attn"
    assert len(second.calls) == 4


def test_a_pattern_may_be_a_place_or_a_file() -> None:
    trace = generated()  # the sites stand in /site-packages/lib/modeling.py
    assert trace.source("model.layers.1.attn")[0].place == "model.layers.1.attn"
    assert len(trace.source("modeling.py")) == len(trace.source("*/lib/*.py")) == 1
    assert not trace.source("model.py")


def test_what_is_not_there_is_one_line_that_says_what_is() -> None:
    trace = generated()
    there = "there are lines of Attention.forward"
    assert str(trace.source("Other.forward")) == f"no lines of 'Other.forward' were recorded; {there}"
    assert str(trace.source(path="x", step=9)) == f"no lines at 'x' in step 9 were recorded; {there}"
    assert repr(trace.source("x\x1b")) == f"<no lines of 'x\\x1b' were recorded; {there}>"
    bare = build(call("Net.forward"))
    hint = 'record them with trace(source="Net.forward") or tracelab run --source Net.forward'
    assert str(bare.source("Net.forward")) == f"no lines of 'Net.forward' were recorded: {hint}"
    assert "WhisperAttention.forward" in str(bare.source())
    assert (
        str(bare.source("Nt.forward")) == "no call matches 'Nt.forward'; the nearest are Net.forward, forward"
    )
    assert str(build().source("A.b")) == "no call matches 'A.b': the trace holds no calls"


# --- columns --------------------------------------------------------------------------------------------


def test_calls_outside_of_steps_are_numbered() -> None:
    listing = listed(programs.early, lambda: [programs.early(x) for x in (None, [1], [2], [3])])
    assert [column.label for column in listing.columns] == ["call 1", "calls 2–4"]
    assert str(listing.columns[1].lines[0].bound["x"]) == "f32[1…3]"


def test_a_single_call_needs_no_label() -> None:
    assert [column.label for column in listed(programs.early, lambda: programs.early(None)).columns] == [""]


def test_where_there_would_be_many_columns_the_last_one_holds_the_rest() -> None:
    # 1 and None in turn go different ways: eight columns, of which three stand for themselves.
    listing = listed(programs.early, lambda: [programs.early(x) for x in (None, [1]) * 4])
    assert len(listing.columns) == MOST
    rest = listing.columns[-1]
    assert (rest.label, len(rest.calls)) == ("5 more", 5)
    assert rest.lines[2].condition == "varied"
    # `return [0]` ran in two of five calls.
    assert (rest.lines[3].hits, rest.lines[0].bound["x"]) == ("varied", ObjectSpec("varied"))


def test_a_second_generate_that_went_as_the_first_is_in_its_columns() -> None:
    steps = [forward(lines(5, 0), 5, 0), forward(lines(1, 5), 1, 5), forward(lines(1, 6), 1, 6)]
    loop = [method("generate", method("_sample", method("_prefill", steps[0]), *steps[1:])) for _ in range(2)]
    trace = build(*loop)
    trace.columns.sources = digests([lines(1, 0).file])
    told = [(column.label, len(column.calls)) for column in one(trace).columns]
    # Two layers, twice; sizes of two decode steps are no progression yet, so each stands alone.
    assert told == [("prefill", 4), ("decode 1", 4), ("decode 2", 4)]


def test_a_layer_that_goes_another_way_has_a_listing_of_its_own() -> None:
    step = forward(lines(5, 0), 5, 0)
    step.children[1].facts = {"lines": lines(5, 0, window=2)}
    trace = build(method("generate", method("_sample", method("_prefill", step))))
    trace.columns.sources = digests([lines(1, 0).file])
    assert [listing.place for listing in trace.source()] == ["model.layers.0.attn", "model.layers.1.attn"]


def test_layers_may_see_the_same_cache_longer() -> None:
    def seen(length: int) -> Pass:
        return Pass(
            "gone.py", 1, "Net.forward", (Line(1, (("cache", CacheSpec("DynamicCache", length, 2)),)),)
        )

    nodes = [node(seen(length), f"layers.{at}") for at, length in enumerate((0, 0, 4))]
    listing = one(build(*nodes))
    assert str(listing.lines[0].bound["cache"]) == "DynamicCache(kv varied, 2 layers)"


@pytest.mark.parametrize(
    ("paths", "folded"),
    [
        (["layers.0.mlp"], ["layers.0.mlp"]),
        (["layers.0.mlp", "layers.1.mlp"], ["layers.(0-1).mlp"]),
        (["0", "1", "2"], ["(0-2)"]),
        ([f"layers.{a}.experts.{b}" for a in range(2) for b in (0, 2)], ["layers.(0-1).experts.(0,2)"]),
        (["layers.0.experts.0", "layers.1.experts.1"], ["layers.0.experts.0", "layers.1.experts.1"]),
        (["q", "k"], ["q", "k"]),
        (["", ""], [""]),
        ([], []),
    ],
)
def test_the_places_of_objects_that_went_alike(paths: list[str], folded: list[str]) -> None:
    assert folded_paths(paths) == folded


# --- one spec for many -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specs", "text"),
    [
        ([t(1, 4), t(1, 4)], "f32[1,4]"),
        ([t(1, 4), t(1, 5), t(1, 6)], "f32[1,4…6]"),
        ([t(1, 4), t(1, 9), t(1, 6)], "f32[1,varied]"),
        ([t(1, 4), t(4)], "varied"),
        ([t(1, 4), ScalarSpec("NoneType")], "varied"),
        ([t(1), TensorSpec((1,), "float32", "cuda:0")], "varied"),
        (
            [CacheSpec("DynamicCache", 4, 2), CacheSpec("DynamicCache", 5, 2)],
            "DynamicCache(kv 4…5, 2 layers)",
        ),
        ([CacheSpec("A", None, 1), CacheSpec("A", None, 1)], "A(1 layer)"),
        ([ScalarSpec("int", 1, True), ScalarSpec("int", 2, True)], "1…2"),
        ([ScalarSpec("str", "a", True), ScalarSpec("str", "b", True)], "varied"),
        ([ScalarSpec("int"), ScalarSpec("int", 2, True)], "varied"),
        ([ObjectSpec("Net"), ObjectSpec("Net")], "Net"),
        (
            [ContainerSpec("tuple", ((0, t(n)), (1, ScalarSpec("int"))), 2) for n in (1, 2, 3)],
            "tuple(f32[1…3], int)",
        ),
        ([ContainerSpec("tuple", ((0, t(1)),), 1), ContainerSpec("tuple", (), 0)], "varied"),
    ],
)
def test_one_spec_for_many(specs: list[Spec], text: str) -> None:
    assert str(merged(specs)) == text


def test_sizes_that_are_constant_stay_numbers() -> None:
    found = merged([t(1, 4), t(1, 5)])
    assert isinstance(found, TensorSpec)
    assert found.shape == (1, "4…5")


# --- where there is no text --------------------------------------------------------------------------------


def test_a_file_that_differs_shows_no_text() -> None:
    trace = generated()
    (file,) = trace.columns.sources
    trace.columns.sources = {file: "0" * 16}
    listing = one(trace)
    assert listing.problem == "differs from the version that was traced"
    assert {line.text for line in listing.lines} == {""}
    assert listing.line(DEF + 13).bound == {"query": t(1, 2, 5, 8)}
    assert DEF + 23 not in [line.number for line in listing.lines]


def test_a_file_without_a_digest_is_only_what_is_installed() -> None:
    """As in a trace of an older version, of a file inside an installed package."""
    (seen,) = passes_of(textwrap.dedent, lambda: textwrap.dedent("  x"))
    trace = build(node(seen))
    listing = one(trace)
    assert (listing.problem, listing.certain) == (None, False)
    assert "which version ran was not recorded" in str(listing)
    assert one(trace_of(node(seen))).certain


def test_a_function_that_is_not_where_it_was() -> None:
    seen = lines(5, 0)
    moved = Pass(seen.file, seen.first + 1, seen.name, seen.lines)
    listing = one(trace_of(node(moved)))
    assert listing.problem == f"there is no Attention.forward at line {seen.first + 1}"


@pytest.mark.parametrize("file", ["<string>", "/nowhere/gone.py", "", "a\0b", "../x.py", "x" * 5000])
def test_what_a_file_says_of_lines_harms_nobody(file: str) -> None:
    strange = Line(10**18, (("\x1b[31mred", ObjectSpec("\x1b[0m")), ("", t("\n"))))
    seen = Pass(
        file, -(10**18), "\x1b.f", (Line(3), strange, Line(-5, (("a", t(1)),)), strange), "open", 10**18
    )
    listing = one(build(call("Net.forward", facts={"lines": seen})))
    assert listing.problem
    assert "\x1b" not in str(listing) + listing.text(20) + listing.text(200, all=True) + repr(listing)
    assert all(len(line) <= 20 for line in listing.text(20).splitlines())


def test_a_pass_of_no_lines(tmp_path: Path) -> None:
    trace = build(call("Net.forward", facts={"lines": Pass("gone.py", 3, "f", ())}))
    trace.save(tmp_path / "run.json")
    assert "no text: not installed here" in str(tracelab.load(tmp_path / "run.json").source())


def test_where_lines_are_missing_nothing_is_said_of_the_others() -> None:
    # A limit, or a predicate that chose some lines: here the first three events of eleven.
    seen = lines(5, 0)
    listing = one(trace_of(node(replace(seen, lines=seen.lines[:3], cut=8))))
    assert listing.line(DEF + 13).reached is True
    assert (listing.line(DEF + 13).hits, listing.line(DEF + 13).condition) == ("≥1", None)
    assert listing.line(DEF + 18).reached is None  # `if cache is not None`
    text = str(listing)
    assert "incomplete: 8 more line events not kept" in text
    assert f"{DEF + 18} ?     if cache is not None:\n" in text
    assert "not reached" not in text
    assert "True" not in text and "False" not in text


def test_where_the_end_was_not_seen_nothing_is_said_of_what_came_after() -> None:
    # Somebody took the place of the tracer after `length = tokens`; the call itself returned.
    seen = lines(5, 0)
    listing = one(trace_of(node(replace(seen, lines=seen.lines[:4], ended="open"))))
    assert listing.line(DEF + 17).bound == {"length": ScalarSpec("int", 5, True)}
    assert listing.line(DEF + 18).reached is None
    text = str(listing)
    assert "incomplete: the end of a call was not seen, more lines may have run" in text
    assert "✗" not in text and "returned" not in text


def test_listings_need_no_torch(tmp_path: Path) -> None:
    generated().save(tmp_path / "run.json")
    code = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
import tracelab
print(tracelab.load({str(tmp_path / "run.json")!r}).source()[0])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip("\n") == str(one(generated()))


def test_an_exception_is_shown_where_it_left() -> None:
    def run() -> None:
        with pytest.raises(TypeError):
            Attention().forward([1, 5, 16], [1, 2, "x", 8])

    (seen,) = passes_of(Attention.forward, run)
    listing = one(trace_of(node(seen, error="TypeError")))
    (line,) = [line for line in str(listing).splitlines() if "✗" in line]
    assert line.startswith(f"{DEF + 19} ")
    assert line.endswith("✗ TypeError")
