"""Going straight to forward where torch would: same results, hooks, tracebacks, and never where it would not.

Each form of module runs without a trace, in a cold one and in one that knows it already, alone and nested.
What it gives, what its hooks were given and in which order, and the whole text of the traceback in which a
call ends must not differ.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import pickle
import sys
import traceback
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_module
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import parametrizations, parametrize

import tracelab
from tracelab.recorder import Target, torch_call, wrap

X = torch.ones(1, 2)
WITH_GRADIENT = torch.full((1, 2), 5.0, requires_grad=True)
Log = list[Any]
Act = Callable[[Log], Any]
"""Does something with modules of its own making, and notes what it sees."""


class Leaf(nn.Module):
    """Doubles, or fails."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2, 2), 0.5))
        self.fails = fails

    def forward(self, x: torch.Tensor, *, by: float = 2.0) -> torch.Tensor:
        if self.fails:
            raise LookupError("in forward")
        return x @ self.weight * by


class Above(nn.Module):
    """Calls another module."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) + 1


def tower(leaf: nn.Module) -> nn.Module:
    """A module three levels deep."""
    return nn.Sequential(Above(Above(leaf)))


@pytest.fixture(scope="module", autouse=True)
def compiled_once() -> None:
    """At its first use dynamo patches classes of torch for good; that is not what is looked for here."""
    torch.compile(nn.Identity(), backend="eager")(X)


def outcome(act: Act) -> tuple[Any, Log, str]:
    """What `act` gives, what it noted, and the traceback it ends in."""
    log: Log = []
    try:
        result = act(log)
    except Exception:
        return None, log, traceback.format_exc()
    return result, log, ""


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def unchanged(act: Act, options: dict[str, Any] | None = None) -> tuple[Any, Log, str]:
    """Asserts that a trace changes nothing; returns what happens without one."""
    plain = outcome(act)
    with tracelab.trace(**(options or {})) as trace:
        once = [outcome(act) for _ in range(4)]
        with tracelab.trace():
            once.append(outcome(act))
        once.append(outcome(act))
    for result, log, text in once:
        assert text == plain[2]
        assert same(log, plain[1])
        assert same(result, plain[0])
    assert trace.internal_errors == 0
    assert {call.status for call in trace.calls} <= {"ok", "error"}
    return plain


# --- hooks ------------------------------------------------------------------------------------------


def numbers(value: Any) -> Any:
    """Something to compare, of what a hook was given."""
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if isinstance(value, tuple):
        return tuple(map(numbers, value))
    if isinstance(value, dict):
        return {name: numbers(inner) for name, inner in value.items()}
    return value


def noting(log: Log, name: str, result: Any = None) -> Callable[..., Any]:
    def hook(module: Any, *given: Any) -> Any:
        log.append((name, type(module).__name__, *map(numbers, given)))
        return result

    return hook


REGISTER: dict[str, Callable[[Any, Log], Any]] = {
    "pre": lambda m, log: m.register_forward_pre_hook(noting(log, "pre")),
    "pre with names": lambda m, log: m.register_forward_pre_hook(noting(log, "pre"), with_kwargs=True),
    "pre that changes": lambda m, log: m.register_forward_pre_hook(noting(log, "pre", (X * 3,))),
    "after": lambda m, log: m.register_forward_hook(noting(log, "after")),
    "after with names": lambda m, log: m.register_forward_hook(noting(log, "after"), with_kwargs=True),
    "after that changes": lambda m, log: m.register_forward_hook(noting(log, "after", WITH_GRADIENT)),
    "after always": lambda m, log: m.register_forward_hook(noting(log, "after"), always_call=True),
    "backward": lambda m, log: m.register_full_backward_hook(noting(log, "backward")),
    "backward pre": lambda m, log: m.register_full_backward_pre_hook(noting(log, "backward pre")),
}
GLOBAL: dict[str, Callable[[Log], Any]] = {
    "global pre": lambda log: torch_module.register_module_forward_pre_hook(noting(log, "pre")),
    "global after": lambda log: torch_module.register_module_forward_hook(noting(log, "after")),
    "global after always": lambda log: torch_module.register_module_forward_hook(
        noting(log, "after"), always_call=True
    ),
    "global backward": lambda log: torch_module.register_module_full_backward_hook(noting(log, "backward")),
    "global backward pre": lambda log: torch_module.register_module_full_backward_pre_hook(
        noting(log, "backward pre")
    ),
}


@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
@pytest.mark.parametrize("kind", REGISTER)
def test_hooks_of_a_module(kind: str, fails: bool) -> None:
    def act(log: Log) -> Any:
        leaf = Leaf(fails)
        model = tower(leaf)
        REGISTER[kind](leaf, log)
        REGISTER[kind](model[0], log)
        x = X.clone().requires_grad_()
        model(x).sum().backward()
        return [x.grad, leaf.weight.grad]

    _, log, text = unchanged(act)
    silent = ("after", "after with names", "after that changes", "backward", "backward pre")
    assert log or (fails and kind in silent)
    assert fails == bool(text)


@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
@pytest.mark.parametrize("kind", GLOBAL)
def test_hooks_of_all_modules(kind: str, fails: bool) -> None:
    def act(log: Log) -> Any:
        leaf = Leaf(fails)
        model = tower(leaf)
        handle = GLOBAL[kind](log)
        try:
            x = X.clone().requires_grad_()
            model(x).sum().backward()
        finally:
            handle.remove()
        return [x.grad, leaf.weight.grad]

    _, log, text = unchanged(act)
    # Four modules; with one that fails the backward hooks have nothing to run for.
    assert len({name for _, name, *_ in log}) == 3 or fails
    assert fails == bool(text)


def test_hooks_that_come_and_go_while_the_module_is_known() -> None:
    """The same module, so that the trace knows it; each kind added, removed, and there again."""
    leaf = Leaf()
    model = tower(leaf)

    def act(log: Log) -> Any:
        results = [model(X)]
        for register in REGISTER.values():
            handle = register(leaf, log)
            results.append(model(X))
            handle.remove()
            results.append(model(X))
        for everywhere in GLOBAL.values():
            handle = everywhere(log)
            results.append(model(X))
            handle.remove()
        return [result.detach() for result in [*results, model(X)]]

    _, log, _ = unchanged(act)
    # Seven of the nine own hooks run once forward, three of the five global ones for each of four modules.
    assert len(log) == 7 + 3 * 4


def test_hooks_added_and_removed_during_the_forward() -> None:
    class Changing(nn.Module):
        def __init__(self, log: Log) -> None:
            super().__init__()
            self.log = log
            self.leaf = Leaf()
            self.handles: list[Any] = []

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.log.append("forward")
            while self.handles:
                self.handles.pop().remove()
            # Too late for this call: torch has asked already.
            self.handles.append(self.register_forward_hook(noting(self.log, "own")))
            self.handles.append(self.leaf.register_forward_hook(noting(self.log, "leaf")))
            return self.leaf(x)

    def act(log: Log) -> Any:
        model = Changing(log)
        return [model(X).detach() for _ in range(3)]

    _, log, _ = unchanged(act)
    # At the first call it has no hook of its own; at the others torch goes on to those that it has by then.
    names = [entry if isinstance(entry, str) else entry[0] for entry in log]
    assert names == ["forward", "leaf", "forward", "leaf", "own", "forward", "leaf", "own"]


def test_a_hook_dictionary_that_is_replaced() -> None:
    leaf = Leaf()

    def act(log: Log) -> Any:
        results = [leaf(X)]
        leaf._forward_hooks = OrderedDict({0: noting(log, "own")})
        results.append(leaf(X))
        leaf._forward_hooks = OrderedDict()
        leaf.__dict__["_forward_pre_hooks"] = {0: noting(log, "pre")}
        results.append(leaf(X))
        leaf.__dict__["_forward_pre_hooks"] = OrderedDict()
        saved, torch_module._global_forward_hooks = torch_module._global_forward_hooks, OrderedDict()
        try:
            torch_module._global_forward_hooks[1] = noting(log, "global")
            results.append(leaf(X))
        finally:
            torch_module._global_forward_hooks = saved
        return [result.detach() for result in results]

    _, log, _ = unchanged(act)
    assert [name for name, *_ in log] == ["own", "pre", "global"]


@pytest.mark.parametrize("where", ["register_forward_pre_hook", "register_forward_hook"])
def test_an_exception_in_a_hook(where: str) -> None:
    def failing(*given: Any) -> None:
        raise LookupError("in a hook")

    def act(log: Log) -> Any:
        leaf = Leaf()
        getattr(leaf, where)(failing)
        return tower(leaf)(X)

    assert "in a hook" in unchanged(act)[2]


# --- tracebacks -------------------------------------------------------------------------------------


class Chained(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except LookupError as error:
            raise ValueError("second") from error


class Handling(Chained):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        except ValueError:
            return self.inner(torch.ones(3))


class Finally(Chained):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.inner(x)
        finally:
            nn.Identity()(x)
            with contextlib.suppress(LookupError):
                Leaf(fails=True)(x)


class Grouped(Chained):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        errors = []
        for _ in range(2):
            try:
                self.inner(x)
            except LookupError as error:
                errors.append(error)
        raise ExceptionGroup("several", errors)


class Again(Chained):
    """Raises one error object over and over, and raises it on."""

    error = LookupError("always the same")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            raise self.error.with_traceback(None)
        except LookupError as error:
            raise error


class Recursive(nn.Module):
    def forward(self, x: torch.Tensor, depth: int = 6) -> torch.Tensor:
        return self(x, depth - 1) if depth else x.nonsense


class Missing(nn.Module):
    @property
    def forward(self) -> Any:
        raise LookupError("no forward today")


FAILING: dict[str, Callable[[], nn.Module]] = {
    "forward": lambda: tower(Leaf(fails=True)),
    "raise from": lambda: tower(Chained(Above(Leaf(fails=True)))),
    "while handling": lambda: tower(Handling(Chained(Leaf(fails=True)))),
    "finally": lambda: tower(Finally(Above(Leaf(fails=True)))),
    "group": lambda: tower(Grouped(Above(Leaf(fails=True)))),
    "one object": lambda: tower(Again(Leaf())),
    "recursive": lambda: tower(Recursive()),
    "in torch": lambda: tower(nn.Linear(3, 3)),
    "too many arguments": lambda: nn.Sequential(Above(nn.Bilinear(1, 1, 1))),
    "forward cannot be had": lambda: tower(Missing()),
    "no forward": lambda: tower(nn.Module()),
    "no list": lambda: tower(nn.ModuleList([Leaf()])),
}


@pytest.mark.parametrize("options", [{}, {"limit": 7}, {"depth": 2}], ids=str)
@pytest.mark.parametrize("kind", FAILING)
def test_the_text_of_a_traceback(kind: str, options: dict[str, int]) -> None:
    model = FAILING[kind]()
    _, _, text = unchanged(lambda log: model(X), options)
    assert "_call_impl" in text
    assert "tracelab/recorder" not in text


def test_a_traceback_is_the_same_when_the_caller_gives_names() -> None:
    model = nn.Sequential(Above(Leaf()))
    leaf = model[0].inner
    for act in (lambda log: leaf(x=X, by="text"), lambda log: leaf(X, nothing=1), lambda log: leaf()):
        assert "_call_impl" in unchanged(act)[2]


def test_frames_of_a_traceback_hold_the_arguments_and_die_with_it() -> None:
    """Debuggers look into the frames; nothing else may keep them alive."""

    class Own(LookupError):
        pass

    class Raising(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise Own

    model = tower(Raising())
    gc.collect()
    gc.disable()
    try:
        with tracelab.trace():
            for _ in range(4):
                x = torch.ones(1, 2)
                watched = weakref.ref(x)
                try:
                    model(x)
                except Own as error:
                    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
                    inner = [
                        frame.f_locals.get("args") for frame in frames if "call_impl" in frame.f_code.co_name
                    ]
                    assert len(inner) == 8 and all(args[0] is x for args in inner)
                    died = weakref.ref(error)
                    del frames, inner
                del x
                assert (died(), watched()) == (None, None)
    finally:
        gc.enable()


def test_near_the_recursion_limit_the_error_stays_the_host_s_own() -> None:
    """The frames for the traceback need more room than the forward that failed."""
    used, frame = 0, sys._getframe()
    while frame is not None:
        used, frame = used + 1, frame.f_back
    leaf = Leaf(fails=True)

    def at(left: int) -> str:
        def down(more: int) -> None:
            if more <= 0:
                leaf(X)
            down(more - 1)

        try:
            down(sys.getrecursionlimit() - used - left - 4)
        except (RecursionError, LookupError) as error:
            return type(error).__name__
        raise AssertionError

    plain = [at(left) for left in range(40)]
    with tracelab.trace():
        traced = [at(left) for left in range(40)]
        traced = [at(left) for left in range(40)]
    # One frame more for the wrapper.
    assert plain.count("LookupError") - traced.count("LookupError") <= 1
    assert traced[-1] == "LookupError"


# --- classes and modules that do something of their own ---------------------------------------------


def overriding(name: str) -> type[nn.Module]:
    """A class that notes when its own `name` is asked."""

    class Own(Leaf):
        log: Log

    if name == "_call_impl":

        def _call_impl(self: Any, *args: Any, **kwargs: Any) -> Any:
            self.log.append(name)
            return nn.Module._call_impl(self, *args, **kwargs)

        Own._call_impl = _call_impl
    elif name == "__call__":

        def __call__(self: Any, *args: Any, **kwargs: Any) -> Any:
            self.log.append(name)
            return super(Own, self).__call__(*args, **kwargs)

        Own.__call__ = __call__
    elif name == "__getattribute__":

        def __getattribute__(self: Any, asked: str) -> Any:
            if asked in ("forward", "_forward_hooks", "_call_impl"):
                object.__getattribute__(self, "log").append(asked)
            return super(Own, self).__getattribute__(asked)

        Own.__getattribute__ = __getattribute__
    elif name == "__getattr__":

        def __getattr__(self: Any, asked: str) -> Any:
            self.__dict__["log"].append(asked)
            return super(Own, self).__getattr__(asked)

        Own.__getattr__ = __getattr__
    else:

        def get(self: Any) -> Any:
            self.__dict__["log"].append(name)
            return Leaf.forward.__get__(self) if name == "forward" else self.__dict__.get(name)

        # Where torch itself keeps it, so that nothing but the class tells.
        setattr(Own, name, property(get, lambda self, value: self.__dict__.__setitem__(name, value)))
    return Own


@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
@pytest.mark.parametrize(
    "name",
    [
        "_call_impl",
        "__call__",
        "__getattribute__",
        "__getattr__",
        "forward",
        "_compiled_call_impl",
        *torch_call.HOOKS,
    ],
)
def test_a_class_with_its_own(name: str, fails: bool) -> None:
    """What torch asks of it is asked under a trace, as often."""

    def act(log: Log) -> Any:
        cls = overriding(name)
        leaf = cls.__new__(cls)
        leaf.__dict__["log"] = []
        leaf.__init__(fails)
        leaf.__dict__["log"] = log
        log.clear()
        return tower(leaf)(X)

    _, log, text = unchanged(act)
    assert log or (fails and name == "__getattr__")  # asked for its weight only
    assert fails == bool(text)


def test_an_own_forward_of_an_instance() -> None:
    leaf = Leaf()

    def act(log: Log) -> Any:
        results = [leaf(X)]
        leaf.forward = lambda x: log.append("own") or x
        results.append(leaf(X))
        leaf.forward = functools.partial(Leaf.forward, leaf, by=7.0)
        results.append(leaf(X))
        del leaf.forward
        results.append(leaf(X))
        return results

    assert unchanged(act)[1] == ["own"]


def test_an_own_call_impl_of_an_instance() -> None:
    def act(log: Log) -> Any:
        leaf = Leaf()
        leaf._call_impl = lambda x: log.append("own") or x
        return [leaf(X), leaf(X)]

    assert unchanged(act)[1] == ["own", "own"]


def test_a_module_whose_init_was_left_out() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            pass

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    assert "AttributeError" in unchanged(lambda log: Bare()(X))[2]


@pytest.mark.internal_errors
def test_a_module_that_loses_its_hooks() -> None:
    """It was known as a plain one; then an attribute is gone.  Torch says so, and we count a fault."""
    leaf = Leaf()
    with tracelab.trace() as trace:
        assert torch.equal(leaf(X), leaf(X))
        del leaf._backward_hooks
        with pytest.raises(AttributeError, match="_backward_hooks"):
            leaf(X)
    assert [call.status for call in trace.calls][:2] == ["ok", "ok"]


# --- what torch makes of modules --------------------------------------------------------------------


def compiled_in_place(log: Log) -> Any:
    leaf = Leaf()
    model = tower(leaf)
    first = model(X)
    leaf.compile(backend="eager")
    second = model(X)
    leaf._compiled_call_impl = None
    return [first, second, model(X)]


def own_compiled(log: Log) -> Any:
    leaf = Leaf()
    results = [leaf(X)]
    leaf._compiled_call_impl = lambda *args, **kwargs: log.append("compiled") or X
    results.append(leaf(X))
    leaf._compiled_call_impl = None
    return [*results, leaf(X)]


def deep_copied(log: Log) -> Any:
    model = tower(Leaf())
    first = model(X)
    copied = copy.deepcopy(model)
    copied[0].inner.inner.weight.data += 1
    loaded = pickle.loads(pickle.dumps(copied))
    REGISTER["after"](loaded[0].inner, log)
    return [first, copied(X), loaded(X), model(X)]


def parametrized(log: Log) -> Any:
    model = tower(nn.Linear(2, 2))
    linear = model[0].inner.inner
    nn.init.constant_(linear.weight, 0.5)
    nn.init.constant_(linear.bias, 0.5)
    results = [model(X)]
    parametrizations.weight_norm(linear)
    results.append(model(X))
    parametrize.remove_parametrizations(linear, "weight")
    return [*results, model(X)]


def spectral(log: Log) -> Any:
    linear = nn.Linear(2, 2)
    nn.init.constant_(linear.weight, 0.5)
    nn.init.constant_(linear.bias, 0.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = nn.utils.spectral_norm(linear)  # by a forward hook of the old kind
        return [made(X) for _ in range(3)]


def symbolically_traced(log: Log) -> Any:
    model = tower(Leaf())
    first = model(X)
    graph = torch.fx.symbolic_trace(model)
    return [first, graph(X), graph.code, graph(X)]


def exported(log: Log) -> Any:
    model = tower(Leaf())
    first = model(X)
    program = torch.export.export(model, (X,))
    return [first, program.module()(X), program.graph_module.code]


def functional(log: Log) -> Any:
    model = tower(Leaf())
    weights = {name: weight * 2 for name, weight in model.state_dict().items()}
    return [model(X), torch.func.functional_call(model, weights, (X,)), model(X)]


def batched(log: Log) -> Any:
    model = tower(Leaf())
    return [torch.func.vmap(model)(torch.ones(3, 1, 2)), torch.func.jacrev(model)(X)]


def replicated(log: Log) -> Any:
    class Parallel(nn.Module):
        """As `DataParallel` does it: shallow copies that share the parameters."""

        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: torch.Tensor) -> Any:
            replicas = [self.module._replicate_for_data_parallel() for _ in range(2)]
            for replica in replicas:
                replica.weight = self.module.weight
            return [replica(x) for replica in replicas]

    return Parallel(Leaf())(X)


def lazily(log: Log) -> Any:
    lazy = nn.LazyLinear(2)
    results = lazy(X).shape, lazy(X).shape
    return [*results, type(lazy).__name__]


def checkpointed(log: Log) -> Any:
    from torch.utils.checkpoint import checkpoint

    leaf = Leaf()
    REGISTER["after"](leaf, log)
    x = X.clone().requires_grad_()
    checkpoint(tower(leaf), x, use_reentrant=False).sum().backward()
    return [x.grad, leaf.weight.grad]


MADE: list[Act] = [
    compiled_in_place,
    own_compiled,
    deep_copied,
    parametrized,
    spectral,
    symbolically_traced,
    exported,
    functional,
    batched,
    replicated,
    lazily,
    checkpointed,
]


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.(spectral|weight)_norm`:FutureWarning")
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.parametrizations:FutureWarning")
@pytest.mark.parametrize("act", MADE, ids=lambda act: act.__name__)
def test_what_torch_makes_of_a_module(act: Act) -> None:
    assert unchanged(act)[2] == ""


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_scripted_and_traced_modules() -> None:
    model = tower(Leaf())
    traced = torch.jit.trace(model, (X,))

    def act(log: Log) -> Any:
        return [traced(X), nn.Sequential(traced, Leaf())(X), torch.jit.trace(model, (X,))(X)]

    assert unchanged(act)[2] == ""


# --- a torch that asks something else ---------------------------------------------------------------


@contextlib.contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def seeing(log: Log) -> Callable[..., Any]:
    """A `_call_impl` of somebody else's."""
    genuine = nn.Module._call_impl

    def _call_impl(self: Any, *args: Any, **kwargs: Any) -> Any:
        log.append(type(self).__name__)
        return genuine(self, *args, **kwargs)

    return _call_impl


@pytest.mark.parametrize("known", [False, True], ids=["from the first trace on", "after a trace"])
def test_a_patched_call_impl_is_not_gone_round(known: bool) -> None:
    model = tower(Leaf())
    if known:
        with tracelab.trace():
            model(X)
    log: Log = []
    with patched(nn.Module, "_call_impl", seeing(log)), tracelab.trace() as trace:
        model(X)
    assert log == ["Sequential", "Above", "Above", "Leaf"]
    assert trace.recorded == 4
    with tracelab.trace():
        model(X)
    assert len(log) == 4


def test_a_call_impl_patched_during_a_trace_is_seen_by_classes_that_were_not_called_yet() -> None:
    log: Log = []
    with tracelab.trace(), patched(nn.Module, "_call_impl", seeing(log)):
        tower(Leaf())(X)
    assert log == ["Sequential", "Above", "Above", "Leaf"]


@pytest.mark.parametrize("where", ["Module", "class", "instance"])
def test_a_call_impl_patched_during_a_trace_is_seen_by_modules_that_are_known(where: str) -> None:
    class Known(Leaf):
        pass

    leaf = Known()
    owner: Any = {"Module": nn.Module, "class": Known, "instance": leaf}[where]
    with tracelab.trace() as trace:
        expected = [leaf(X) for _ in range(3)]
        log: Log = []
        mine = seeing(log)
        with contextlib.ExitStack() as stack:
            if where == "Module":
                stack.enter_context(patched(owner, "_call_impl", mine))
            else:
                owner._call_impl = mine if where == "class" else functools.partial(mine, leaf)
                stack.callback(delattr, owner, "_call_impl")
            assert torch.equal(leaf(X), expected[0])
            assert log == ["Known"]
        assert torch.equal(leaf(X), expected[0])
        assert log == ["Known"]
    assert trace.recorded == 5
    assert trace.complete


def test_a_global_hook_registered_by_a_forward_that_fails_is_called_for_no_module_of_ours() -> None:
    seen: list[str] = []

    class Registering(nn.Module):
        handle: Any = None

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.handle is not None:
                self.handle.remove()
            self.handle = register_module_forward_pre_hook(
                lambda module, _: seen.append(type(module).__name__)
            )
            raise LookupError("after the hook was registered")

    def once() -> tuple[str, list[str]]:
        model = Registering()
        del seen[:]
        try:
            model(X)
        except LookupError:
            text = traceback.format_exc()
        model.handle.remove()
        return text, list(seen)

    plain = once()
    with tracelab.trace() as trace:
        assert [once() for _ in range(4)] == [plain] * 4
    assert plain[1] == []
    assert trace.internal_errors == 0


ASKS_MORE = """
def _call_impl(self, *args, **kwargs):
    forward_call = self._slow_forward if torch._C._get_tracing_state() else self.forward
    if hasattr(self, "_new_hooks"):
        raise NotImplementedError
    return forward_call(*args, **kwargs)
"""
ASKS_LESS = """
def _call_impl(self, *args, **kwargs):
    return self.forward(*args, **kwargs)
"""
ASKS_IN_ANOTHER_WAY = """
def _call_impl(self, *args, **kwargs):
    if not self._forward_hooks or self._backward_hooks:
        return self.forward(*args, **kwargs)
"""
CALLS_ANOTHER = """
def _wrapped_call_impl(self, *args, **kwargs):
    self._compiled_call_impl, self._new_hooks = None, ()
    return self._call_impl(*args, **kwargs)
"""
CALLS_AT_ONCE = """
def _wrapped_call_impl(self, *args, **kwargs):
    return self._call_impl(*args, **kwargs)
"""


@pytest.mark.parametrize(
    "text",
    [ASKS_MORE, ASKS_LESS, ASKS_IN_ANOTHER_WAY, CALLS_ANOTHER, CALLS_AT_ONCE],
    ids=["more", "less", "in another way", "calls another", "calls at once"],
)
def test_a_torch_that_asks_something_else_is_called_as_it_is(text: str) -> None:
    space: dict[str, Any] = {"torch": torch}
    exec(text, space)
    name = text.split()[1].partition("(")[0]
    call = space.get("_wrapped_call_impl", nn.Module.__call__)
    with patched(nn.Module, name, space[name]):
        target = Target("module", "forward", call, nn.Module, "__call__", by_object=True)
        wrap(target)
        assert target.impl is None
        assert not torch_call.is_usual(Leaf, target.impl)


def test_the_torch_that_is_installed_is_known() -> None:
    target = Target("module", "forward", nn.Module.__call__, nn.Module, "__call__", by_object=True)
    wrap(target)
    assert target.impl is nn.Module._call_impl
    assert torch_call.is_usual(Leaf, target.impl)
    assert torch_call.is_plain(Leaf())


def test_torch_s_own_frames_are_left_out_for_plain_modules_and_there_for_others() -> None:
    """This is what is gained: a forward that looks up its stack sees two frames less."""
    stacks: list[list[str]] = []

    class Looking(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            frame, names = sys._getframe(1), []
            for _ in range(3):
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            stacks.append(names)
            return x

    plain, hooked = Looking(), Looking()
    hooked.register_forward_hook(noting([], ""))
    with tracelab.trace():
        plain(X)
        hooked(X)
    assert "_call_impl" not in stacks[0]
    assert "_call_impl" in stacks[1] or "inner" in stacks[1]
