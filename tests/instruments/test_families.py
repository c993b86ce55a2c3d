"""Families: every class that defines a method is patched, old or new, and nothing else changes."""

from __future__ import annotations

import abc
import gc
import importlib
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

import tracelab
from tracelab.instruments import FAMILIES, Family
from tracelab.instruments.families import Families, can_wrap, subclasses_of
from tracelab.patching import Patches, PatchPoint

X = torch.ones(1, 2)


class Base:
    def go(self) -> str:
        return "base"

    def _prepare_one(self) -> str:
        return "one"

    _prepare_setting = "no method"


class Heir(Base):
    def go(self) -> str:
        return f"heir of {super().go()}"

    @staticmethod
    def fixed() -> str:
        return "fixed"


class Quiet(Base):
    pass


def test_methods_of_a_family() -> None:
    family = Family("x:Base", ("go", "fixed", "_prepare_*", "absent"))
    assert family.methods_of(Base) == ["go", "_prepare_one"]
    assert family.methods_of(Heir) == ["go", "fixed"]
    assert family.methods_of(Quiet) == []


def test_subclasses_are_found_once() -> None:
    class Left(Base): ...

    class Right(Base): ...

    class Both(Left, Right): ...

    found = list(subclasses_of(Base))
    assert {Heir, Quiet, Left, Right, Both} <= set(found)
    assert len(found) == len(set(found))
    del Left, Right, Both, found
    gc.collect()


@pytest.fixture
def attached() -> Iterator[Families]:
    patches = Patches()
    families = Families(patches, (Family(f"{__name__}:Base", ("go",)),))
    families.attach()
    yield families
    families.forget()
    patches.undo_all()
    assert "__init_subclass__" not in vars(Base)


def test_attaching_twice_is_attaching_once(attached: Families) -> None:
    wrapper = vars(Base)["go"]
    attached.attach()
    assert vars(Base)["go"] is wrapper
    assert Heir().go() == "heir of base"


def test_a_class_made_later_is_patched(attached: Families) -> None:
    class Late(Base):
        def go(self) -> str:
            return "late"

    class Later(Late):
        def go(self) -> str:
            return "later"

    for cls in (Late, Later):
        assert vars(cls)["go"].__wrapped__.__code__.co_filename == __file__
    assert (Late().go(), Later().go()) == ("late", "later")


def test_a_class_without_the_method_gets_nothing(attached: Families) -> None:
    class Late(Base):
        pass

    assert "go" not in vars(Late)
    assert Late().go() == "base"


# --- the host's own `__init_subclass__` -------------------------------------------------------------


class Registering(nn.Module):
    names: list[str] = []  # noqa: RUF012

    def __init_subclass__(cls, *, label: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        Registering.names.append(f"{cls.__name__}:{label}")


class Deaf(nn.Module):
    def __init_subclass__(cls) -> None:
        """Tells nobody above."""


def test_classes_made_during_a_trace_go_through_the_host_s_own_hook() -> None:
    Registering.names.clear()
    with tracelab.trace():

        class One(Registering, label="x"):
            pass

        class Two(One):
            pass

    assert Registering.names == ["One:x", "Two:"]


def test_a_deaf_class_can_be_subclassed() -> None:
    with tracelab.trace() as trace:

        class Heir(Deaf):
            def generate(self) -> int:
                return 1

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return x

        assert Heir().generate() == 1
        Heir()(X)
    assert trace.count("Heir.forward") == 1


@pytest.mark.parametrize("base", [nn.Module, object], ids=["module", "object"])
def test_wrong_class_options_fail_as_they_do_without_a_trace(base: type) -> None:
    def make() -> tuple[str, list[str]]:
        with pytest.raises(TypeError) as caught:
            type("Wrong", (base,), {}, option=1)
        return str(caught.value), [
            entry.filename for entry in traceback.extract_tb(caught.value.__traceback__)
        ]

    expected = make()
    with tracelab.trace():
        assert make() == expected


def test_abstract_classes_and_multiple_bases() -> None:
    with tracelab.trace() as trace:

        class Abstract(nn.Module, abc.ABC):
            @abc.abstractmethod
            def generate(self) -> int: ...

        class Concrete(Abstract):
            def generate(self) -> int:
                return 1

        with pytest.raises(TypeError, match="abstract"):
            Abstract()
        assert Concrete().generate() == 1
    assert [call.name for call in trace.calls] == ["Concrete.generate"]


def test_generate_of_a_class_defined_during_the_trace() -> None:
    with tracelab.trace() as trace:

        class New(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = nn.Linear(2, 2)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return self.linear(x)

            def generate(self, x: torch.Tensor, steps: int = 1) -> torch.Tensor:
                return self(x)

        original = New.generate.__wrapped__
        New().generate(X, steps=1)
    assert New.generate is original
    assert [(call.name, call.path, call.root) for call in trace.calls] == [
        ("New.generate", "", "New"),
        ("New.forward", "", "New"),
        ("Linear.forward", "linear", "New"),
    ]
    assert list(trace.calls[0].inputs) == ["x", "steps"]


@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_static_and_class_methods_are_recorded_and_come_back_identical(kind: Callable[..., Any]) -> None:
    class Making(nn.Module):
        if kind is staticmethod:

            @staticmethod
            def generate(x: int) -> int:
                return x + 1
        else:

            @classmethod
            def generate(cls, x: int) -> int:
                return x + 1

    before = vars(Making)["generate"]
    with tracelab.trace(values=True) as trace:
        assert type(vars(Making)["generate"]) is kind
        assert Making.generate(1) == Making().generate(1) == 2
    assert vars(Making)["generate"] is before
    assert [call.name for call in trace.calls] == ["Making.generate"] * 2
    assert [list(call.inputs) for call in trace.calls] == [["x"], ["x"]]
    assert trace.calls[0].call_site is not None
    assert trace.calls[0].call_site.file == __file__


def test_the_families_of_the_house_exist_in_the_installed_libraries() -> None:
    """A renamed base class or method would silently be no longer traced."""
    for name in (
        "clip.modeling_clip",
        "whisper.feature_extraction_whisper",
    ):
        importlib.import_module(f"transformers.models.{name}")
    for family in FAMILIES:
        point = PatchPoint(family.base)
        importlib.import_module(point.module)
        base = point.resolve()
        if isinstance(base, ModuleType):
            assert all(can_wrap(vars(base).get(name)) for name in family.names), family.base
            continue
        assert isinstance(base, type), family.base
        classes = [base, *subclasses_of(base)] if family.subclasses else [base]
        assert any(family.methods_of(cls) for cls in classes), family.base
