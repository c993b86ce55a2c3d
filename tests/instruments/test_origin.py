"""Which code really ran: the `def` line through every decorator, held against the source itself."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MethodType
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import nn

import tracelab
from tracelab.describe import file_name
from tracelab.instruments.origin import Origin, origin, peel

MODELS = ("whisper", "llama", "bert", "t5", "gpt2", "mixtral", "mamba", "vit", "clip", "wav2vec2", "qwen2_vl")


def forwards(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(class, forward) of every class at the top of a source file."""
    for found in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(found, ast.ClassDef):
            for inner in found.body:
                if isinstance(inner, ast.FunctionDef) and inner.name == "forward":
                    yield found.name, inner


@pytest.mark.parametrize("name", MODELS)
def test_every_forward_of_the_library_names_its_def_line(name: str) -> None:
    module = importlib.import_module(f"transformers.models.{name}.modeling_{name}")
    path = Path(inspect.getsourcefile(module) or "")
    decorated = 0
    for owner, written in forwards(path):
        found = origin(vars(vars(module)[owner])["forward"], owner, "forward")
        decorated += bool(written.decorator_list)
        assert (found.defined_in, found.file, found.line) == (owner, file_name(str(path)), written.lineno)
        arguments = [argument.arg for argument in (*written.args.posonlyargs, *written.args.args)]
        assert list(found.parameters) == arguments[1:]
        assert found.varargs == (written.args.vararg.arg if written.args.vararg else None)
    assert decorated, "a file without a decorated forward tests nothing"


def deco(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def with_options(*options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return deco


class Written:
    def plain(self, x: int, /, y: int, *rest: int, z: int = 0, **more: int) -> None: ...

    @deco
    @with_options(
        "def plain(self):",
        lambda plain: plain,
    )
    @deco
    def decorated(self, x: int) -> None: ...

    @staticmethod
    @deco
    def fixed(x: int) -> None: ...

    @classmethod
    def named(cls, x: int) -> None: ...

    @property
    def lazily(self) -> Any: ...

    @deco
    async def later(self, x: int) -> None: ...

    several = lambda self, x: x  # noqa: E731


def line_of(text: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    (found,) = [at for at, line in enumerate(lines, 1) if line.strip().startswith(text)]
    return found


@pytest.mark.parametrize(
    ("name", "start", "parameters"),
    [
        ("plain", "def plain(self, x", ("x", "y")),
        ("decorated", "def decorated(", ("x",)),
        ("named", "def named(", ("x",)),
        ("later", "async def later(", ("x",)),
        ("lazily", "def lazily(", ()),
        ("several", "several = lambda", ("x",)),
    ],
)
def test_the_def_line(name: str, start: str, parameters: tuple[str, ...]) -> None:
    found = origin(vars(Written)[name], "Owner", name)
    assert (found.defined_in, found.function) == ("Written", name)
    assert (found.file, found.line) == (file_name(__file__), line_of(start))
    assert found.parameters == parameters


def test_a_static_method_has_no_self() -> None:
    assert origin(vars(Written)["fixed"], "Owner", "fixed", bound=False).parameters == ("x",)


def test_varargs() -> None:
    assert origin(Written.plain, "Owner", "plain").varargs == "rest"
    assert origin(Written.named, "Owner", "named").varargs is None


def test_a_function_of_a_module_is_defined_in_the_module() -> None:
    assert origin(line_of, "Owner", "line_of", bound=False).defined_in == __name__

    def local() -> None: ...

    assert origin(local, "Owner", "local", bound=False).defined_in == __name__


@pytest.mark.parametrize(
    "wrapped",
    [
        Written().plain,
        functools.partial(Written.plain),
        functools.partial(functools.partial(Written().plain, 1), 2),
        MethodType(Written.plain, Written()),
        deco(deco(Written.plain)),
        staticmethod(Written.plain),
    ],
)
def test_peeling(wrapped: Any) -> None:
    assert peel(wrapped) is Written.plain


def test_decorators_that_wrap_themselves_end() -> None:
    def loop() -> None: ...

    loop.__wrapped__ = loop
    assert origin(loop, "Owner", "loop").line is not None


@pytest.mark.parametrize("odd", [len, torch.relu, MagicMock(), object(), None, type], ids=repr)
def test_what_has_no_python_code_has_no_line(odd: Any) -> None:
    assert origin(odd, "Owner", "name") == Origin("Owner", "name")


def test_code_without_a_file() -> None:
    names: dict[str, Any] = {"__name__": "console"}
    exec("@print_nothing\ndef made(x):\n    return x", {"print_nothing": lambda f: f}, names)
    found = origin(names["made"], "Owner", "made", bound=False)
    assert (found.file, found.line, found.parameters) == ("<string>", 1, ("x",))


class Unreadable:
    """A callable that answers no question about itself."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)

    def __call__(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    "forward",
    [Unreadable(), MagicMock(return_value=3), torch.relu, len],
    ids=["unreadable", "mock", "relu", "len"],
)
def test_an_odd_forward_on_an_instance_is_recorded_without_a_line(forward: Any) -> None:
    model = nn.Identity()
    model.forward = forward
    x = torch.ones(2)
    expected = model(x)
    with tracelab.trace() as trace:
        found = model(x)
    assert torch.equal(torch.as_tensor(found), torch.as_tensor(expected))
    assert [(call.name, call.file, call.line) for call in trace.calls] == [("Identity.forward", None, None)]
    assert trace.internal_errors == 0


def test_a_forward_replaced_on_the_instance_is_the_one_that_ran() -> None:
    def replaced(x: torch.Tensor, extra: int = 0) -> torch.Tensor:
        return x

    model = nn.Linear(2, 2)
    model.forward = replaced
    with tracelab.trace() as trace:
        model(torch.ones(2))
    call = trace.calls[0]
    assert (call.owner, call.file, call.line) == ("Linear", file_name(__file__), line_of("def replaced("))


def test_an_inherited_forward_names_the_class_that_wrote_it() -> None:
    class Base(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    class Heir(Base):
        pass

    with tracelab.trace() as trace:
        Heir()(torch.ones(1))
    assert (trace.calls[0].owner, trace.calls[0].defined_in) == ("Heir", "Base")


def test_positional_arguments_of_a_replaced_forward_have_its_names() -> None:
    class Model(nn.Module):
        pass

    def replacement(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return first + second

    model = Model()
    model.forward = replacement
    with tracelab.trace() as trace:
        model(torch.ones(1), torch.ones(1))
    assert list(trace.calls[0].inputs) == ["first", "second"]
