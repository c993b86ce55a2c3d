"""A program under `tracelab.script` sees, says and ends what it does under `python`.

The oracle is the interpreter itself: each program runs twice, by `python PROGRAM` and by a few lines that
call the room (`tests.programs`), and stdout, stderr and exit code must be equal to the byte.
"""

from __future__ import annotations

import traceback
import zipfile
from pathlib import Path

import pytest

import tracelab
from tests.programs import both, write
from tracelab.errors import ScriptError
from tracelab.script import conclude, find
from tracelab.script.ours import cut_ours

REPOSITORY = Path(__file__).resolve().parent.parent

WHAT_A_PROGRAM_SEES = """
import sys
print(sorted(name for name in globals()))
for name in ("__name__", "__file__", "__cached__", "__doc__", "__package__", "__spec__", "__builtins__"):
    print(name, repr(globals().get(name)))
print(type(__loader__).__name__, getattr(__loader__, "name", None))
print(globals().get("__annotations__"), sys.argv, sys.path, sys.flags)
print(sys.modules["__main__"].__dict__ is globals(), sys._getframe().f_code.co_filename)
print(sys.exc_info(), sys._getframe().f_code.co_flags)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Programs of every form, in a folder of their own."""
    where = tmp_path / "programs"
    for place in ("sees.py", "folder/__main__.py", "pack/__main__.py", "pack/inner.py"):
        write(where, place, WHAT_A_PROGRAM_SEES)
    write(where, "pack/__init__.py", "")
    write(where, "other/README", "")
    (where / "other" / "link.py").symlink_to("../sees.py")
    with zipfile.ZipFile(where / "zipped.pyz", "w") as archive:
        archive.writestr("__main__.py", WHAT_A_PROGRAM_SEES)
    return where


@pytest.mark.parametrize(
    "words",
    [
        ["sees.py", "a", "-m", "--help", "--"],
        ["./pack/../sees.py"],
        ["other/link.py"],
        ["folder", "x"],
        ["folder/"],
        ["zipped.pyz", "-o"],
        ["-m", "pack", "x"],
        ["-m", "pack.inner", "-m"],
        ["-m", "sees"],
        ["-", "from", "stdin"],
    ],
    ids=" ".join,
)
def test_a_program_sees_what_python_shows_it(folder: Path, words: list[str]) -> None:
    plain, ours = both(folder, *words, stdin=WHAT_A_PROGRAM_SEES)
    assert ours == plain
    assert plain.code == 0 and "__main__" in plain.out


def test_without_a_script_folder_on_the_path_when_python_is_told_so(folder: Path) -> None:
    plain, ours = both(folder, "sees.py", PYTHONSAFEPATH="1")
    assert ours == plain and str(folder) not in plain.out.split("sys.flags")[0].split("] [")[1]


def test_compiled_programs_run(folder: Path) -> None:
    import py_compile

    py_compile.compile(str(folder / "sees.py"), str(folder / "compiled.pyc"))
    py_compile.compile(str(folder / "sees.py"), str(folder / "compiled.bin"))
    for name in ("compiled.pyc", "compiled.bin"):
        plain, ours = both(folder, name)
        assert ours == plain and plain.code == 0


def test_future_flags_of_our_files_are_not_inherited(folder: Path) -> None:
    write(folder, "eager.py", "def f(x: not_defined): pass")
    plain, ours = both(folder, "eager.py")
    assert ours == plain and "NameError" in plain.err


# The exit code that `python` gives is the oracle; the number here keeps the test honest.
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("pass", 0),
        ("import sys; sys.exit()", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit(True)", 1),
        ("import sys; sys.exit(257)", 1),  # 257 mod 256
        ("import sys; sys.exit('no such model')", 1),
        ("import sys; sys.exit([1, 2])", 1),
        ("raise SystemExit", 0),
        ("raise ValueError('bad')", 1),
        ("def f():\n    raise KeyError(2)\nf()", 1),
        ("try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError(2) from e", 1),
        ("raise ExceptionGroup('two', [ValueError(1), KeyError(2)])", 1),
        ("import nowhere", 1),
        ("import traceback\nraise BaseException", 1),
        ("def", 1),
        ("x = (", 1),
        ("import json\njson.loads('{')", 1),
        ("import os; os._exit(7)", 7),
        ("import sys; sys.stderr = None; sys.exit('still heard')", 1),
        ("import sys; sys.excepthook = lambda *a: print('hook', a[0], a[2].tb_lineno)\n1 / 0", 1),
        ("import sys; sys.excepthook = lambda *a: sys.exit(9)\n1 / 0", 9),
        ("import sys\ndef h(*a):\n    {}['x']\nsys.excepthook = h\n1 / 0", 1),
        ("import atexit, sys; atexit.register(lambda: print(type(sys.last_value)))\n1 / 0", 1),
    ],
)
def test_a_program_ends_as_it_does_under_python(folder: Path, text: str, code: int) -> None:
    write(folder, "ends.py", text)
    plain, ours = both(folder, "ends.py")
    assert ours == plain
    assert plain.code == code


@pytest.mark.parametrize("words", [["stopped.py"], ["-m", "stopped"]], ids=" ".join)
def test_ctrl_c_kills_by_the_signal(folder: Path, words: list[str]) -> None:
    write(
        folder,
        "stopped.py",
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(5)",
    )
    plain, ours = both(folder, *words)
    assert ours == plain
    assert plain.code == -2 and "KeyboardInterrupt" in plain.err  # 2 is SIGINT


def test_what_comes_after_the_end_still_finds_its_globals(folder: Path) -> None:
    write(
        folder,
        "late.py",
        """
        import atexit, pickle, sys, threading, time

        class Thing:
            def __del__(self):
                print("destructor", word)

        def late():
            time.sleep(0.05)
            print("thread", word, sys.modules["__main__"].word)

        word = "here"
        print(type(pickle.loads(pickle.dumps(Thing()))) is Thing)
        atexit.register(lambda: print("atexit", word))
        threading.Thread(target=late).start()
        kept = Thing()
        """,
    )
    plain, ours = both(folder, "late.py")
    assert ours == plain
    # The copy and its original go at once; then thread, atexit handler, and at last the kept one.
    assert plain.out.split("\n")[-4:] == ["thread here here", "atexit here", "destructor here", ""]


def test_processes_started_by_the_program_find_its_functions(folder: Path) -> None:
    write(
        folder,
        "pool.py",
        """
        import multiprocessing

        def double(x):
            return 2 * x

        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(double, [1, 2]))
        """,
    )
    plain, ours = both(folder, "pool.py")
    assert ours == plain and plain.out == "[2, 4]\n"


def test_lines_of_tracelab_in_the_middle_are_cut_too(folder: Path) -> None:
    middle = """
        import sys, types
        def between(function):
            function()
        # What a wrapper of ours looks like to a traceback: globals of a module of tracelab.
        names = {"__name__": WHOSE}
        exec("def between(function):\\n    function()", names)
        def inner():
            1 / 0
        names["between"](inner)
        """
    for whose, shown in (("'elsewhere'", 3), ("'tracelab.recorder'", 2)):
        write(folder, "middle.py", middle.replace("WHOSE", whose))
        _, ours = both(folder, "middle.py")
        # <module>, (between,) inner: one `File` line each.
        assert ours.err.count("  File ") == shown and "ZeroDivisionError" in ours.err


def test_no_line_of_ours_stands_in_the_traceback_of_a_traced_module() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(4, 5))  # 3 does not fit 4
    with tracelab.trace(), pytest.raises(RuntimeError) as caught:
        model(torch.ones(1, 2))
    cut_ours(caught.value)
    files = [Path(entry.filename) for entry in traceback.extract_tb(caught.value.__traceback__)]
    assert files[0] == Path(__file__) and files[-1].name == "linear.py"
    assert not any(REPOSITORY / "tracelab" in file.parents for file in files)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere.py"], 2, "can't open file"),
        (["other"], 1, "can't find '__main__' module in"),
        (["-m", "nowhere"], 1, "No module named nowhere"),
        (["-m", "pack.nowhere"], 1, "No module named pack.nowhere"),
        (["-m", "other"], 1, "'other' is a package and cannot be directly executed"),
        (["-m", "broken.inner"], 1, "No module named 'dependency'"),
    ],
)
def test_a_program_that_cannot_start(folder: Path, words: list[str], code: int, said: str) -> None:
    write(folder, "broken/__init__.py", "import dependency")
    plain, ours = both(folder, *words)
    assert ours == plain
    assert plain.code == code and said in plain.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-m", "nowhere.inner"], "cannot find module 'nowhere.inner'"),
        (["-m", "sees.py"], "try 'sees' as the module name"),
        (["-m", ".sees"], "relative module names"),
    ],
)
def test_module_names_that_are_none(folder: Path, words: list[str], said: str) -> None:
    plain, ours = both(folder, *words)
    assert plain.code == ours.code == 1
    assert said in ours.err and "Traceback" not in ours.err and "tracelab/" not in ours.err


def test_a_module_that_its_package_has_loaded_is_warned_about(folder: Path) -> None:
    write(folder, "early/__init__.py", "from . import inner")
    write(folder, "early/inner.py", "print(__name__)")
    plain, ours = both(folder, "-m", "early.inner")
    assert ours.out == plain.out == "early.inner\n__main__\n"
    said = "'early.inner' found in sys.modules after import of package 'early'"
    assert said in plain.err and said in ours.err


def test_a_missing_file_is_told_before_anything_happens(tmp_path: Path) -> None:
    with pytest.raises(
        ScriptError, match=r"can't open file '.*gone\.py': \[Errno 2\] No such file or directory"
    ):
        find(str(tmp_path / "gone.py"), [])


def test_a_closed_stderr_does_not_change_the_exit_code(folder: Path) -> None:
    write(folder, "closed.py", "import sys; sys.stderr.close(); sys.exit('unheard')")
    plain, ours = both(folder, "closed.py")  # here `python` says an empty line
    assert (ours.code, ours.out) == (plain.code, plain.out) == (1, "")


def test_the_plain_end_has_nothing_to_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(None) == 0
    assert capsys.readouterr() == ("", "")
