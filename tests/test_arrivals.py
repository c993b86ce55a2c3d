"""Telling when a library is loaded: once, after its code ran, and without a mark on the module."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tracelab.arrivals import Watcher
from tracelab.describe import Describer
from tracelab.instruments import Attachment, Family, Sites
from tracelab.recorder import Recorder, active

Library = Callable[[str, str], str]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """Writes an importable module; everything is forgotten after the test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written: list[str] = []

    def write(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        written.append(name)
        return name

    yield write
    for name in written:
        sys.modules.pop(name, None)


@contextmanager
def watching(*names: str, **options: Any) -> Iterator[list[str]]:
    arrived: list[str] = []
    watcher = Watcher(names, arrived.append, **options)
    watcher.install()
    try:
        yield arrived
    finally:
        watcher.remove()


def test_a_watched_module_is_told_once_after_its_code_ran(library: Library) -> None:
    name = library("arrival_one", "complete = False\ncomplete = True\n")
    complete: list[bool] = []
    watcher = Watcher([name], lambda name: complete.append(sys.modules[name].complete))
    watcher.install()
    importlib.import_module(name)
    importlib.import_module(name)
    watcher.remove()
    assert complete == [True]


def test_other_modules_are_left_alone(library: Library) -> None:
    name = library("arrival_other", "")
    with watching("arrival_watched") as arrived:
        importlib.import_module(name)
        with pytest.raises(ModuleNotFoundError, match="arrival_watched"):
            importlib.import_module("arrival_watched")
    assert arrived == []


def test_the_module_shows_the_loader_that_it_would_have_had(library: Library) -> None:
    text = "inside = (__spec__.loader, __loader__)\n"
    plain = importlib.import_module(library("arrival_plain", text))
    with watching("arrival_seen"):
        seen = importlib.import_module(library("arrival_seen", text))
    assert {type(loader) for loader in (*seen.inside, seen.__loader__, seen.__spec__.loader)} == {
        type(plain.__loader__)
    }
    assert seen.__spec__.origin == seen.__file__


def test_an_error_in_the_module_is_the_host_s_own(library: Library) -> None:
    name = library("arrival_broken", "raise ZeroDivisionError('in the library')\n")
    with watching(name) as arrived, pytest.raises(ZeroDivisionError, match="in the library"):
        importlib.import_module(name)
    assert arrived == []
    assert name not in sys.modules


def test_looking_a_module_up_does_not_load_it(library: Library) -> None:
    name = library("arrival_looked_up", "text = 'here'\n")
    with watching(name) as arrived:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        assert spec.loader.get_filename(name) == spec.origin
        assert "here" in spec.loader.get_source(name)
    assert arrived == []
    assert name not in sys.modules


def test_a_finder_that_asks_for_the_same_name_does_not_loop(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lazy import machinery asks `importlib.util.find_spec` from inside a finder."""

    class Asking:
        def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
            if name == "arrival_asked" and not asked:
                asked.append(name)
                return importlib.util.find_spec(name)
            return None

    asked: list[str] = []
    name = library("arrival_asked", "")
    monkeypatch.setattr(sys, "meta_path", [Asking(), *sys.meta_path])
    with watching(name) as arrived:
        importlib.import_module(name)
    assert arrived == [name]
    assert asked == [name]


def test_reloading_tells_again(library: Library) -> None:
    name = library("arrival_again", "")
    with watching(name) as arrived:
        importlib.reload(importlib.import_module(name))
    assert arrived == [name, name]


def test_something_is_held_around_the_import(library: Library) -> None:
    events: list[str] = []

    @contextmanager
    def held() -> Iterator[None]:
        events.append("in")
        yield
        events.append("out")

    name = library("arrival_held", "import builtins\nbuiltins.arrival_events.append('code')\n")
    vars(sys.modules["builtins"])["arrival_events"] = events
    try:
        with watching(around={name: held}) as arrived:
            importlib.import_module(name)
    finally:
        del vars(sys.modules["builtins"])["arrival_events"]
    assert events == ["in", "code", "out"]
    assert arrived == []  # held, but not watched


def test_removing_twice_and_after_the_host_removed_it() -> None:
    watcher = Watcher(["arrival_x"], lambda name: None)
    watcher.install()
    assert sys.meta_path[0] is watcher
    watcher.remove()
    watcher.remove()
    assert watcher not in sys.meta_path
    watcher.install()
    sys.meta_path.remove(watcher)
    watcher.remove()


# --- arrivals in a house ----------------------------------------------------------------------------

BASE = """
class Base:
    def go(self):
        return "gone"
"""


class House:
    """The patches of a process that knows one family, in a library of this test."""

    def __init__(self, module: str) -> None:
        self.attachment = Attachment((Family(f"{module}:Base", ("go",)),))
        self.recorder = Recorder(Sites(), Describer())

    def begin(self) -> None:
        self.attachment.begin(self.recorder, [])

    def end(self) -> None:
        self.attachment.end(self.recorder)


def test_a_library_that_arrives_during_a_trace_is_patched(library: Library) -> None:
    name = library("arrival_late", BASE)
    house = House(name)
    house.begin()
    late = importlib.import_module(name)
    assert late.Base().go() == "gone"
    house.end()
    assert late.Base().go() == "gone"
    assert house.recorder.size[0] == 6  # one entry and one return, three numbers each
    assert vars(late.Base)["go"].__code__.co_filename == late.__file__


def test_a_trace_that_ends_while_a_library_is_being_imported_leaves_nothing_in_it(library: Library) -> None:
    """`import transformers` takes seconds; a trace in another thread may end meanwhile."""
    name = library("arrival_cut", f"{BASE}\nimport builtins\nbuiltins.arrival_end()\n")
    house = House(name)
    house.begin()
    vars(sys.modules["builtins"])["arrival_end"] = house.end
    try:
        late = importlib.import_module(name)
    finally:
        del vars(sys.modules["builtins"])["arrival_end"]
    left = vars(late.Base)["go"].__code__.co_filename
    house.attachment.patches.undo_all()
    assert active.recorders == ()
    assert left == late.__file__, "patched after the last trace had ended"


def test_a_spec_from_a_trace_used_after_it_leaves_nothing(library: Library) -> None:
    name = library("arrival_lazy", BASE)
    house = House(name)
    house.begin()
    spec = importlib.util.find_spec(name)
    house.end()
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    left = vars(module.Base)["go"].__code__.co_filename
    house.attachment.patches.undo_all()
    assert left == module.__file__, "patched after the last trace had ended"
