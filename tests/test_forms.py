"""Specs split into forms and sizes, and filled again."""

from __future__ import annotations

import math
import pickle

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from tests.builders import t
from tracelab.forms import (
    FACT_NUMBER,
    NOTHING,
    Form,
    Given,
    Meaning,
    cache,
    container,
    error,
    given,
    opaque,
    split,
    split_given,
    tensor,
)
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

TEXTS = st.text(max_size=3)
SIZES = st.integers(0, 2**40)
NUMBERS = st.floats() | st.none()
STATS = st.builds(TensorStats, NUMBERS, NUMBERS, NUMBERS, NUMBERS, SIZES, SIZES)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
TENSORS = st.builds(
    TensorSpec,
    shape=st.lists(SIZES | TEXTS, max_size=4).map(tuple),
    dtype=TEXTS,
    device=TEXTS,
    stats=st.none() | STATS,
    type=TEXTS,
    values=st.none() | st.lists(SCALARS, max_size=3).map(tuple),
)
SIMPLE: st.SearchStrategy[Spec] = (
    TENSORS
    | st.builds(CacheSpec, TEXTS, st.none() | SIZES, SIZES, st.none() | SIZES)
    | st.builds(ScalarSpec, TEXTS, SCALARS, st.booleans())
    | st.builds(ObjectSpec, TEXTS)
    | st.builds(UnreadableSpec, TEXTS)
)
SPECS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(
        ContainerSpec, TEXTS, st.lists(st.tuples(TEXTS | SIZES, inner), max_size=4).map(tuple), SIZES
    ),
    max_leaves=12,
)


@examples(SPECS)
def test_a_spec_filled_again_is_the_same(spec: Spec) -> None:
    form, sizes = split(spec)
    assert form.fill(sizes) == spec
    assert repr(form.fill(sizes)) == repr(spec)
    assert form.width == len(sizes)
    assert all(type(size) is int for size in sizes)


@examples(SPECS)
def test_equal_specs_have_equal_forms(spec: Spec) -> None:
    form, _ = split(spec)
    again, _ = split(spec)
    assert form == again
    assert hash(form) == hash(again)


@examples(st.lists(SPECS, max_size=3), st.lists(st.tuples(TEXTS, SPECS), max_size=3))
def test_arguments_filled_again_are_the_same(
    positional: list[Spec], keywords: list[tuple[str, Spec]]
) -> None:
    arguments = Given(tuple(positional), tuple(keywords))
    form, sizes = split_given(arguments)
    assert form.fill(sizes) == arguments
    assert form.width == len(sizes)


@examples(SPECS)
def test_a_form_can_be_pickled(spec: Spec) -> None:
    form, sizes = split(spec)
    assert repr(pickle.loads(pickle.dumps(form)).fill(sizes)) == repr(spec)


def test_sizes_are_what_moves_between_steps() -> None:
    def at(length: int) -> Meaning:
        state = CacheSpec("EncoderDecoderCache", length, 2, 50)
        return split(ContainerSpec("tuple", ((0, t(1, 8, length)), (1, state)), 2))

    assert at(4).form == at(5).form
    # the shape, the length and the cross length
    assert at(5).sizes == (1, 8, 5, 5, 50)
    assert at(4).form == container(
        "tuple", (0, 1), (tensor(3, "float32"), cache("EncoderDecoderCache", 2, True, True)), 2
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (t(1, 2), t(1, 2, 3)),
        (t(1), t(1, dtype="int64")),
        (t(1), TensorSpec((1,), "float32", "cuda:0")),
        (t(1), TensorSpec((1,), "float32", type="Parameter")),
        (t(1), t("s0")),
        (CacheSpec("C", 1, 2), CacheSpec("C", 1, 3)),
        (CacheSpec("C", 1, 2), CacheSpec("C", None, 2)),
        (CacheSpec("C", 1, 2, 3), CacheSpec("C", 1, 2)),
        (CacheSpec("C", None, 2, 3), CacheSpec("C", 3, 2)),
        (ContainerSpec("tuple", ((0, t(1)),), 1), ContainerSpec("tuple", ((0, t(1)),), 2)),
        (ContainerSpec("tuple", ((0, t(1)),), 1), ContainerSpec("list", ((0, t(1)),), 1)),
        (ContainerSpec("dict", (("a", t(1)),), 1), ContainerSpec("dict", (("b", t(1)),), 1)),
        (ScalarSpec("float", 0.0, True), ScalarSpec("float", -0.0, True)),
        (ObjectSpec("int"), ScalarSpec("int")),
    ],
    ids=str,
)
def test_what_is_no_size_makes_another_form(one: Spec, other: Spec) -> None:
    assert split(one).form != split(other).form


def test_names_and_places_of_arguments_are_part_of_the_form() -> None:
    part = tensor(1, "float32")
    forms = [given(1, (), (part,)), given(0, ("x",), (part,)), given(0, ("y",), (part,))]
    assert len(set(forms)) == 3


def test_a_value_that_is_not_a_number_is_found_again() -> None:
    spec = ScalarSpec("float", math.nan, True)
    assert len({opaque(spec), opaque(spec)}) == 1


def test_the_parts_of_a_form_have_their_share_of_the_sizes() -> None:
    form = given(1, ("mask",), (tensor(2, "float32"), tensor(1, "bool")))
    assert list(form.parts((3, 4, 5))) == [
        (tensor(2, "float32"), (3, 4)),
        (tensor(1, "bool"), (5,)),
    ]


def test_what_is_no_spec() -> None:
    assert error("ValueError: no").fill(()) == "ValueError: no"
    assert FACT_NUMBER.fill((7,)) == 7
    assert NOTHING.fill(()) is None
    assert Form("nothing") == NOTHING
    assert error("A") != error("B")
    assert error("A") != "A"
