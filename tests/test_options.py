"""The options of `trace()` that say how much is kept: `times` and `shapes`."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import tracelab
from tracelab.errors import SetupError
from tracelab.recorder import recorder as recording


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.inner(x))


class Model(nn.Module):
    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer() for _ in range(layers)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


STEPS, LAYERS = 40, 20
EACH = 1 + 2 * LAYERS  # the model, and in each layer the layer and its Linear


def traced(**options: object) -> tracelab.Trace:
    model, x = Model(LAYERS), torch.ones(2, 4)
    with torch.no_grad(), tracelab.trace(**options) as trace:  # type: ignore[arg-type]
        for _ in range(STEPS):
            model(x)
    return trace


def test_with_summed_times_steps_keep_their_own_and_calls_share_theirs() -> None:
    trace = traced(times="summary")
    assert len(trace.calls) == STEPS * EACH
    roots = trace.roots
    assert len(roots) == STEPS
    assert len({root.start for root in roots}) == STEPS
    linear = trace.find("Linear.forward", path="layers.3.inner")
    shared = [call for call in linear if call.times is not None]
    # The first steps stand alone until it is seen that they repeat.
    assert len(shared) >= STEPS - 4
    times = shared[0].times
    assert times is not None
    assert times.count == len(shared)
    assert times.shortest <= shared[0].duration <= times.longest
    assert shared[0].duration == pytest.approx(times.total / times.count, abs=2e-9)
    for root in roots:
        last = None
        for call in root.children:
            assert last is None or call.start >= last.start
            last = call


def test_with_exact_times_every_call_has_its_own() -> None:
    trace = traced()
    assert all(call.times is None for call in trace.calls)
    linear = trace.find("Linear.forward", path="layers.3.inner")
    assert len({call.start for call in linear}) == STEPS
    for call in trace.calls:
        parent = call.parent
        assert parent is None or parent.start <= call.start
        assert parent is None or call.start + call.duration <= parent.start + parent.duration + 1e-9


def test_without_shapes_names_callers_and_times_are_kept() -> None:
    trace, full = traced(shapes=False), traced()
    assert [call.name for call in trace.calls] == [call.name for call in full.calls]
    assert [call.path for call in trace.calls] == [call.path for call in full.calls]
    assert [call.call_site for call in trace.calls] == [call.call_site for call in full.calls]
    assert all(call.inputs == {} and call.output is None for call in trace.calls)
    assert all(call.status == "ok" and call.duration > 0 for call in trace.calls)
    assert trace.complete
    assert "Layer" in str(trace)


def test_without_shapes_no_argument_is_looked_at() -> None:
    asked: list[str] = []

    class Shy:
        """Tells when anything asks for it."""

        def __getattribute__(self, name: str) -> object:
            asked.append(name)
            return object.__getattribute__(self, name)

    class Taking(nn.Module):
        def forward(self, it: object) -> object:
            return it

    model, it = Taking(), Shy()
    with tracelab.trace(shapes=False) as trace:
        for _ in range(3):
            model(it)
    assert trace.recorded == 3
    assert asked == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"times": "none"}, "times='none' is not possible; it is 'exact' or 'summary'"),
        ({"times": None}, "times=None is not possible; it is 'exact' or 'summary'"),
        ({"shapes": False, "values": True}, "shapes=False keeps nothing of any argument"),
        ({"shapes": False, "stats": True}, "shapes=False keeps nothing of any argument"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_is_refused_in_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(SetupError, match=words.replace("(", r"\(")) as caught:
        tracelab.trace(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_long_trace_is_packed_and_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = traced()
    monkeypatch.setattr(recording, "PORTION", 100)
    packed = traced()
    assert packed.recorded == plain.recorded == STEPS * EACH
    for one, other in zip(packed.calls, plain.calls, strict=True):
        assert (one.name, one.path, one.inputs, one.output) == (
            other.name,
            other.path,
            other.inputs,
            other.output,
        )
        assert (one.parent and one.parent.id) == (other.parent and other.parent.id)
