"""Whatever happens to the file of a trace, the program goes on, and no other file gets a byte of ours.

The disk is full, a limit is met, the descriptor is closed and its number used again, somebody deletes,
replaces or overwrites the file.  The program has the same results, its trace in memory is whole and counts
one fault, and what was written before is readable and does not pass for complete.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import tracelab
from tracelab.exporters.stream.records import header

from ..attacks.victims import Nursery, names
from ..models import ZOO
from .figures import Figures

SURVIVES = """
    faults = lambda trace: [where.partition(":")[0] for where in trace.columns.faults]
    def attack(trace):
{attack}
    with tracelab.trace(file="run.jsonl") as trace:
        ids = generate()
        expected = trace.recorded
        wait(expected)
        attack(trace)
        again = generate()
        time.sleep(0.05)
    assert torch.equal(ids, again)
    assert trace.recorded == 2 * expected, trace.recorded
    assert faults(trace) == ["file"], trace.columns.faults
    assert threading.active_count() == 1
"""


def survives(attack: str, folder: Path, nursery: Nursery, before: str = "") -> None:
    """A program goes on though its file is attacked, has the whole trace, and counts one fault."""
    lines = "\n".join(f"        {line}" for line in attack.strip().splitlines())
    ended = nursery.run(before + SURVIVES.format(attack=lines), folder)
    assert ended.code == 0, ended.said


def kept(path: Path, expected: list[str]) -> None:
    """The file holds the first of the two `generate`s, and does not pass for more."""
    back = tracelab.load(path)
    assert names(back)[: len(expected)] == expected and not back.complete


REOPENS = """
for at in range(40):
    os.open(f"mine{at}.txt", os.O_RDWR | os.O_CREAT)
"""
CLOSES = {
    "all descriptors are closed": "os.closerange(3, 4096)",
    "ours is closed": "os.close(number())",
    "all are closed and their numbers used": "os.closerange(3, 4096)" + REOPENS,
    "all are closed and ours is used": "found = number()\nos.closerange(3, 4096)\n"
    "os.dup2(os.open('mine.txt', os.O_RDWR | os.O_CREAT), found)",
    "ours becomes a copy of it": "import shutil\nshutil.copy('run.jsonl', 'copy.jsonl')\n"
    "os.dup2(os.open('copy.jsonl', os.O_WRONLY | os.O_APPEND), number())",
    "ours becomes a pipe": "found = number()\nos.dup2(os.pipe()[1], found)",
    "ours becomes /dev/full": "os.dup2(os.open('/dev/full', os.O_WRONLY), number())",
}


@pytest.mark.parametrize("attack", CLOSES)
def test_a_host_that_closes_our_descriptor_gets_no_byte_of_ours(
    attack: str, tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures
) -> None:
    survives(CLOSES[attack], tmp_path, nursery)
    kept(tmp_path / "run.jsonl", expected)
    assert [path.name for path in tmp_path.glob("mine*") if path.stat().st_size] == []
    copy = tmp_path / "copy.jsonl"
    assert not copy.exists() or copy.stat().st_size <= (tmp_path / "run.jsonl").stat().st_size
    figures("files taken away")


def test_a_descriptor_closed_between_our_look_and_our_write(
    tmp_path: Path, nursery: Nursery, expected: list[str]
) -> None:
    """A host that opens files gets the lowest free numbers, and ours is none of those."""
    attack = """
from tracelab.exporters.stream import file
genuine = file.write
def write(descriptor, data):
    os.closerange(3, 4096)
    for at in range(100):
        os.open(f"mine{at}.txt", os.O_RDWR | os.O_CREAT)
    return genuine(descriptor, data)
file.write = write
"""
    survives(attack, tmp_path, nursery)
    kept(tmp_path / "run.jsonl", expected)
    files = list(tmp_path.glob("mine*"))
    assert len(files) == 100 and not any(path.stat().st_size for path in files)


GONE = {
    "deleted": 'os.unlink("run.jsonl")',
    "deleted with its folder": "import shutil; shutil.rmtree(os.getcwd())",
    "replaced": 'open("other", "w").write("mine"); os.rename("other", "run.jsonl")',
    "truncated": 'open("run.jsonl", "w").close()',
    "overwritten": 'open("run.jsonl", "w").write("mine")',
    "appended to": 'open("run.jsonl", "a").write("mine")',
}


@pytest.mark.parametrize("attack", GONE)
def test_a_file_that_somebody_else_takes_is_left_alone(
    attack: str, tmp_path: Path, nursery: Nursery, figures: Figures
) -> None:
    (tmp_path / "inner").mkdir()
    before = f"    os.chdir({str(tmp_path / 'inner')!r})\n"
    survives(GONE[attack], tmp_path, nursery, before)
    path = tmp_path / "inner" / "run.jsonl"
    assert path.exists() == ("deleted" not in attack)
    if path.exists():
        assert path.read_text().endswith("mine" if attack != "truncated" else "")
        assert path.stat().st_size == 4 or attack in ("truncated", "appended to")
    figures("files taken away")


def test_a_file_that_was_moved_is_written_to_its_end(tmp_path: Path) -> None:
    with tracelab.trace(file=tmp_path / "run.jsonl"):
        (tmp_path / "run.jsonl").rename(tmp_path / "moved.jsonl")
        ZOO["gpt2"].build()(**ZOO["gpt2"].inputs())
    assert tracelab.load(tmp_path / "moved.jsonl").complete


LIMITED = """
    happened = []
    {handling}
    writer.PAUSE = 0.001
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in {sizes}:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        with tracelab.trace(file=f"{{size}}.jsonl") as trace:
            generate()
        assert trace.recorded == {calls}
        assert list(trace.columns.faults) in ([], ["file: OSError"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert happened == []
"""
HANDLING = {
    "ignored": "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)",  # what Python does
    "deadly": "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)",
    "handled": "signal.signal(signal.SIGXFSZ, lambda *_: happened.append(1))",
}


@pytest.mark.parametrize("handling", HANDLING)
def test_a_file_size_limit_is_met_anywhere(
    handling: str, tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures
) -> None:
    sizes = range(len(header()), 50_000, 1877 if handling == "ignored" else 6211)
    ended = nursery.run(
        LIMITED.format(handling=HANDLING[handling], sizes=sizes, calls=len(expected)), tmp_path
    )
    assert ended.code == 0, ended.said
    files = sorted(tmp_path.glob("*.jsonl"), key=lambda path: int(path.stem))
    assert [int(path.stem) for path in files] == list(sizes)
    for path in files:
        back = tracelab.load(path)
        assert names(back) == expected[: back.recorded]
        assert back.complete == (back.recorded == len(expected) and "unfinished" not in back.meta)
        assert back.complete or path.stat().st_size == int(path.stem)  # it is full to the last byte
    found = [tracelab.load(path).recorded for path in files]
    assert (found[0], found[-1]) == (0, len(expected)), found
    figures("disks that were full", len(files))


def test_a_limit_that_the_first_line_does_not_fit_in(tmp_path: Path, nursery: Nursery) -> None:
    """Refused before anything is patched, and nothing is left behind."""
    ended = nursery.run(
        f"""
        genuine = nn.Module.__call__
        for size in range({len(header())}):
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            try:
                with tracelab.trace(file="run.jsonl"):
                    raise AssertionError("entered")
            except tracelab.SetupError as error:
                why = "File too large" if not size else "No space left on device"
                assert str(error) == f"cannot write to 'run.jsonl': {{why}}", error
            assert nn.Module.__call__ is genuine and threading.active_count() == 1
            assert os.listdir() == ["out.txt"], os.listdir()
        """,
        tmp_path,
    )
    assert ended.code == 0, ended.said


def test_a_disk_that_is_full(tmp_path: Path, nursery: Nursery, expected: list[str], figures: Figures) -> None:
    """A real file system of sixty-four kilobytes, in a namespace of its own."""
    ended = nursery.run(
        f"""
        import ctypes
        libc = ctypes.CDLL(None)
        NEW_NAMESPACE, PRIVATE = 0x00020000, 0x00040000 | 0x4000
        os.mkdir("disk")
        if (
            libc.unshare(NEW_NAMESPACE)
            or libc.mount(b"none", b"/", None, PRIVATE, None)
            or libc.mount(b"tmpfs", os.path.abspath("disk").encode(), b"tmpfs", 0, b"size=64k")
        ):
            print("not permitted")
            sys.exit()
        with tracelab.trace(file="disk/run.jsonl") as trace:
            for turn in range(3000):
                model(torch.ones(1, turn + 1))
                generate()
                if trace.internal_errors:
                    break
        assert trace.recorded == (turn + 1) * (3 + {len(expected)})
        assert list(trace.columns.faults) == ["file: OSError"], trace.columns.faults
        assert os.path.getsize("disk/run.jsonl") == 65536
        back = tracelab.load("disk/run.jsonl")
        assert back.recorded and not back.complete and back.meta["unfinished"]
        try:
            with tracelab.trace(file="disk/other.jsonl"):
                raise AssertionError("entered")
        except tracelab.SetupError as error:
            assert str(error) == "cannot write to 'disk/other.jsonl': No space left on device", error
        assert os.listdir("disk") == ["run.jsonl"]
        """,
        tmp_path,
    )
    assert ended.code == 0, ended.said
    if "not permitted" in ended.said:
        pytest.skip("this machine lets nobody mount a file system")
    figures("disks that were full")
