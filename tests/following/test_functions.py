"""Where tensors go in small functions: each path derived by hand from the lines of `programs`."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tests.following import programs
from tracelab.calls import Path, Trace
from tracelab.calls.path import CALL, INTO, KEPT, LINE, MADE, RETURN, SAME
from tracelab.errors import TracelabError


def traced(model: nn.Module, source: Any = None) -> Trace:
    name = f"{type(model).__name__}.forward"
    with torch.no_grad(), tracelab.trace(source=source or name, follow=True) as trace:
        model(torch.ones(2, 4))
    assert trace.internal_errors == 0
    return trace


def path(model: nn.Module, call: str = "layer", name: str | None = None, source: Any = None) -> Path:
    return traced(model, source).follow(call, name)


def beside(found: Path) -> list[str]:
    """Each branch as `0: exp, joins 3`."""
    told = []
    for branch in found.branches:
        words = " → ".join(word for hop in branch.hops for word in hop.words)
        told.append(f"{branch.after}: {words}{'' if branch.joins is None else f', joins {branch.joins}'}")
    return told


def hops(found: Path) -> list[tuple[str, str, str]]:
    return [(hop.what, hop.how, hop.name) for hop in found.hops]


def test_views_and_operators() -> None:
    found = path(programs.Views())
    assert found.short == "layer → view → transpose → reshape → *"
    # What says only something about it (`y.shape`) is no way.
    assert beside(found) == []
    assert hops(found) == [(LINE, MADE, "y"), (LINE, MADE, "z"), (RETURN, SAME, "")]
    # [2, 4] seen as [2, 2, 2] and turned around; then 2 rows of 4.
    assert [str(hop.spec) for hop in found.hops] == ["f32[2,2,2]", "f32[2,4]", "f32[2,4]"]
    assert found.hops[0].text == "y = self.layer(x).view(2, 2, -1).transpose(0, 1)"
    assert found.ended == "returned by Views.forward; its caller is not watched"


def test_operations_in_place_are_the_same_object() -> None:
    found = path(programs.InPlace())
    assert found.short == "layer → += → mul_ → […] → […] ="
    # `y += x` and `y.mul_(2)` write into y; `z[0] = y[0]` writes a part of it into z, which is given back.
    same = [(LINE, SAME, "y")] * 3  # bound, `+=`, `mul_`
    assert hops(found) == [*same, (LINE, MADE, "z"), (RETURN, SAME, "")]
    named = path(programs.InPlace(), "InPlace.forward", "x")
    assert named.short == "x → layer → += → mul_ → […] → […] ="
    assert beside(named) == ["0: +=, joins 1"]  # y is what `layer` gave


def test_one_name_for_several_tensors() -> None:
    # The first x is what was made of it, y; the later ones are others.
    assert path(programs.OneName()).short == "layer → + → t"
    found = path(programs.OneName(), "OneName.forward", "y")
    assert (found.start, found.short) == ("y", "y → t")


def test_tuples_and_dictionaries() -> None:
    found = path(programs.Tuples())
    # chunk gives left and right; the first output is `both`, in which left comes as pair[0].
    assert found.short == "layer → chunk → cat"
    assert [hop.name for hop in found.hops] == ["left", "both", ""]
    # right goes into `both` as b, and back as it is.
    assert beside(found) == ["0: chunk → cat, joins 2"]


def test_passed_on_unchanged_through_three_calls() -> None:
    found = path(programs.ThreeCalls())
    assert found.short == "layer → first → second → third → t"
    assert hops(found) == [(CALL, SAME, "b"), (CALL, SAME, "c"), (CALL, SAME, "d"), (RETURN, MADE, "")]


def test_loops() -> None:
    trace = traced(programs.Loops())
    assert trace.follow("Loops.forward", "x").words == (
        "x",
        *("layers.0", "relu", "layers.1", "relu", "layers.2", "relu"),
    )
    assert trace.follow("layers.1").short == "layers.1 → relu → layers.2 → relu"


def test_comprehensions() -> None:
    trace = traced(programs.Comprehended())
    for layer in ("layers.0", "layers.1", "layers.2"):
        assert trace.follow(layer).short == f"{layer} → stack"


def test_an_address_that_is_used_again_is_another_tensor() -> None:
    found = path(programs.UsedAgain())
    assert found.short == "layer"
    assert (found.hops, found.branches) == ((), ())
    assert found.ended == "nothing watched used it further"


def test_what_is_kept_and_what_leads_nowhere() -> None:
    found = path(programs.Kept())
    # None of it is given back: the first way is the main one, the others stand beside it.
    everything = [*found.hops, *[hop for branch in found.branches for hop in branch.hops]]
    assert {(hop.what, hop.name) for hop in everything} == {
        (KEPT, "self.kept"),
        (KEPT, "seen"),
        (CALL, ""),
    }
    assert [hop.words for hop in everything if hop.what == CALL] == [("other",)]


def test_several_ways() -> None:
    found = path(programs.Branches())
    # The first that leads to what is given back: `gate`.
    assert found.short == "layer → sigmoid → *"
    assert beside(found) == ["0: exp", "0: other → *, joins 3"]


def test_through_watched_calls() -> None:
    trace = traced(programs.Outer(), ["Outer.forward", "Inner.forward"])
    found = trace.follow("norm")
    assert found.short == "norm → inner → layer → relu → + → flatten → head"
    assert hops(found) == [
        (INTO, SAME, "x"),
        (CALL, MADE, "y"),
        (RETURN, MADE, "x"),
        (LINE, MADE, "x"),
        (LINE, SAME, "input"),  # two dimensions are flat already: torch gives the same object
        (CALL, MADE, ""),
        (RETURN, SAME, ""),
    ]
    # From inside the inner one it comes out again.
    assert trace.follow("inner.layer").short == "layer → relu → + → flatten → head"
    # x itself goes two ways, the first of them through the norm.
    named = trace.follow("Outer.forward", "x")
    assert named.short == "x → norm → inner → layer → relu → + → flatten → head"
    assert beside(named) == ["0: +, joins 5"]


def test_a_watched_call_in_one_that_is_not_watched() -> None:
    found = traced(programs.Outer(), "Inner.forward").follow("inner.layer")
    assert (found.short, found.ended) == (
        "layer → relu",
        "returned by Inner.forward; its caller is not watched",
    )


def test_a_call_that_a_helper_made() -> None:
    found = path(programs.Helped(), "Helped.forward", "y")
    assert found.short in ("y → layer → *", "y → help → *")
    assert path(programs.Helped()).short == "layer → *"


def test_a_function_that_fails() -> None:
    with (
        pytest.raises(ValueError, match="Size"),
        tracelab.trace(source="Fails.forward", follow=True) as trace,
    ):
        programs.Fails()(torch.ones(2, 4))
    assert trace.follow("layer").short == "layer → t"


@pytest.mark.parametrize("name", ["Views", "InPlace", "Tuples", "ThreeCalls", "Loops", "Kept", "Branches"])
def test_a_file_tells_the_same(name: str, tmp_path: File) -> None:
    trace = traced(getattr(programs, name)(), "*.forward")
    trace.save(tmp_path / "run.json.gz")
    read = tracelab.load(tmp_path / "run.json.gz")
    for call in trace.calls:
        try:
            told = str(trace.follow(call))
        except TracelabError as error:
            with pytest.raises(TracelabError) as again:
                read.follow(call.id)
            assert str(again.value) == str(error)
        else:
            assert str(read.follow(call.id)) == told


def test_what_went_in_for_its_dtype_alone_is_not_the_main_path() -> None:
    found = path(programs.Doubtful(), source=["Doubtful.forward", "Dtype.forward"])
    assert found.short == "layer → exp → +"
    # That something came out of `table` is all that is known, so the way is told beside the main one.
    assert beside(found) == ["0: table → +, joins 2"]
    # Where the lines of `table` are not known, the first way that leads to the result is taken.
    assert path(programs.Doubtful()).short == "layer → table → +"
