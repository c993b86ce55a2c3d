"""Readers give the very numbers that the describer would give, or none: for any values in any order."""

from __future__ import annotations

import functools
import gc
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import DynamicCache
from transformers.cache_utils import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutput

from tracelab.forms import LOWER

from ..attacks import zoo
from ..attacks.injector import at_line, files_of
from ..attacks.zoo import HOSTILE
from .makes import (
    CONFIG,
    MAKES,
    NAMES,
    Make,
    MyOutput,
    Named,
    Ordered,
    Pair,
    Paired,
    cache,
    moved,
    nested,
    regimes,
    static,
)
from .usual import Call, Usual

T = torch.empty

CALLEES = st.lists(st.integers(0, 2), max_size=30)


@settings(max_examples=120, deadline=None)
@given(regimes(MAKES), CALLEES)
def test_any_values_in_any_order(sequence: list[tuple[Make, int]], callees: list[int]) -> None:
    Usual(callees=3).told([make(size) for make, size in sequence], callees)


CALLS = st.tuples(st.lists(MAKES, max_size=3), st.dictionaries(NAMES, MAKES, max_size=3), st.booleans())


@settings(max_examples=120, deadline=None)
@given(regimes(CALLS), CALLEES)
def test_any_calls_in_any_order(sequence: list[tuple[Any, int]], callees: list[int]) -> None:
    calls = []
    for (args, kwargs, backwards), size in sequence:
        made = {name: make(size) for name, make in kwargs.items()}
        kwargs = dict(reversed(made.items())) if backwards and size % 2 else made
        calls.append(Call(tuple(make(size) for make in args), kwargs))
    Usual(callees=3).told(calls, callees)


@settings(max_examples=20, deadline=None)
@given(regimes(MAKES), st.sampled_from([{"values": True}, {"stats": True}]))
def test_with_values_or_statistics_nothing_is_like_the_last_time(
    sequence: list[tuple[Make, int]], options: dict[str, bool]
) -> None:
    usual = Usual(options)
    for make, size in sequence:
        value = make(size)
        assert not usual.call(Call((value,), {"x": value})).by_reader
        assert not usual.value(value).by_reader
    assert usual.takes.readers == usual.gives.readers == ()


# --- readers are used at all ------------------------------------------------------------------------


USED: dict[str, Make] = {
    "tensor": lambda n: torch.empty(2, n),
    "meta tensor": lambda n: torch.empty(2, n, device="meta"),
    "tuple": lambda n: (torch.empty(2, n), None, 3),
    "mapping": lambda n: {"a": torch.empty(2, n), "b": [torch.empty(n)]},
    "model output": lambda n: BaseModelOutputWithPast(torch.empty(1, n, 4), cache(n, 2)),
    "ordered": lambda n: moved(OrderedDict(a=torch.empty(n), b=None)),
    "cache": lambda n: cache(n, 2),
}


@pytest.mark.parametrize("kind", USED)
@pytest.mark.parametrize("as_call", [False, True], ids=["value", "call"])
def test_a_value_like_the_last_one_is_known(kind: str, as_call: bool) -> None:
    """The first is a miss that makes no reader, the second makes one, every further one is known."""
    made = [USED[kind](5) for _ in range(6)]
    values = [Call((value,), {"more": value}) if as_call else value for value in made]
    told = Usual().told(values)
    assert [one.by_reader for one in told] == [False, False, True, True, True, True]
    assert len({one.number for one in told}) == 1


@pytest.mark.parametrize("kind", USED)
@pytest.mark.parametrize("as_call", [False, True], ids=["value", "call"])
@pytest.mark.parametrize("step", [1, 3, -2])
def test_what_grows_by_the_same_each_time_is_known(kind: str, as_call: bool, step: int) -> None:
    """Sizes 40, 41, 42 ...: 40 makes no reader, 41 the first parts, 42 and 43 show that both grew by one."""
    made = [USED[kind](40 + step * at) for at in range(12)]
    values = [Call((value,), {"more": value}) if as_call else value for value in made]
    told = Usual().told(values)
    assert [one.by_reader for one in told] == [False] * 4 + [True] * 8
    assert [one.number > LOWER for one in told] == [False] * 4 + [True] * 8
    assert len({one.number for one in told}) == 12


def test_readers_are_shared_by_callees_of_a_class() -> None:
    usual = Usual(callees=3)
    told = usual.told([torch.empty(2, 3)] * 6, [0, 0, 1, 2, 1, 2])
    assert [one.by_reader for one in told] == [False, False, True, True, True, True]


# --- what a reader may not overlook -----------------------------------------------------------------

NEIGHBOURS: dict[str, list[Any]] = {
    "dtype": [T(2, 3), T(2, 3, dtype=torch.float64), T(2, 3, dtype=torch.complex64)],
    "device": [T(2, 3), T(2, 3, device="meta")],
    "rank": [T(6), T(6, 1), T(1, 6), T(())],
    "tensor classes": [T(2, 3), nn.Parameter(T(2, 3)), nn.Buffer(T(2, 3)), numpy.ones((2, 3), "float32")],
    "layouts": [
        T(2, 3),
        torch.zeros(2, 3).to_sparse(),
        nested(3, 3),
        nested(3, 2),
        torch.zeros(2, 3).to_mkldnn(),
    ],
    "scalars": [1, True, 1.0, "1", None, b"1", 1j],
    "sequences": [(1, 2), [1, 2], (1, 2, 3), (1,), (), [], ((1,), 2), Paired((1, 2)), torch.Size([1, 2])],
    "tuples": [(1, T(2)), Pair(1, T(2)), Paired((1, T(2))), [1, T(2)]],
    "names": [{"a": 1, "b": 2}, {"b": 1, "a": 2}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {}, {"a": 1, 0: 2}],
    "mappings": [
        {"a": T(2)},
        Named(a=T(2)),
        OrderedDict(a=T(2)),
        Ordered(a=T(2)),
        CausalLMOutput(logits=T(2)),
        MyOutput(logits=T(2)),
    ],
    "orders": [
        OrderedDict(a=None, b=1),
        moved(OrderedDict(a=None, b=1)),
        OrderedDict(b=None, a=1),
        OrderedDict(a=1, b=None),
        OrderedDict(),
    ],
    "caches": [
        cache(3, 2),
        cache(4, 2),
        cache(3, 3),
        cache(0, 0),
        static(3),
        EncoderDecoderCache(cache(3, 2), cache(3, 2)),
        DynamicCache(config=CONFIG),
    ],
    "texts": [{"a": 1}, {"a\x00": 1}, {"a" * 300: 1}, {"a" * 200: 1}],
    "depth": [T(2), [T(2)], [[T(2)]], [[[T(2)]]], [[[[T(2)]]]], [[[[[T(2)]]]]], [[[[[[T(2)]]]]]]],
}


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_neighbours_are_kept_apart(kind: str) -> None:
    """Each is the usual one for a while, and then every other one comes once."""
    values = NEIGHBOURS[kind]
    for usual in values:
        sequence = [usual] * 3 + [other for value in values for other in (value, usual)]
        Usual().told(sequence)
        Usual().told([Call((value,)) for value in sequence])
        Usual().told([Call((), {"x": value}) for value in sequence])
        Usual().told([Call((value, value)) for value in sequence])


def test_call_sites_are_kept_apart() -> None:
    """By position, by name, more of them, none, another order of names."""
    x = T(2)
    sites = [
        Call((x,)),
        Call((x, x)),
        Call(),
        Call((), {"x": x}),
        Call((x,), {"x": x}),
        Call((), {"x": x, "y": None}),
        Call((), {"y": None, "x": x}),
        Call((), {"y": x}),
        Call(([x],)),
        Call(((x,),)),
        Call((x,) * 100),
        Call((x,) * 101),
    ]
    for usual in sites:
        Usual().told([usual] * 3 + [other for site in sites for other in (site, usual)])


def test_one_tensor_that_is_changed_in_place() -> None:
    x = torch.zeros(2, 3)
    changes: list[Callable[[], Any]] = [
        lambda: x.resize_(3, 4),
        lambda: x.t_(),
        lambda: x.unsqueeze_(0),
        lambda: x.squeeze_(0),
        lambda: setattr(x, "data", torch.zeros(5)),
        lambda: setattr(x, "data", torch.zeros(5, dtype=torch.float64)),
        lambda: x.resize_(0),
        lambda: x.set_(torch.zeros(2, 2, dtype=torch.float64)),
        lambda: x.requires_grad_(),
    ]
    usual, told = Usual(), []
    for change in changes:
        told += [usual.value(x), usual.call(Call((x,))), usual.call(Call((), {"x": (x, None)}))] * 3
        change()
        told += [usual.value(x), usual.call(Call((x,))), usual.call(Call((), {"x": (x, None)}))]
    usual.check(told)


def test_one_container_that_is_changed_in_place() -> None:
    x: list[Any] = [T(2), {"a": T(3)}]
    inner = x[1]
    changes: list[Callable[[], Any]] = [
        lambda: inner.update(b=None),
        lambda: inner.pop("a"),
        lambda: inner.clear(),
        lambda: x.append(None),
        lambda: x.reverse(),
        lambda: x.clear(),
    ]
    usual, told = Usual(), []
    for change in changes:
        told += [usual.value(x) for _ in range(3)]
        change()
        told.append(usual.value(x))
    usual.check(told)


def test_one_cache_that_grows_is_cropped_and_loses_a_layer() -> None:
    x = cache(4, 2)
    changes: list[Callable[[], Any]] = [
        lambda: [x.update(torch.empty(1, 2, 1, 3), torch.empty(1, 2, 1, 3), at) for at in range(2)],
        lambda: x.update(torch.empty(1, 2, 1, 3), torch.empty(1, 2, 1, 3), 0),  # the last layer lags behind
        lambda: x.crop(-2),
        lambda: x.layers.pop(),
        lambda: x.reset(),
        lambda: setattr(x.layers[-1], "keys", nn.Parameter(torch.zeros(1, 2, 9, 3))),
        lambda: setattr(x.layers[-1], "keys", torch.zeros(9)),
        lambda: setattr(x.layers[-1], "keys", None),
        lambda: setattr(x.layers[-1], "is_initialized", False),
        lambda: setattr(x, "layers", tuple(x.layers)),
        lambda: delattr(x, "layers"),
    ]
    usual, told = Usual(), []
    for change in changes:
        told += [usual.value(x) for _ in range(3)]
        told += [usual.call(Call((), {"past_key_values": x, "use_cache": True})) for _ in range(3)]
        change()
        told += [usual.value(x), usual.call(Call((), {"past_key_values": x, "use_cache": True}))]
    usual.check(told)


class OtherLayer:
    """A layer that counts in another way."""

    def __init__(self, keys: Any) -> None:
        self.keys, self.is_initialized, self.cumulative_length = keys, True, 9


CORRUPTED: dict[str, Callable[[Any], Any]] = {
    "no list of layers": lambda x: setattr(x, "layers", tuple(x.layers)),
    "another layer": lambda x: x.layers.__setitem__(-1, OtherLayer(x.layers[-1].keys)),
    "the first layer is another": lambda x: x.layers.__setitem__(0, OtherLayer(x.layers[0].keys)),
    "a layer that is not ready": lambda x: setattr(x.layers[-1], "is_initialized", False),
    "ready in a way": lambda x: setattr(x.layers[-1], "is_initialized", 1),
    "keys of the host's class": lambda x: setattr(x.layers[-1], "keys", HOSTILE["tensor"]()),
    "keys with properties": lambda x: setattr(x.layers[-1], "keys", HOSTILE["tensor with properties"]()),
    "a parameter": lambda x: setattr(x.layers[-1], "keys", nn.Parameter(x.layers[-1].keys)),
    "keys of one dimension": lambda x: setattr(x.layers[-1], "keys", T(4)),
    "nested keys": lambda x: setattr(x.layers[-1], "keys", nested(4, 4)),
    "keys on meta": lambda x: setattr(x.layers[-1], "keys", T(1, 2, 4, 3, device="meta")),
    "two dimensions": lambda x: setattr(x.layers[-1], "keys", T(4, 3)),
    "no keys": lambda x: setattr(x.layers[-1], "keys", None),
    "nothing": lambda x: x.__dict__.clear(),
}


@pytest.mark.parametrize("kind", CORRUPTED)
@pytest.mark.parametrize("growing", [False, True], ids=["same", "growing"])
def test_a_cache_that_is_not_as_it_should_be(kind: str, growing: bool) -> None:
    usual = Usual()
    told = [usual.value(cache(4 + at * growing, 2)) for at in range(6)]
    assert told[-1].by_reader
    x = cache(4, 2)
    CORRUPTED[kind](x)
    zoo.calls.clear()
    told += [usual.value(x), usual.value([x]), usual.value(x)]
    assert zoo.calls == []
    usual.check(told)


# --- transforms and modes of the host ---------------------------------------------------------------


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: torch.func.vmap(f)(torch.ones(4, 2, 3)),
        lambda f: torch.func.vmap(torch.func.vmap(f))(torch.ones(5, 4, 2, 3)),
        lambda f: torch.func.grad(f)(torch.ones(2, 3)),
        lambda f: torch.func.vmap(torch.func.grad(f))(torch.ones(4, 2, 3)),
        lambda f: torch.func.jvp(f, (torch.ones(2, 3),), (torch.ones(2, 3),)),
        lambda f: torch.func.functionalize(f)(torch.ones(2, 3)),
    ],
    ids=["vmap", "vmap twice", "grad", "vmap of grad", "jvp", "functionalize"],
)
@pytest.mark.filterwarnings(
    "ignore:`torch.jit.script` is deprecated:DeprecationWarning"
)  # torch's own, by jvp
def test_tensors_under_a_transform(transform: Callable[[Any], Any]) -> None:
    usual = Usual()
    plain = torch.ones(2, 3)

    def inside(x: torch.Tensor) -> torch.Tensor:
        usual.told([plain, plain, plain, x, plain, x, x, x, (x, plain), (x, x), (x, plain)])
        usual.told([Call((x,), {"y": plain}) for _ in range(4)])
        return x.sum()

    transform(inside)


def test_tensors_of_inference_mode() -> None:
    with torch.inference_mode():
        inside = torch.ones(2, 3)
        Usual().told([inside] * 4)
    Usual().told([torch.ones(2, 3), torch.ones(2, 3), inside, inside])


def test_the_host_s_modes_see_nothing_of_readers() -> None:
    seen: list[Any] = []

    class Functions(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    class Dispatches(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func)
            return func(*args, **(kwargs or {}))

    values = [T(2, 3), (T(2, 3), None), {"a": cache(3, 2)}, T(2, 3, device="meta")]
    for value in values:
        usual = Usual()
        told = [usual.value(value), usual.value(value), usual.value(value)]
        told += [usual.call(Call((value,))) for _ in range(3)]
        for mode in (Functions(), Dispatches()):
            with mode:
                told += [usual.value(value), usual.call(Call((value,)))]
                assert told[-1].by_reader == isinstance(mode, Dispatches)
        usual.check(told)
    assert seen == []


@pytest.mark.parametrize("as_call", [False, True], ids=["value", "call"])
def test_a_value_that_changes_while_it_is_described(as_call: bool) -> None:
    """By a thread or a signal handler.  Either size may be told; later ones are told rightly."""
    fired = 0
    for number in range(1, 500):
        usual, x = Usual(), torch.zeros(2, 3)
        later = [torch.zeros(2, 3), torch.zeros(5, 5), [torch.zeros(5, 5)]] * 2
        habit = usual.inputs[0] if as_call else usual.outputs[0]
        describe = usual.describer.usual_call if as_call else usual.describer.usual_value
        given = ((x,), {"x": [x]}) if as_call else (x,)
        describe(habit, *given)
        with at_line(number, functools.partial(x.resize_, 5, 5), files_of("describe")) as injection:
            describe(habit, *given)
        usual.told([Call((one,), {"x": [one]}) if as_call else one for one in later])
        fired += injection.fired
        if not injection.fired:
            break
    assert 30 < fired < 499


# --- nothing of the host runs, lives on or comes out -------------------------------------------------


def wrapped(value: Any) -> Iterator[Any]:
    """A value where a reader may meet it."""
    yield value
    yield [value]
    yield {"x": value}
    yield OrderedDict(x=value)
    yield CausalLMOutput(logits=value)


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_code_of_the_host_runs_in_a_reader(kind: str) -> None:
    """Where a tensor, a number, a mapping or a list is usual, and where the like of it is usual."""
    usual_ones: list[Any] = [T(2, 3), 3, {"x": 1}, [1, 2], OrderedDict(x=1), "text", cache(2, 1), None]
    for usual_one in (*usual_ones, HOSTILE[kind]()):
        for at, expected in enumerate(wrapped(usual_one)):
            usual = Usual()
            told = [usual.value(expected) for _ in range(3)]
            told += [usual.call(Call((expected, expected), {"y": expected})) for _ in range(3)]
            value = list(wrapped(HOSTILE[kind]()))[at]
            zoo.calls.clear()
            told += [usual.value(value) for _ in range(4)]
            told += [usual.call(Call((value, value), {"y": value})) for _ in range(4)]
            usual.check(told)
            assert zoo.calls == []


def test_a_key_whose_metaclass_would_like_to_be_asked() -> None:
    ran: list[str] = []

    class Asked(type):
        def __hash__(cls) -> int:
            ran.append("hash")
            return 1

        def __eq__(cls, other: object) -> bool:
            ran.append("eq")
            return cls is other

    class Key(metaclass=Asked):
        pass

    for value in ({Key(): 1}, OrderedDict({Key(): 1})):
        ran.clear()
        Usual().told([{"x": 1}, {"x": 1}, value, value, value])
        assert ran == []


def test_a_reader_keeps_nothing_alive() -> None:
    gc.collect()
    gc.disable()
    try:
        usual = Usual()
        x, past = T(2, 3), cache(3, 2)
        output = CausalLMOutput(logits=T(2))
        for _ in range(4):
            usual.call(Call((x, [x]), {"past": past, "output": output}))
            usual.value((x, past, output))
        for n in range(5, 12):
            x, past = T(2, n), cache(n, 2)
            assert usual.call(Call((x, past))) is not None
        assert any(usual.takes.readers) and any(usual.gives.readers)
        watched = [weakref.ref(one) for one in (x, past, past.layers[0].keys, output.logits)]
        del x, past, output
        assert [one() for one in watched] == [None] * 4
    finally:
        gc.enable()


def test_a_reader_never_raises() -> None:
    """Whatever it is given, also what no call can be made of."""
    called, gave = [], []
    for make in USED.values():
        usual = Usual()
        for n in (3, 3, 3, 4, 5, 6, 7):
            usual.value(make(n))
            usual.call(Call((make(n),), {"more": make(n)}))
        called += usual.takes.readers
        gave += usual.gives.readers
    assert min(len(called), len(gave)) > 20
    strange: list[Any] = [None, (), {}, [], 0, "x", object(), T(0), cache(0, 0), static(1), {1: 2}, ((),)]
    for value in (*strange, *NEIGHBOURS["layouts"]):
        for reader in gave:
            reader(value)
        for reader in called:
            for args in ((), (value,), (value, value)):
                for kwargs in ({}, {"more": value}):
                    reader(args, kwargs)


def test_a_habit_of_a_callee_without_rule_stops_making_readers() -> None:
    """Eight misses may cost a reader each, later ones at powers of two: at 16, 32 and 64."""
    usual, made = Usual(), 0
    habit = usual.outputs[0]
    for n in range(100):
        before = habit.read
        usual.value([T(n * n % 101, n)] * (1 + n % 7))
        made += habit.read is not before
    # The first call of a class makes none.  Of the 99 misses after it the first eight make one each, and
    # then those at 16, 32 and 64.
    assert made == 8 + 3
