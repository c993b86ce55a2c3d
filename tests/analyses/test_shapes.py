"""The main tensor in and out."""

from __future__ import annotations

import pytest

from tests.builders import build, call, t
from tracelab.analyses.shapes import Shapes
from tracelab.values import CacheSpec, ContainerSpec, ObjectSpec, ScalarSpec, Spec, TensorSpec

IDS = t(1, 4, dtype="int64")


def shape(kind: str = "module", output: Spec | None = None, **inputs: Spec) -> str:
    trace = build(call("Net.forward", kind=kind, inputs=inputs, output=output))
    return Shapes(trace.columns).text([0])


def fields(**inner: Spec) -> ContainerSpec:
    return ContainerSpec("ModelOutput", tuple(inner.items()), len(inner))


@pytest.mark.parametrize(
    ("inputs", "output", "expected"),
    [
        ({"x": t(1, 4)}, t(1, 4), "f32[1,4]"),
        ({"x": t(1, 4)}, t(1, 8), "f32[1,4] → f32[1,8]"),
        ({"x": t(1, 4)}, None, "f32[1,4]"),
        ({}, t(1, 4), "f32[1,4]"),
        ({}, None, ""),
        ({"flag": ScalarSpec("bool")}, ObjectSpec("Thing"), ""),
        # Ids before states, states before whatever comes first.
        ({"hidden_states": t(1, 4, 8), "input_ids": IDS}, None, "i64[1,4]"),
        ({"mask": t(1, 1), "hidden_states": t(1, 4, 8)}, None, "f32[1,4,8]"),
        ({"mask": t(1, 1), "other": t(2, 2)}, None, "f32[1,1]"),
        ({"input_features": t(1, 80, 9), "decoder_input_ids": IDS}, None, "i64[1,4]"),
        # A None of a well-known name is no tensor.
        ({"input_ids": ScalarSpec("NoneType"), "inputs_embeds": t(1, 4, 8)}, None, "f32[1,4,8]"),
        # Inside containers the first tensor counts.
        ({"batch": ContainerSpec("tuple", ((0, t(3)), (1, t(4))), 2)}, None, "f32[3]"),
        ({}, fields(loss=t(), logits=t(1, 9)), "f32[1,9]"),
        ({}, fields(loss=t(), last_hidden_state=t(1, 4, 8)), "f32[1,4,8]"),
        ({}, fields(first=t(3), second=t(4)), "f32[3]"),
    ],
)
def test_main_tensors_of_a_module(inputs: dict[str, Spec], output: Spec | None, expected: str) -> None:
    assert shape(output=output, **inputs) == expected


def test_a_method_shows_its_source_and_no_arguments_that_it_prepares() -> None:
    features = t(1, 80, 9)
    assert shape("method", input_features=features, decoder_input_ids=IDS) == "f32[1,80,9]"
    assert shape("method", inputs=features, output=fields(attention_mask=IDS)) == "f32[1,80,9]"
    assert (
        shape("method", text=ScalarSpec("str"), output=fields(token_type_ids=t(1), input_ids=IDS))
        == "i64[1,4]"
    )
    assert shape("method", inputs=features, output=fields(sequences=IDS)) == "f32[1,80,9] → i64[1,4]"


def over(*specs: Spec | None) -> str:
    calls = [call("Net.forward", inputs={} if spec is None else {"x": spec}) for spec in specs]
    return Shapes(build(*calls).columns).text(range(len(calls)))


def test_many_calls_in_one_text() -> None:
    assert over(t(1, 4), t(1, 5), t(1, 6)) == "f32[1,4…6]"
    assert over(t(1, 4), t(1, 9), t(1, 6)) == "f32[1,varied]"
    assert over(t(1, 4), t(1, 4, 1)) == "varied"
    assert over(t(1, 4), t(1, 4, dtype="float16")) == "varied"
    assert over(t(1, 4), TensorSpec((1, 4), "float32", "cuda:0")) == "varied"
    assert over(t(1, 4), None) == "varied"
    assert over(t("s0", 4), t("s0", 4)) == "f32[s0,4]"
    assert over(t()) == "f32[]"


def test_cache_length_at_entry() -> None:
    caches: list[dict[str, Spec]] = [
        {"past_key_values": CacheSpec("DynamicCache", 7, 4)},
        {"anything": CacheSpec("DynamicCache", 0, 0)},
        {"cache_params": CacheSpec("MambaCache", None, 4)},
        {"past_key_values": ScalarSpec("NoneType")},
    ]
    shapes = Shapes(build(*(call("Net.forward", inputs=given) for given in caches)).columns)
    assert [shapes.cache_length(row) for row in range(4)] == [7, 0, None, None]
