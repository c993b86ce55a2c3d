"""Cutting in and leaving no mark: every way in, every way out, other people's patches."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from tracelab.patching import Patch, Patches, PatchPoint


def passing(original: Any) -> Any:
    """A wrapper that only calls what it stands in for."""

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    return wrapper


class Base:
    def plain(self) -> str:
        return "plain"

    @staticmethod
    def fixed(word: str) -> str:
        return f"fixed {word}"

    @classmethod
    def named(cls) -> str:
        return cls.__name__

    def __call__(self) -> str:
        return "called"


class Derived(Base):
    pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A loaded module with one function and one class."""
    module = ModuleType("tracelab_test_library")
    module.Base = Base
    module.function = lambda: "function"
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


# --- points -----------------------------------------------------------------------------------------


def test_a_point_is_resolved_among_loaded_modules_only(library: ModuleType) -> None:
    assert PatchPoint("tracelab_test_library:Base").resolve() is Base
    assert PatchPoint("tracelab_test_library:Base.plain").resolve() is Base.plain
    assert PatchPoint("tracelab_test_library").resolve() is library
    assert PatchPoint("tracelab_test_library:Base.plain").module == "tracelab_test_library"


@pytest.mark.parametrize(
    "target",
    [
        "not_loaded_anywhere:Class.method",
        "tracelab_test_library:Nobody",
        "tracelab_test_library:Nobody.method",
        "tracelab_test_library:Base.nothing",
    ],
)
def test_what_does_not_exist_resolves_to_none(library: ModuleType, target: str) -> None:
    assert PatchPoint(target).resolve() is None
    assert "not_loaded_anywhere" not in sys.modules


# --- in and out -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "fixed", "named", "__call__"])
def test_every_kind_of_method_works_when_patched_and_comes_back_identical(name: str) -> None:
    before = vars(Base)[name]
    patches = Patches()
    patches.own(Base, name, passing)
    assert vars(Base)[name] is not before
    assert type(vars(Base)[name]) is type(before)
    assert Base().plain() == "plain"
    assert Base.fixed("x") == Base().fixed("x") == "fixed x"
    assert (Base.named(), Derived.named(), Derived().named()) == ("Base", "Derived", "Derived")
    assert Base()() == "called"
    patches.undo_all()
    assert vars(Base)[name] is before
    assert len(patches) == 0


def test_an_inherited_attribute_is_not_patched_on_the_heir() -> None:
    before = dict(vars(Derived))
    patches = Patches()
    patches.own(Derived, "plain", passing)
    patches.own(Derived, "no_such_thing", passing)
    assert len(patches) == 0
    assert dict(vars(Derived)) == before


def test_an_added_attribute_is_deleted_again() -> None:
    patches = Patches()
    value = classmethod(lambda cls: "added")
    patches.add(Derived, "plain", value)
    assert vars(Derived)["plain"] is value
    patches.undo_all()
    assert "plain" not in vars(Derived)
    assert Derived().plain() == "plain"


def test_patching_a_place_twice_is_patching_it_once() -> None:
    before = vars(Base)["plain"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    first = vars(Base)["plain"]
    patches.own(Base, "plain", passing)
    assert vars(Base)["plain"] is first
    assert len(patches) == 1
    patches.undo_all()
    assert vars(Base)["plain"] is before


def test_a_module_function_is_patched_and_restored(library: ModuleType) -> None:
    before = library.function
    patches = Patches()
    patches.own(library, "function", passing)
    assert library.function is not before
    assert library.function() == "function"
    patches.undo_all()
    assert library.function is before


def test_signature_and_name_stay_readable() -> None:
    before = inspect.signature(Base.fixed)
    patches = Patches()
    patches.own(Base, "fixed", passing)
    assert inspect.signature(Base.fixed) == before
    assert Base.fixed.__qualname__ == "Base.fixed"
    patches.undo_all()


# --- other people's patches -------------------------------------------------------------------------


def foreign(self: Any) -> str:
    return "foreign"


def test_a_foreign_patch_on_top_of_ours_stays() -> None:
    original = vars(Base)["plain"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    Base.plain = foreign
    try:
        patches.undo_all()
        assert vars(Base)["plain"] is foreign
    finally:
        Base.plain = original


def test_an_attribute_that_somebody_deleted_stays_deleted() -> None:
    class Victim:
        def go(self) -> None: ...

    patches = Patches()
    patches.own(Victim, "go", passing)
    del Victim.go
    patches.undo_all()
    assert "go" not in vars(Victim)


def test_lifting_takes_the_patches_of_one_holder_away_for_a_moment() -> None:
    original, call = vars(Base)["plain"], vars(Base)["__call__"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    patches.own(Base, "__call__", passing)
    patches.add(Derived, "plain", foreign)
    ours = vars(Base)["plain"]
    with pytest.raises(ZeroDivisionError), patches.lifted(Base):
        assert (vars(Base)["plain"], vars(Base)["__call__"]) == (original, call)
        assert vars(Derived)["plain"] is foreign
        raise ZeroDivisionError
    assert vars(Base)["plain"] is ours
    patches.undo_all()
    assert (vars(Base)["plain"], vars(Base)["__call__"]) == (original, call)


def test_a_trace_that_ends_while_its_patches_are_lifted_leaves_nothing() -> None:
    """`import torch._dynamo` takes seconds: another thread may end the last trace meanwhile."""
    original = vars(Base)["plain"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    try:
        with patches.lifted(Base):
            patches.undo_all()
        assert vars(Base)["plain"] is original
    finally:
        Base.plain = original


def test_lifting_does_not_overwrite_a_foreign_patch() -> None:
    original = vars(Base)["plain"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    Base.plain = foreign
    try:
        with patches.lifted(Base):
            assert vars(Base)["plain"] is foreign
        assert vars(Base)["plain"] is foreign
        patches.undo_all()
    finally:
        Base.plain = original


def test_one_holder_that_refuses_does_not_keep_the_others_patched() -> None:
    class Stubborn(type):
        closed = False

        def __setattr__(cls, name: str, value: Any) -> None:
            if Stubborn.closed:
                raise AttributeError("closed")
            super().__setattr__(name, value)

    class Refusing(metaclass=Stubborn):
        def go(self) -> None: ...

    original = vars(Base)["plain"]
    patches = Patches()
    patches.own(Base, "plain", passing)
    patches.own(Refusing, "go", passing)
    Stubborn.closed = True
    patches.undo_all()
    assert vars(Base)["plain"] is original
    assert len(patches) == 0


# --- interrupts and threads -------------------------------------------------------------------------


def test_an_interrupt_between_record_and_patch_leaves_a_harmless_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = vars(Base)["plain"]
    patches = Patches()

    def interrupted(self: Patch) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Patch, "apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        patches.own(Base, "plain", passing)
    assert len(patches) == 1
    patches.undo_all()
    assert vars(Base)["plain"] is original


def test_undo_can_be_repeated_after_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: vars(Base)[name] for name in ("plain", "fixed", "named")}
    patches = Patches()
    for name in before:
        patches.own(Base, name, passing)
    undo, done = Patch.undo, []

    def interrupted(self: Patch) -> None:
        undo(self)
        done.append(self.name)
        if len(done) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Patch, "undo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        patches.undo_all()
    patches.undo_all()
    assert {name: vars(Base)[name] for name in before} == before
    # The last patch first; the interrupted one is undone again, which changes nothing.
    assert done == ["named", "fixed", "fixed", "plain"]


def test_a_thread_that_waits_for_the_lock_does_not_take_our_wrapper_for_the_original() -> None:
    """A class made in one thread, and a trace that ends in another, meet at the same attribute."""
    original = vars(Base)["plain"]
    patches = Patches()
    asked = threading.Event()

    def patch_too() -> None:
        asked.set()
        patches.own(Base, "plain", passing)

    other = threading.Thread(target=patch_too)

    def meet() -> None:
        patches.own(Base, "plain", passing)
        other.start()
        asked.wait(5)
        other.join(0.05)  # by now it waits for its turn
        patches.undo_all()

    try:
        patches.turns.take(meet)
        other.join(5)
        assert Base().plain() == "plain"
        patches.undo_all()
        assert vars(Base)["plain"] is original
    finally:
        Base.plain = original
