"""Every architecture of the zoo: the trace against plain torch hooks and against hand-derived numbers.

The oracle is a second, untraced run of the same model under torch's own hooks, which see the same calls by
another way.  Both runs must also compute the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import tracelab
from tracelab.calls import Call, Trace
from tracelab.values import TensorSpec, walk

from .models import GENERATORS, ZOO, Architecture

Shapes = list[tuple[int, ...]]
RAW_INPUTS = [entry for entry in ZOO.values() if entry.name != "torch_encoder"]
"""Hooks on single modules switch the fused path of torch's own encoder off, so it has no such oracle."""


class Seen(NamedTuple):
    """One module call: where, of which class, and the shapes of all tensors that came out."""

    path: str | None
    owner: str
    shapes: tuple[tuple[int, ...], ...]


class Oracle:
    """Module calls in the order of their entry, seen by torch's global hooks."""

    def __init__(self, model: nn.Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.entered: list[list[Any]] = []
        self.running: list[list[Any]] = []

    def __enter__(self) -> Oracle:
        hooks = nn.modules.module
        self.handles = [
            hooks.register_module_forward_pre_hook(self.enter),
            hooks.register_module_forward_hook(self.leave),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def enter(self, module: nn.Module, _: Any) -> None:
        row = [self.paths.get(module), type(module).__name__, None]
        self.entered.append(row)
        self.running.append(row)

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        self.running.pop()[2] = tuple(tensor_shapes(output))

    @property
    def seen(self) -> list[Seen]:
        return [Seen(*row) for row in self.entered]


def tensor_shapes(value: Any) -> Shapes:
    """Shapes of all tensors in nested tuples, lists and mappings, outermost first, in their order."""
    if isinstance(value, torch.Tensor):
        return [tuple(value.shape)]
    if isinstance(value, Mapping):
        return [shape for inner in value.values() for shape in tensor_shapes(inner)]
    if isinstance(value, (tuple, list)):
        return [shape for inner in value for shape in tensor_shapes(inner)]
    return []


def spec_shapes(spec: Any) -> Shapes:
    return [] if spec is None else [inner.shape for inner in walk(spec) if isinstance(inner, TensorSpec)]


def module_calls(trace: Trace) -> list[Call]:
    return trace.find(kind="module")


def traced(trace: Trace) -> list[Seen]:
    return [Seen(call.path, call.owner, tuple(spec_shapes(call.output))) for call in module_calls(trace)]


def assert_same_bits(left: Any, right: Any) -> None:
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
    elif isinstance(left, Mapping):
        assert list(left) == list(right)
        for key in left:
            assert_same_bits(left[key], right[key])
    elif isinstance(left, (tuple, list)):
        for one, other in zip(left, right, strict=True):
            assert_same_bits(one, other)


@pytest.mark.parametrize("entry", ZOO.values(), ids=ZOO)
def test_one_forward(entry: Architecture) -> None:
    model, inputs = entry.build(), entry.inputs()
    with torch.no_grad():
        with Oracle(model) as oracle:
            expected = model(**inputs)
        with tracelab.trace() as trace:
            output = model(**inputs)
    assert_same_bits(output, expected)
    assert traced(trace) == oracle.seen

    calls = module_calls(trace)
    assert len(calls) == entry.calls
    layer, count = entry.layers
    assert trace.count(f"{layer}.forward") == count
    paths = [call.path for call in calls]
    assert set(entry.paths) <= set(paths)
    assert not set(entry.silent) & set(paths)
    assert paths.count(None) == entry.unplaced

    root = trace.roots[0]
    field, shape = entry.output
    spec = root.output[field] if field else root.output
    assert isinstance(spec, TensorSpec)
    assert spec.shape == shape
    assert (root.path, root.root, root.status) == ("", type(model).__name__, "ok")
    assert trace.complete


@pytest.mark.parametrize("entry", RAW_INPUTS, ids=lambda entry: entry.name)
def test_inputs_by_name(entry: Architecture) -> None:
    """Shapes that went in, positional and keyword, against a hook on every module."""
    model, inputs = entry.build(), entry.inputs()
    expected: list[tuple[str, Shapes]] = []

    def note(path: str) -> Any:
        return lambda _, args, kwargs: expected.append((path, tensor_shapes((args, kwargs))))

    handles = [
        module.register_forward_pre_hook(note(path), with_kwargs=True)
        for path, module in model.named_modules()
    ]
    with torch.no_grad():
        model(**inputs)
        for handle in handles:
            handle.remove()
        with tracelab.trace() as trace:
            model(**inputs)
    placed = [call for call in module_calls(trace) if call.path is not None]
    assert [(call.path, input_shapes(call)) for call in placed] == expected
    assert list(trace.roots[0].inputs) == list(inputs)


def input_shapes(call: Call) -> Shapes:
    return [shape for spec in call.inputs.values() for shape in spec_shapes(spec)]


@pytest.mark.parametrize(
    "entry", [entry for entry in ZOO.values() if entry.gaps], ids=lambda entry: entry.name
)
def test_a_module_whose_forward_was_called_directly_is_a_gap_not_a_call(entry: Architecture) -> None:
    model = entry.build()
    with torch.no_grad(), tracelab.trace() as trace:
        model(**entry.inputs())
    marked = {call.gap for call in trace.calls if call.gap is not None}
    assert marked == set(entry.gaps)
    for path in entry.gaps:
        below = [call for call in trace.calls if call.gap == path]
        assert below
        assert all(call.parent is not None and call.parent.path != path for call in below)


@pytest.mark.parametrize("entry", GENERATORS.values(), ids=GENERATORS)
def test_generate(entry: Architecture) -> None:
    facts = entry.generation
    assert facts is not None
    model = entry.build()
    with Oracle(model) as oracle:
        expected = model.generate(**entry.generate_arguments())
    with tracelab.trace() as trace:
        tokens = model.generate(**entry.generate_arguments())
    assert torch.equal(tokens, expected)
    assert traced(trace) == oracle.seen
    assert len(module_calls(trace)) == facts.calls

    steps = [step for step in trace.steps() if step.phase != "encode"]
    assert [step.index for step in steps] == list(range(facts.new))
    assert [step.phase for step in steps] == ["prefill"] + ["decode"] * (facts.new - 1)
    assert [step.input for step in steps] == [(1, facts.prompt)] + [(1, 1)] * (facts.new - 1)
    sizes = [sum(call.kind == "module" for call in step.call.walk()) for step in steps]
    assert sizes == [facts.prefill] + [facts.decode] * (facts.new - 1)
    assert all(step.call.name == f"{type(model).__name__}.forward" for step in steps)
    if entry.name == "mamba":
        assert [step.cache_before for step in steps] == [None] * facts.new
    else:
        # Nothing, then the prompt, then one token more with each step.
        lengths = [0, *range(facts.prompt, facts.prompt + facts.new - 1)]
        assert [step.cache_before for step in steps] == lengths


@pytest.mark.parametrize("name", ["whisper", "t5", "bart"])
def test_the_encoder_runs_once_before_the_first_step(name: str) -> None:
    entry = ZOO[name]
    model = entry.build()
    with tracelab.trace() as trace:
        model.generate(**entry.generate_arguments())
    path = "encoder" if name == "t5" else "model.encoder"
    encoders = trace.find(path=path, kind="module")
    encode, *steps = trace.steps()
    assert len(encoders) == 1
    assert encode.call == encoders[0]
    assert encoders[0].id < steps[0].call.id
    assert encoders[0].step is None
    assert encoders[0].root == type(model).__name__
    assert encoders[0].parent is not None
    assert encoders[0].parent.kind == "method"
    # 50 positions of 100 mel frames; 6 source tokens
    assert {step.cross_length for step in steps} == {50 if name == "whisper" else 6}
