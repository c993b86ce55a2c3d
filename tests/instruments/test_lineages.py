"""What is kept of why a callee runs what it runs: checked against inspect, ast and the source itself."""

from __future__ import annotations

import functools
import gc
import inspect
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tests.models import ZOO
from tracelab.calls import Call, Trace
from tracelab.describe import file_name
from tracelab.events import Layer, Lineage
from tracelab.instruments.callinglines import calling_lines, inner_calling_lines, lines_that_hand_on

X = torch.ones(1, 2)


def recorded(*calls: Any) -> Trace:
    with torch.no_grad(), tracelab.trace() as trace:
        for call in calls:
            call(X)
    assert trace.internal_errors == 0
    return trace


def lineage(call: Call) -> Lineage:
    found = call.site.lineage
    assert found is not None
    return call._trace.columns.lineages[found]


def of(module: Any) -> Lineage:
    return lineage(recorded(module).calls[0])


def text(layer: Layer) -> list[str]:
    """The lines that call on, without what stands around them."""
    lines = Path(layer.file or "").expanduser().read_text(encoding="utf-8").splitlines()
    return [lines[number - 1].strip() for number in layer.calls]


# --- torch's own way --------------------------------------------------------------------------------


def test_the_way_of_a_module_is_torch_s() -> None:
    first, second = of(nn.Linear(2, 2)).layers
    assert (first.function, second.function) == ("Module.__call__", "Module._call_impl")
    for layer, function in ((first, nn.Module._wrapped_call_impl), (second, nn.Module._call_impl)):
        assert layer.file == file_name(inspect.getsourcefile(function) or "")
        assert layer.line == inspect.getsourcelines(function)[1]
    assert text(first) == ["return self._call_impl(*args, **kwargs)"]
    assert text(second) == ["return forward_call(*args, **kwargs)"]


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_with_hooks_another_line_calls_forward(register: str) -> None:
    module = nn.Linear(2, 2)
    getattr(module, register)(lambda *given: None)
    hooked, plain = map(lineage, recorded(module, nn.Linear(2, 2)).calls)
    assert text(hooked.layers[1]) == ["result = forward_call(*args, **kwargs)"]
    assert text(plain.layers[1]) == ["return forward_call(*args, **kwargs)"]


def test_hooks_of_all_modules_count_too() -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda *given: None)
    try:
        assert text(of(nn.Linear(2, 2)).layers[1]) == ["result = forward_call(*args, **kwargs)"]
    finally:
        handle.remove()


def test_a_call_of_one_s_own_stands_before_torch_s() -> None:
    class Relay(nn.Module):
        def __call__(self, *args: Any) -> Any:
            return super().__call__(*args)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    layers = of(Relay()).layers
    assert layers[0].function.endswith("Relay.__call__")
    assert text(layers[0]) == ["return super().__call__(*args)"]
    assert [layer.function for layer in layers[1:]] == ["Module.__call__", "Module._call_impl"]


# --- the MRO ----------------------------------------------------------------------------------------


class Plain(nn.Module):
    def forward(self, x: torch.Tensor, *, scale: int = 1, **more: Any) -> torch.Tensor:
        return x * scale


class Heir(Plain):
    pass


class Mixed(Heir):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)


@pytest.mark.parametrize("cls", [Plain, Heir, Mixed, nn.Linear, nn.ReLU])
def test_the_mro_and_who_has_forward(cls: type[nn.Module]) -> None:
    found = of(cls(2, 2) if cls is nn.Linear else cls())
    expected = [above for above in cls.__mro__ if above is not object]
    assert [(level.name, level.module) for level in found.classes] == [
        (above.__name__, above.__module__) for above in expected
    ]
    assert [level.has_it for level in found.classes] == ["forward" in vars(above) for above in expected]
    for level, above in zip(found.classes, expected, strict=True):
        if level.has_it:
            assert level.line == inspect.getsourcelines(vars(above)["forward"])[1]
    assert found.ran == next(number for number, level in enumerate(found.classes) if level.has_it)


def test_names_only_and_all_other_names() -> None:
    found = of(Plain())
    assert (found.keywords, found.kwargs) == (("scale",), "more")
    assert (of(Mixed()).keywords, of(Mixed()).kwargs) == ((), None)


def test_super_is_seen_in_the_class_that_gave_the_method() -> None:
    class Below(nn.Module):
        def generate(self, x: Any) -> Any:
            return x

    class Above(Below):
        def generate(self, x: Any) -> Any:
            return super().generate(x)

    outer, inner = map(lineage, recorded(lambda x: Above().generate(x)).calls)
    assert (outer.classes[0].name, outer.ran, inner.ran) == ("Above", 0, 1)
    assert outer.classes == inner.classes


# --- what hangs on the object -----------------------------------------------------------------------


def test_a_forward_of_the_object_s_own() -> None:
    module = nn.Linear(2, 2)
    inner = module.forward
    module.forward = lambda x: inner(x)  # type: ignore[method-assign]
    found = of(module)
    assert (found.own, found.ran, len(found.layers)) == (True, None, 2)


def test_what_accelerate_hangs_there() -> None:
    hooks = pytest.importorskip("accelerate.hooks")
    module = nn.Linear(2, 2)
    hooks.add_hook_to_module(module, hooks.ModelHook())
    found = of(module)
    assert found.own and found.layers[-1].function == "add_hook_to_module.new_forward"
    assert set(text(found.layers[-1])) == {"output = module._old_forward(*args, **kwargs)"}


# --- decorators -------------------------------------------------------------------------------------


def loud(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return function(
                *args,
                **kwargs,
            )
        return function(*args)

    return wrapper


def handing(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        def later() -> Any:
            return function(*args)

        return later()

    return wrapper


def lazy(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return functools.partial(function, *args)()

    return wrapper


class Decorated(nn.Module):
    @torch.no_grad()
    @loud
    @handing
    @lazy
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_decorators_outermost_first_with_the_lines_that_call_on() -> None:
    layers = of(Decorated()).layers[2:]
    names = ["context_decorator.decorate_context", "loud.wrapper", "handing.wrapper", "lazy.wrapper"]
    assert [layer.function for layer in layers] == names
    assert list(map(text, layers)) == [
        ["return func(*args, **kwargs)"],
        ["return function(", "return function(*args)"],
        ["return function(*args)"],
        ["return functools.partial(function, *args)()"],
    ]


def test_every_layer_of_real_models_names_a_line_that_calls() -> None:
    for name in ("llama", "t5", "mixtral", "bert"):
        model = ZOO[name].build()
        with torch.no_grad(), tracelab.trace() as trace:
            model(**ZOO[name].inputs())
        assert trace.columns.lineages
        for one in trace.columns.lineages:
            for layer in one.layers:
                assert layer.calls and all("(" in line for line in text(layer)), layer


# --- lines from bytecode ----------------------------------------------------------------------------


def sample(function: Any, other: Any) -> Any:
    function.attribute(1)
    other(function)
    first = type(other).function
    found = [function(each) for each in (1, 2)] if first else other.function(2)
    return function(found)(*found)


def test_only_lines_that_call_the_name_are_named() -> None:
    begin = sample.__code__.co_firstlineno
    inner = {begin + 4}  # a comprehension is a function of its own before 3.12
    named = set(calling_lines(sample.__code__, "function")) | set(
        inner_calling_lines(sample.__code__, "function")
    )
    assert named - inner == {begin + 5}
    assert calling_lines(sample.__code__, "function", attribute=True) == (begin + 4,)
    assert calling_lines(sample.__code__, "other") == (begin + 2,)
    assert calling_lines(sample.__code__, "nobody") == ()
    assert lines_that_hand_on(sample.__code__) == (begin + 5,)


def test_code_that_somebody_has_changed_names_no_line() -> None:
    broken = sample.__code__.replace(co_names=(), co_code=b"\x74\xff" * 4)  # a global without a name
    assert calling_lines(broken, "function") == ()


def test_copies_of_a_file_are_told_apart(tmp_path: Path) -> None:
    """Codes of two files are equal, and in Python 3.11 also those whose bodies have other lines."""
    sources = ["class A(nn.Module):\n    def forward(self, x):\n        x = x\n        return x\n"] * 2
    sources.append(sources[0].replace("        return", "\n\n        return"))
    modules = []
    for number, source in enumerate(sources):
        path = tmp_path / f"copy{number}.py"
        path.write_text(f"from torch import nn\n{source}")
        known: dict[str, Any] = {"__name__": f"copy{number}"}
        exec(compile(path.read_text(), str(path), "exec"), known)
        modules.append(known["A"]())
    trace = recorded(*modules)
    assert [Path(call.file or "").name for call in trace.calls] == ["copy0.py", "copy1.py", "copy2.py"]
    assert [Path(lineage(call).classes[0].file or "").name for call in trace.calls] == [
        "copy0.py",
        "copy1.py",
        "copy2.py",
    ]


# --- odd forwards, and nothing is kept --------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_forwards_that_are_no_functions() -> None:
    class Partial(nn.Module):
        forward = functools.partial(lambda x: x)

    class Builtin(nn.Module):
        forward = staticmethod(len)

    class Property(nn.Module):
        @property
        def forward(self) -> Any:  # type: ignore[override]
            return lambda x: x

    for module in (Partial(), Builtin(), Property(), torch.jit.script(nn.Linear(2, 2))):
        trace = recorded(module)
        assert str(trace.calls[0].why()).startswith("Why ")


def test_a_class_and_its_wrappers_can_die() -> None:
    class Mortal(nn.Module):
        @loud
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    trace = recorded(Mortal())
    gone = weakref.ref(Mortal)
    del Mortal
    gc.collect()
    assert gone() is None
    assert lineage(trace.calls[0]).classes[0].name == "Mortal"
