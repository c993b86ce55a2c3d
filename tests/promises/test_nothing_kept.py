"""Nothing of the traced program is kept: what would die without a trace dies with one, at the same `del`.

Weak references watch inputs, outputs, what comes in between, modules, exceptions and the locals of frames,
in every mode of a trace and with the garbage collector off; a trace itself leaves nothing to it either.
"""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.recorder import recorder as recording

from ..models import ZOO
from .figures import Figures
from .watching import FILE, KIB, MODES, Keeping, Thing, Watching, grown, opened, told

X = torch.ones(1, 2)


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that these programs are packed while they run."""
    monkeypatch.setattr(recording, "PORTION", 64)
    monkeypatch.setattr(recording, "FLAT", 8)


@pytest.fixture(scope="module")
def no_collector() -> Iterator[None]:
    """References are counted and nothing else: what dies, dies at `del`."""
    gc.collect()
    gc.freeze()  # what libraries hold need not be searched each time
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("method", [False, True], ids=["module", "method"])
def test_inputs_outputs_and_modules_die_at_del(
    no_collector: None, options: dict[str, Any], method: bool, tmp_path: Path
) -> None:
    with opened(options, tmp_path) as trace:
        model, x, thing = Keeping(), torch.ones(1, 2), Thing()
        output = model.generate(x, thing) if method else model(x, thing=thing)
        watched = [weakref.ref(one) for one in (model, x, thing, output["out"], model.inner.weight)]
        del model, x, thing, output
        assert [one() for one in watched] == [None] * 5
    assert trace.recorded + trace.dropped >= 2


def test_nothing_is_kept_after_the_trace(no_collector: None) -> None:
    model, x, thing = Keeping(), torch.ones(1, 2), Thing()
    with tracelab.trace() as trace:
        output = model(x, thing=thing)
    watched = [weakref.ref(one) for one in (model, x, thing, output["out"])]
    del model, x, thing, output
    assert [one() for one in watched] == [None] * 4
    assert trace.calls[0].inputs["x"].shape == (1, 2)


def test_a_followed_model_is_not_kept(no_collector: None) -> None:
    model = Keeping()
    session = tracelab.trace(model)
    watched = weakref.ref(model)
    with session as trace:
        model(X, thing=Thing())
        del model
        assert watched() is None
    assert trace.recorded == 2


@pytest.mark.parametrize("options", MODES, ids=str)
def test_nothing_is_kept_after_an_exception(
    no_collector: None, options: dict[str, Any], tmp_path: Path
) -> None:
    with opened(options, tmp_path) as trace:
        model, x, thing = Keeping(), torch.ones(1, 2), Thing()
        caught = None
        try:
            model(x, thing=thing, fail=True)
        except LookupError as error:
            caught = weakref.ref(thing), weakref.ref(x), weakref.ref(error.__traceback__.tb_frame.f_code)
        watched = [*caught[:2], weakref.ref(model)]
        del model, x, thing
        assert [one() for one in watched] == [None] * 3
    assert trace.recorded + trace.dropped == 1


def test_an_exception_object_dies_when_the_host_lets_go(no_collector: None) -> None:
    class Watched(LookupError):
        pass

    class Raising(nn.Module):
        def forward(self) -> None:
            raise Watched

    with tracelab.trace() as trace:
        try:
            Raising()()
        except Watched as error:
            watched = weakref.ref(error)
        assert watched() is None
    assert [call.error for call in trace.calls] == ["Watched"]


@pytest.mark.internal_errors
def test_nothing_is_kept_after_a_fault_of_ours(no_collector: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracelab.describe import Describer

    def broken(self: Any, value: Any, *rest: Any) -> int:
        raise RuntimeError

    monkeypatch.setattr(Describer, "see", broken)
    with tracelab.trace() as trace:
        model, x = nn.Linear(2, 2), torch.ones(1, 2)
        output = model(x)
        watched = [weakref.ref(one) for one in (model, x, output)]
        del model, x, output
        assert [one() for one in watched] == [None] * 3
    assert trace.internal_errors == 1


def test_the_cache_of_a_generate_dies_with_it(no_collector: None) -> None:
    from transformers import DynamicCache

    model = ZOO["llama"].build()
    ids = ZOO["llama"].inputs()["input_ids"]
    with tracelab.trace() as trace, torch.no_grad():
        cache = DynamicCache()
        model(ids, past_key_values=cache)
        watched = weakref.ref(cache), weakref.ref(cache.layers[0].keys)
        del cache
        assert [one() for one in watched] == [None, None]
    assert trace.calls[0].inputs["past_key_values"].type == "DynamicCache"


def test_a_class_defined_during_a_trace_dies_after_it() -> None:
    def define() -> weakref.ref[type]:
        class Passing(nn.Module):
            def generate(self) -> int:
                return 1

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x

        assert Passing().generate() == 1
        Passing()(X)
        return weakref.ref(Passing)

    with tracelab.trace() as trace:
        watched = define()
    gc.collect()
    assert watched() is None
    assert trace.recorded == 2


# --- real models ------------------------------------------------------------------------------------


NAMES = ["llama", "gpt2", "bert", "t5", "whisper", "mixtral", "mamba"]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_real_model_makes_dies_as_it_does_without_a_trace(
    name: str, no_collector: None, tmp_path: Path, figures: Figures
) -> None:
    """Some models are cycles by themselves: what then lives on without a trace may live on with one."""

    def run() -> Watching:
        model = ZOO[name].build()
        watching = Watching(model)
        with torch.no_grad():
            if ZOO[name].generation is None:
                model(**ZOO[name].inputs())
            else:
                model.generate(**ZOO[name].generate_arguments())
        for handle in watching.handles:
            handle.remove()
        return watching

    run()
    plain = run().alive
    for options in ({}, {"file": FILE, "times": "summary"}):
        with opened(options, tmp_path) as trace:
            traced = run()
            assert traced.alive == plain
        assert traced.alive == plain
        assert trace.recorded > 20
        figures("objects watched", len(traced.watched))


@pytest.mark.parametrize("options", [{}, {"values": True}, {"file": FILE}], ids=str)
def test_a_long_packed_trace_keeps_nothing(
    no_collector: None, options: dict[str, Any], tmp_path: Path
) -> None:
    """Growing tensors, errors in between, thousands of calls: blocks, holes and readers all come up."""
    watched: list[weakref.ref[Any]] = []
    failed = 0
    with opened(options, tmp_path) as trace:
        model = Keeping()
        for step in range(500):
            x, thing = torch.ones(1 + step % 90, 2), Thing()
            try:
                output = model.generate(x, thing) if step % 3 else model(x, thing=thing, fail=step % 2 == 0)
                watched.append(weakref.ref(output["out"]))
                del output
            except LookupError:
                failed += 1
            watched += [weakref.ref(x), weakref.ref(thing)]
            del x, thing
            alive = sum(reference() is not None for reference in watched)
            assert alive == 0, step
        watched = [weakref.ref(model)]
        del model
        assert watched[0]() is None
    assert trace.recorded > 1000
    assert len(trace.find("Keeping.forward", status="error")) == failed > 50


def test_the_locals_of_a_frame_die_with_its_call(no_collector: None) -> None:
    seen: list[weakref.ref[Any]] = []

    class Local(nn.Module):
        def forward(self, x: torch.Tensor, fail: bool) -> torch.Tensor:
            thing, between = Thing(), x * 2
            seen.extend([weakref.ref(thing), weakref.ref(between)])
            if fail:
                raise LookupError
            return between + 1

    model = nn.ModuleList([Local()])[0]
    with tracelab.trace(), tracelab.trace(depth=1):
        for fail in (False, True, False, True):
            with contextlib.suppress(LookupError):
                model(X, fail)
            assert [one() for one in seen] == [None] * len(seen)


# --- the traces themselves --------------------------------------------------------------------------


@pytest.mark.parametrize("read", [False, True], ids=["unread", "read"])
@pytest.mark.parametrize("options", MODES, ids=str)
def test_a_trace_leaves_nothing_to_the_collector(
    no_collector: None, options: dict[str, Any], read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its calls nor its recorder, which a program that runs without a collector would pile up.

    Of a trace that is long enough to be packed the templates are left, some kilobytes; and one whose steps
    were read keeps them, and they know it, so the model is called here and does not `generate`.
    """
    monkeypatch.setattr(recording, "PORTION", 10_000)
    monkeypatch.setattr(recording, "FLAT", 1_000)

    model = Keeping()  # outlives its traces

    def run() -> None:
        with opened(options, tmp_path) as trace:
            for size in range(1, 60):
                model(torch.ones(size, 2), thing=Thing())
        if read:
            told(trace)

    run()
    gc.collect()
    gc.freeze()
    run()
    assert gc.collect() == 0


def test_traces_in_a_row_do_not_grow(no_collector: None, tmp_path: Path) -> None:
    python, resident = grown(150, {}, tmp_path)
    assert python < 64 * KIB
    assert resident < 1024 * KIB


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"values": True}, {"times": "summary"}, {"limit": 0}, {"source": "*"}], ids=str
)
def test_two_thousand_traces_in_a_row_grow_by_under_64_kib(
    no_collector: None, options: dict[str, Any], tmp_path: Path, figures: Figures
) -> None:
    python, resident = grown(2000, options, tmp_path)
    assert python < 64 * KIB
    assert resident < 1024 * KIB
    figures("traces in a row", 4000)


@pytest.mark.slow
def test_a_thousand_streamed_traces_in_a_row_grow_by_under_64_kib(no_collector: None, tmp_path: Path) -> None:
    python, resident = grown(1000, {"file": FILE}, tmp_path)
    assert python < 64 * KIB
    assert resident < 2048 * KIB
