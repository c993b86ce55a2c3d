"""Reading classes and instances past whatever they define; private paths; the table of rows."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from tracelab.describe import Table, class_name, file_name, home, instance_dict


def test_names_and_homes() -> None:
    class Outer:
        class Inner:
            pass

    assert class_name(Outer.Inner) == "Inner"
    assert home(Outer) == (__name__, "Outer")
    assert home(int) == ("builtins", "int")
    odd = type("Odd", (), {"__module__": 3})
    assert home(odd) == ("", "Odd")


def test_a_metaclass_does_not_choose_the_name() -> None:
    class Meta(type):
        __name__ = property(lambda cls: "False")
        __mro__ = property(lambda cls: ())

    class Real(metaclass=Meta):
        pass

    assert class_name(Real) == "Real"


@pytest.mark.parametrize("kind", ["plain", "slots", "property", "inherited"])
def test_instance_dictionaries(kind: str) -> None:
    class Plain:
        pass

    class Slots:
        __slots__ = ("x",)

    class Property:
        __dict__ = property(lambda self: {"x": "false"})

    class Inherited(Plain):
        pass

    value: Any = {"plain": Plain, "slots": Slots, "property": Property, "inherited": Inherited}[kind]()
    value.x = 1
    assert instance_dict(value) == ({"x": 1} if kind in ("plain", "inherited") else {})


def test_the_home_directory_is_private() -> None:
    here = Path("~").expanduser()
    assert file_name(str(here / "work" / "run.py")) == str(Path("~") / "work" / "run.py")
    assert file_name(str(here)) == str(here)
    assert file_name(str(here) + "sibling/run.py") == str(here) + "sibling/run.py"
    assert file_name("<stdin>") == "<stdin>"


def test_a_user_without_a_home_directory_can_import_us() -> None:
    """A container that runs under a number that no user has."""
    code = """
        import os, pwd
        os.environ.pop("HOME", None)
        def nobody(number):
            raise KeyError(number)
        pwd.getpwuid = nobody
        import tracelab
        with tracelab.trace() as trace:
            pass
        print(trace.recorded)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr


def test_rows_by_number() -> None:
    table: Table[str] = Table()
    assert [table.number(row) for row in ("a", "b", "a")] == [0, 1, 0]
    assert table.listed("?") == ["a", "b"]
    del table.rows[0]
    assert table.listed("?") == ["?", "b"]


def test_an_empty_table() -> None:
    assert Table().listed(None) == []


def test_threads_share_a_table() -> None:
    table: Table[int] = Table()
    numbers: dict[int, set[int]] = {}

    def work() -> None:
        for row in range(500):
            numbers.setdefault(row, set()).add(table.number(row))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    rows = table.listed(-1)
    assert all(rows[number] == row for row, found in numbers.items() for number in found)
