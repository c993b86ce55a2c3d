"""What is kept of a value: one short text, equal when two values looked alike, fields by name and position.

The texts are part of every tree, so they are written out here by hand from the caption of `values.py`.
"""

from __future__ import annotations

import dataclasses

import pytest

from tests.builders import t
from tracelab.values import (
    CacheSpec,
    ContainerSpec,
    ObjectSpec,
    ScalarSpec,
    Spec,
    TensorSpec,
    TensorStats,
    UnreadableSpec,
    first,
    walk,
)

NOTHING = ScalarSpec("NoneType")


def mapping(type_name: str, length: int | None = None, **fields: Spec) -> ContainerSpec:
    return ContainerSpec(type_name, tuple(fields.items()), len(fields) if length is None else length)


def sequence(type_name: str, *fields: Spec, length: int | None = None) -> ContainerSpec:
    return ContainerSpec(type_name, tuple(enumerate(fields)), len(fields) if length is None else length)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (t(1, 50, 32), "f32[1,50,32]"),
        (TensorSpec((2, 8), "bfloat16", "cuda:0"), "bf16[2,8]@cuda:0"),
        (TensorSpec((), "int64"), "i64[]"),
        (TensorSpec((0, 4), "bool"), "bool[0,4]"),
        (TensorSpec(("s0", 4), "float16", "meta"), "f16[s0,4]@meta"),
        (TensorSpec((3,), "float8_e4m3fn"), "float8_e4m3fn[3]"),
        (TensorSpec((2,), "float32", type="Parameter"), "f32[2]"),
        (TensorSpec((2,), "uint8", type="ndarray"), "ndarray:u8[2]"),
        (CacheSpec("DynamicCache", 4, 2), "DynamicCache(kv 4, 2 layers)"),
        (CacheSpec("DynamicCache", 0, 1), "DynamicCache(kv 0, 1 layer)"),
        (CacheSpec("EncoderDecoderCache", 4, 2, 50), "EncoderDecoderCache(kv 4, cross 50, 2 layers)"),
        (CacheSpec("EncoderDecoderCache", 0, 0, 0), "EncoderDecoderCache(kv 0, cross 0, 0 layers)"),
        (CacheSpec("MambaCache", None, 3), "MambaCache(3 layers)"),
        (NOTHING, "None"),
        (ScalarSpec("NoneType", None, True), "None"),
        (ScalarSpec("int"), "int"),
        (ScalarSpec("int", 4, True), "4"),
        (ScalarSpec("bool", False, True), "False"),
        (ScalarSpec("str", "hello", True), "'hello'"),
        (ScalarSpec("str", "a\nb\x1b", True), r"'a\nb\x1b'"),
        (sequence("tuple", t(1, 4, 32), NOTHING), "tuple(f32[1,4,32], None)"),
        (sequence("tuple"), "tuple()"),
        (mapping("BatchEncoding", input_ids=t(1, 4, dtype="int64")), "BatchEncoding{input_ids: i64[1,4]}"),
        (mapping("A", x=sequence("list", t(2)), y=NOTHING), "A{x: list(f32[2]), y: None}"),
        (sequence("list", t(1), t(1), length=100), "list(f32[1], f32[1], … 98 more)"),
        (mapping("dict", length=3, a=NOTHING), "dict{a: None, … 2 more}"),
        (sequence("list", length=7), "list(… 7 more)"),
        (ObjectSpec("GenerationConfig"), "GenerationConfig"),
        (UnreadableSpec("RuntimeError"), "<unreadable: RuntimeError>"),
    ],
)
def test_the_short_text(spec: Spec, text: str) -> None:
    assert str(spec) == text


@pytest.mark.parametrize(
    ("stats", "text"),
    [
        (TensorStats(-1.5, 2.0, 0.25, 1.0, 0, 0), "-1.5…2 mean 0.25 ±1"),
        (TensorStats(0.0, 0.0, 0.0, 0.0, 0, 0), "0…0 mean 0 ±0"),
        (TensorStats(3.0, 3.0, 3.0, None, 0, 0), "3…3 mean 3"),
        (TensorStats(0.0, 1.0, 0.5, 0.5, 3, 1), "0…1 mean 0.5 ±0.5 3 NaN 1 Inf"),
        (TensorStats(None, None, None, None, 8, 0), "no finite element 8 NaN"),
        (TensorStats(None, None, None, None, 0, 0), "no finite element"),
        # three figures are kept: 1234.5 is 1.23 thousand
        (TensorStats(-1234.5, 0.000123456, 1 / 3, 2 / 3, 0, 0), "-1.23e+03…0.000123 mean 0.333 ±0.667"),
    ],
)
def test_the_text_of_stats(stats: TensorStats, text: str) -> None:
    assert str(stats) == text


def test_every_spec_has_the_class_name_of_its_value() -> None:
    specs = (t(1), CacheSpec("StaticCache", 1, 1), NOTHING, sequence("tuple"), ObjectSpec("X"))
    assert [spec.type for spec in specs] == ["Tensor", "StaticCache", "NoneType", "tuple", "X"]
    assert UnreadableSpec("KeyError").type == "unreadable"


def test_equal_specs_are_one_key_and_different_ones_are_not() -> None:
    def made() -> list[Spec]:
        return [
            t(1, 2),
            t(2, 1),
            t(1, 2, dtype="float16"),
            TensorSpec((1, 2), "float32", "cuda:0"),
            TensorSpec((1, 2), "float32", stats=TensorStats(0.0, 1.0, 0.5, None, 0, 0)),
            TensorSpec((1, 2), "float32", values=(1, 2)),
            CacheSpec("DynamicCache", 1, 2),
            CacheSpec("DynamicCache", None, 2),
            # The same number, but not the same value: 1 == True == 1.0 must not make them one spec.
            ScalarSpec("int", 1, True),
            ScalarSpec("bool", True, True),
            ScalarSpec("float", 1.0, True),
            ScalarSpec("int"),
            sequence("tuple", t(1, 2)),
            sequence("list", t(1, 2)),
            mapping("list", a=t(1, 2)),
            sequence("list", t(1, 2), length=2),
            ObjectSpec("A"),
            UnreadableSpec("A"),
        ]

    assert made() == made()
    assert len(set(made())) == len(made())
    assert len(set(made() + made())) == len(made())


@pytest.mark.parametrize(
    "spec", [t(1), sequence("tuple", t(1)), NOTHING, CacheSpec("C", 1, 1), ObjectSpec("A")]
)
def test_a_spec_cannot_be_changed(spec: Spec) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.type = "other"  # type: ignore[misc]


def test_the_fields_of_a_container_by_name_and_by_position() -> None:
    logits, kept = t(1, 1, 32), CacheSpec("DynamicCache", 4, 2)
    output = mapping("CausalLMOutputWithPast", logits=logits, past_key_values=kept)
    assert output["logits"] is logits
    assert output[0] is logits
    assert output[1] is output[-1] is output["past_key_values"] is kept
    assert output.get("loss") is None
    assert output.get("loss", NOTHING) is NOTHING
    assert output.get("logits", NOTHING) is logits
    assert "logits" in output
    assert "loss" not in output
    assert 0 not in output  # a position is no name
    assert list(output) == output.keys() == ["logits", "past_key_values"]
    assert output.items() == [("logits", logits), ("past_key_values", kept)]
    assert len(output) == 2


def test_a_mapping_with_numbers_as_keys_is_asked_by_key_first() -> None:
    swapped = ContainerSpec("dict", ((1, t(1)), (0, t(2))), 2)
    assert swapped[0] == t(2)
    assert swapped[1] == t(1)


@pytest.mark.parametrize("key", ["loss", 2, -3])
def test_a_missing_field_names_those_that_are_there(key: str | int) -> None:
    output = mapping("ModelOutput", logits=t(1), hidden_states=t(2))
    with pytest.raises(KeyError) as caught:
        output[key]
    message = caught.value.args[0]
    assert message == f"ModelOutput has no field {key!r}; it has ['logits', 'hidden_states']"


def test_a_cut_container_knows_its_length_and_does_not_invent_what_was_cut() -> None:
    cut = sequence("list", t(1), t(2), length=5)
    assert len(cut) == 5
    assert list(cut) == [0, 1]
    assert (cut[0], cut[1]) == (t(1), t(2))
    assert cut[-5] == t(1)  # five items: -5 is the first, -4 the second, the last three are unknown
    assert cut[-4] == t(2)
    for unknown in (2, 4, 5, -1, -3, -6):
        with pytest.raises(KeyError):
            cut[unknown]


def test_walk_goes_outermost_first_and_fields_in_order() -> None:
    left, right = sequence("tuple", t(1), t(2)), mapping("dict", a=t(3), b=NOTHING)
    both = sequence("list", left, right)
    assert list(walk(both)) == [both, left, t(1), t(2), right, t(3), NOTHING]
    assert list(walk(NOTHING)) == [NOTHING]


def test_walk_is_not_bound_by_the_recursion_limit() -> None:
    spec: Spec = t(7)
    for _ in range(5000):
        spec = sequence("tuple", spec)
    assert sum(1 for _ in walk(spec)) == 5001
    assert first(spec, TensorSpec) == t(7)


def test_first_finds_the_leftmost_of_a_kind() -> None:
    kept = CacheSpec("DynamicCache", 4, 2)
    output = sequence("tuple", NOTHING, sequence("tuple", t(1), kept), t(2), CacheSpec("Later", 9, 9))
    assert first(output, TensorSpec) == t(1)
    assert first(output, CacheSpec) == kept
    assert first(t(3), TensorSpec) == t(3)
    assert first(t(3), CacheSpec) is None
    assert first(None, TensorSpec) is None
    assert first(sequence("tuple"), TensorSpec) is None
