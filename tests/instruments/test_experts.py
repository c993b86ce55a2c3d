"""Mixture-of-experts: the function that ran is named, not the written forward that did not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.instruments.experts import implementation

from ..models import ZOO


def experts_call(kind: str) -> tracelab.Call:
    model = ZOO["mixtral"].build()
    model.set_experts_implementation(kind)
    with torch.no_grad(), tracelab.trace() as trace:
        model(**ZOO["mixtral"].inputs())
    assert trace.count("MixtralExperts.forward") == 2  # one in each layer
    return trace.find("MixtralExperts.forward")[0]


def test_the_written_forward_when_it_runs() -> None:
    call = experts_call("eager")
    assert call.defined_in == "MixtralExperts"
    assert call.file is not None
    assert call.file.endswith("modeling_mixtral.py")


@pytest.mark.parametrize("kind", ["grouped_mm", "batched_mm"])
def test_the_registered_function_when_that_runs(kind: str) -> None:
    call = experts_call(kind)
    assert call.defined_in == "transformers.integrations.moe"
    assert call.file is not None
    assert call.file.endswith("integrations/moe.py")
    assert call.owner == "MixtralExperts"
    assert call.inputs["hidden_states"].shape == (5, 32)  # one row for each of 5 tokens


@pytest.mark.parametrize("forward", [len, None, nn.Linear.forward, lambda self, x: x], ids=repr)
def test_other_forwards_have_no_implementation(forward: Any) -> None:
    assert implementation(nn.Identity(), forward) is None
