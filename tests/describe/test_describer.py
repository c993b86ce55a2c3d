"""Ordinary values: what is kept of each, that equal ones are stored once, and that nothing is mixed up."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tracelab.describe import Describer
from tracelab.values import ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec

from .described import described

F32 = TensorSpec((2, 3), "float32")
NONE = ScalarSpec("NoneType")


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        (None, NONE),
        (True, ScalarSpec("bool")),
        (3, ScalarSpec("int")),
        (1.5, ScalarSpec("float")),
        ("text", ScalarSpec("str")),
        (b"bytes", ObjectSpec("bytes")),
        (object(), ObjectSpec("object")),
        (len, ObjectSpec("builtin_function_or_method")),
        (torch.float16, ObjectSpec("dtype")),
        (torch.ones(2, 3), F32),
        (torch.ones((), dtype=torch.bool), TensorSpec((), "bool")),
        (torch.empty(0, 4, dtype=torch.int64), TensorSpec((0, 4), "int64")),
        (torch.nn.Parameter(torch.ones(2, 3)), F32),
        (torch.ones(2, 3, device="meta"), TensorSpec((2, 3), "float32", "meta")),
        (numpy.ones((2, 3), "float32"), TensorSpec((2, 3), "float32", type="ndarray")),
        (numpy.float32(1), ObjectSpec("float32")),
        ((), ContainerSpec("tuple", (), 0)),
        ([None, None], ContainerSpec("list", ((0, NONE), (1, NONE)), 2)),
        ({"b": None, "a": None}, ContainerSpec("dict", (("b", NONE), ("a", NONE)), 2)),
        ({3: None}, ContainerSpec("dict", ((3, NONE),), 1)),
        ({(1, 2): None}, ContainerSpec("dict", ((0, NONE),), 1)),
        (defaultdict(list, x=None), ContainerSpec("defaultdict", (("x", NONE),), 1)),
        ((torch.ones(2, 3), (None,)), ContainerSpec(
            "tuple", ((0, F32), (1, ContainerSpec("tuple", ((0, NONE),), 1))), 2
        )),
        ({1, 2}, ObjectSpec("set")),
        (range(3), ObjectSpec("range")),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_kept(value: Any, spec: Spec) -> None:
    assert described(value) == spec


def test_names_of_fields_are_kept() -> None:
    Pair = namedtuple("Pair", "left right")
    assert described(Pair(None, torch.ones(2, 3))) == ContainerSpec(
        "Pair", (("left", NONE), ("right", F32)), 2
    )

    @dataclass
    class SomeOutput:
        scores: Any
        hidden: Any = None

    assert described(SomeOutput(torch.ones(2, 3))) == ContainerSpec(
        "SomeOutput", (("scores", F32), ("hidden", NONE)), 2
    )

    @dataclass
    class Settings:
        width: int = 3

    assert described(Settings()) == ObjectSpec("Settings")


def test_the_library_s_own_containers() -> None:
    from transformers import BatchEncoding
    from transformers.modeling_outputs import CausalLMOutput

    output = CausalLMOutput(logits=torch.ones(2, 3))
    assert described(output) == ContainerSpec("CausalLMOutput", (("logits", F32),), 1)
    batch = BatchEncoding({"input_ids": torch.ones(2, 3)})
    assert described(batch) == ContainerSpec("BatchEncoding", (("input_ids", F32),), 1)


def test_an_ordered_mapping_keeps_its_order() -> None:
    moved: OrderedDict[str, Any] = OrderedDict(first=None, second=torch.ones(2, 3))
    moved.move_to_end("first")
    spec = described(moved)
    assert isinstance(spec, ContainerSpec)
    assert spec.keys() == ["second", "first"]
    assert spec["second"] == F32


@pytest.mark.parametrize(
    "pair",
    [
        (1, True),
        (0, False),
        (1, 1.0),
        (0.0, -0.0),
        ("1", 1),
        (None, "None"),
        ((1,), [1]),
        ({0: 1}, [1]),
        ((), []),
        ({"a": 1}, {"b": 1}),
        ({"a": 1, "b": 2.0}, {"b": 2.0, "a": 1}),
        ((1, (2.0, 3)), ((1, 2.0), 3)),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.ones(2), torch.ones(1, 2)),
        (torch.ones(2), torch.ones(2, device="meta")),
        (torch.ones(2), numpy.ones(2, "float32")),
    ],
    ids=str,
)
@pytest.mark.parametrize("values", [False, True])
def test_different_values_are_not_mixed_up(pair: tuple[Any, Any], values: bool) -> None:
    """In one describer, in both orders: what is remembered of one must not be taken for the other."""
    for left, right in (pair, pair[::-1]):
        describer = Describer(values=values)
        numbers = [describer.see(left), describer.see(right), describer.see([left]), describer.see([right])]
        shared, alone = describer.specs(), [described(one, values=values) for one in (left, right)]
        assert [repr(shared[number]) for number in numbers[:2]] == [repr(spec) for spec in alone]
        types = {type(left), type(right)}
        if values or (len(types) == 2 and type(left) is not type(right)):
            assert numbers[0] != numbers[1] or repr(alone[0]) == repr(alone[1])


SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, -0.0, 1.0, "a", "b", ""])
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "b", 0, 1]), inner, max_size=3)
    ),
    max_leaves=8,
)


def rebuilt(spec: Spec) -> Any:
    """The value that a spec with values describes."""
    if isinstance(spec, ScalarSpec):
        return spec.value
    assert isinstance(spec, ContainerSpec)
    inner = [rebuilt(field) for _, field in spec.fields]
    if spec.type == "dict":
        return dict(zip(spec.keys(), inner, strict=True))
    return tuple(inner) if spec.type == "tuple" else inner


@given(st.lists(VALUES, max_size=6))
def test_with_values_every_plain_value_can_be_read_back(values: list[Any]) -> None:
    describer = Describer(values=True)
    numbers = [describer.see(value) for value in values]
    specs = describer.specs()
    assert [repr(rebuilt(specs[number])) for number in numbers] == [repr(value) for value in values]


@given(VALUES)
def test_without_values_nothing_of_them_is_kept(value: Any) -> None:
    describer = Describer()
    describer.see(value)
    assert all(
        spec.value is None and not spec.known for spec in describer.specs() if isinstance(spec, ScalarSpec)
    )


def test_equal_values_are_stored_once() -> None:
    describer = Describer()
    for _ in range(50):
        describer.see((torch.ones(2, 3), [torch.ones(2, 3)], {"x": None}))
    # The tensor, the list, None, the mapping and the tuple.
    assert len(describer.specs()) == 5


def test_signatures_keep_names_and_order() -> None:
    describer = Describer()
    numbers = [
        describer.signature((1, "a"), {}),
        describer.signature((1,), {"a": "a"}),
        describer.signature((), {"a": "a", "b": 1}),
        describer.signature((), {"b": 1, "a": "a"}),
        describer.signature((), {}),
    ]
    assert len(set(numbers)) == 5
    specs, signatures = describer.specs(), describer.signatures()
    read = [
        ([str(specs[n]) for n in signatures[number].positional],
         [(name, str(specs[n])) for name, n in signatures[number].keywords])
        for number in numbers
    ]  # fmt: skip
    assert read == [
        (["int", "str"], []),
        (["int"], [("a", "str")]),
        ([], [("a", "str"), ("b", "int")]),
        ([], [("b", "int"), ("a", "str")]),
        ([], []),
    ]


def test_a_class_that_dies_is_not_mistaken_for_the_next_one() -> None:
    """A new class may get the address of one that is gone."""
    describer = Describer()
    names = []
    for at in range(200):
        kind = type(f"Kind{at}", (), {})
        number = describer.see(kind())
        names.append(describer.specs()[number].type)
        del kind
    assert names == [f"Kind{at}" for at in range(200)]


def test_error_names() -> None:
    assert Describer().error_name(ValueError("secret")) == "ValueError"
    assert Describer(values=True).error_name(ValueError("shown")) == "ValueError: shown"
    assert Describer(values=True).error_name(ValueError("x" * 1000)) == "ValueError: " + "x" * 200
    assert Describer(values=True).error_name(KeyError(("a", 1))) == "KeyError"
    assert Describer(values=True).error_name(KeyboardInterrupt()) == "KeyboardInterrupt"
