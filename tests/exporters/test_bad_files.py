"""Promise J: whatever is opened ends in a `Trace` or in one line that names the file and the place."""

from __future__ import annotations

import gzip
import inspect
import io
import json
import os
import socket
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.exporters import samples
from tracelab.errors import TraceFileError
from tracelab.exporters import limits, load

Fault = Callable[[dict[str, Any]], Any]


def refusal(path: str | os.PathLike[str]) -> str:
    """The one line that `load` ends in, without the name of the file, which must lead it."""
    with pytest.raises(TraceFileError) as caught:
        load(path)
    error = caught.value
    message = str(error)
    assert error.__cause__ is None and error.__context__ is None
    assert message.startswith(f"{os.fspath(path)!r}: ")
    assert message.isprintable() and len(message) < 400 + len(repr(os.fspath(path)))
    return message.removeprefix(f"{os.fspath(path)!r}: ")


def put(folder: Path, data: bytes) -> Path:
    path = folder / "bad.json"
    path.write_bytes(data)
    return path


# --- what is not a file of ours at all -----------------------------------------------------------


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.json") == "cannot be read: No such file or directory"


def test_a_name_with_control_characters_is_shown_escaped(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a\x1b[31m\n\u202eb") == "cannot be read: No such file or directory"


def test_a_name_that_no_file_can_have() -> None:
    assert "null" in refusal("a\0b")
    assert "too long" in refusal("a" * 5000)


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "a folder, not a regular file"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "a named pipe, not a regular file"


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert refusal("s").startswith("cannot be read: ")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such devices")
def test_devices() -> None:
    assert refusal("/dev/zero") == "a device, not a regular file"
    assert refusal("/dev/null") == "a device, not a regular file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = put(tmp_path, b"{}")
    path.chmod(0)
    assert refusal(path) == "cannot be read: Permission denied"


def test_a_refused_permission_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(os, "open", denied)
    assert refusal(tmp_path / "x.json") == "cannot be read: Permission denied"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    open_files = Path("/proc/self/fd")
    before = len(list(open_files.iterdir())) if open_files.exists() else 0
    for _ in range(5):
        refusal(tmp_path)
        refusal(put(tmp_path, b"{"))
    after = len(list(open_files.iterdir())) if before else 0
    assert after == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "the file is empty"),
        (b"hello", "not JSON: Expecting value at line 1 column 1"),
        (b'{"format": "tracelab",\n "version" 1}', "not JSON: Expecting ':' delimiter at line 2 column 12"),
        (b'{"format": "tracelab"} {}', "not JSON: Extra data at line 1 column 24"),
        (b'{"a": "x', "not JSON: Unterminated string starting at at line 1 column 7"),
        (b'"\xff"', "not JSON: byte 1 is not UTF-8"),
        (b'["a\nb"]', "not JSON: Invalid control character at at line 1 column 4"),
        (b"\x80\x04\x95\x10", "not JSON: byte 0 is not UTF-8"),  # the beginning of a pickle
        (b"\x1f\x8b", "the gzip data ends too early"),
        (b"\x1f\x8b\x00rubbish", "broken gzip data"),
        (b"[]", "JSON, but not a trace of tracelab"),
        (b"null", "JSON, but not a trace of tracelab"),
        (b"{}", "JSON, but not a trace of tracelab"),
        (b'{"format": "chrome", "version": 1}', "JSON, but not a trace of tracelab"),
        (b'{"format": ["tracelab"], "version": 1}', "JSON, but not a trace of tracelab"),
        (b'{"format": "tracelab"}', "unknown version None; this tracelab reads up to 1"),
        (b'{"format": "tracelab", "version": 0}', "unknown version 0; this tracelab reads up to 1"),
        (b'{"format": "tracelab", "version": true}', "unknown version True; this tracelab reads up to 1"),
        (b'{"format": "tracelab", "version": 1.0}', "unknown version 1.0; this tracelab reads up to 1"),
        (
            b'{"format": "tracelab", "version": 3, "columns": []}',
            "written by a newer tracelab (version 3); this one reads up to 1",
        ),
        (b'{"format": "tracelab", "version": 1}', "'meta' is missing"),
        (
            b'{"format": "tracelab", "version": 1, "version": 1}',
            "the key 'version' stands twice in one object",
        ),
        (b'{"a": NaN}', "not JSON: NaN is no number there"),
        (b'{"a": -Infinity}', "not JSON: -Infinity is no number there"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5000 digits"),
        (b'{"a": 0.' + b"9" * 5000 + b"}", "a number of 5002 digits"),
    ],
)
def test_text_that_is_no_trace(tmp_path: Path, data: bytes, problem: str) -> None:
    assert refusal(put(tmp_path, data)) == problem


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    samples.small().save(tmp_path / "good.json")
    path = put(tmp_path, b"\xef\xbb\xbf" + (tmp_path / "good.json").read_bytes())
    assert load(path).recorded == 4


def test_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(TraceFileError, match="standard input: the file is empty"):
        load("-")


# --- too much of something -----------------------------------------------------------------------


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":'])
def test_deep_nesting(tmp_path: Path, opening: bytes) -> None:
    assert refusal(put(tmp_path, opening * 200_000)) == f"nested deeper than {limits.NESTING} levels"


def test_deep_nesting_does_not_depend_on_the_recursion_limit(tmp_path: Path) -> None:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)
    try:
        assert "nested deeper" in refusal(put(tmp_path, b"[" * 1_000_000))
    finally:
        sys.setrecursionlimit(before)


def test_a_caller_that_is_deep_itself_gets_one_line(tmp_path: Path) -> None:
    samples.small().save(tmp_path / "good.json")

    def descend(left: int) -> str:
        if left:
            return descend(left - 1)
        try:
            load(tmp_path / "good.json")
        except TraceFileError as error:
            return str(error)
        return "read"

    ends: set[str] = set()
    for room in range(10, 120):
        try:
            ends.add(descend(sys.getrecursionlimit() - len(inspect.stack(0)) - room))
        except RecursionError:
            continue  # no room to enter `load` or to leave it: that is the caller's own fault
    assert ends == {"read", f"{str(tmp_path / 'good.json')!r}: nested too deeply to be read from here"}


def test_brackets_inside_of_texts_do_not_count(tmp_path: Path) -> None:
    document = samples.document(tmp_path)
    document["meta"] = {"text": "[" * 5000 + '"\\"' + "{" * 5000}
    path = put(tmp_path, json.dumps(document).encode())
    assert load(path).meta == document["meta"]


@pytest.mark.parametrize("data", [b'"' + b'\\"' * 500_000, b'"\\' * 500_000, b'"' * 500_001])
def test_unclosed_texts_take_no_quadratic_time(tmp_path: Path, data: bytes) -> None:
    began = time.perf_counter()
    assert refusal(put(tmp_path, data)).startswith("not JSON")
    assert time.perf_counter() - began < 2  # tried again at each quote it would take minutes


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BYTES", 1000)
    assert refusal(put(tmp_path, b" " * 1001)) == "larger than 1000 bytes"


def test_a_gzip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BYTES", 100_000)
    path = put(tmp_path, gzip.compress(b" " * 50_000_000))  # some 50 kB
    tracemalloc.start()
    try:
        assert refusal(path) == "decompresses to more than 100000 bytes"
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_gzip_that_is_cut_spoilt_or_continued(tmp_path: Path) -> None:
    samples.small().save(tmp_path / "good.json.gz")
    good = (tmp_path / "good.json.gz").read_bytes()
    assert refusal(put(tmp_path, good[:-1])) == "the gzip data ends too early"
    assert refusal(put(tmp_path, good[: len(good) // 2])) == "the gzip data ends too early"
    assert refusal(put(tmp_path, good[:-8] + b"\0\0\0\0" + good[-4:])) == "broken gzip data"  # the checksum
    assert refusal(put(tmp_path, good + good)) == "something follows the gzip data"


def test_too_many_values_texts_and_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "VALUES", 10)
    monkeypatch.setattr(limits, "CONTAINERS", 20)
    monkeypatch.setattr(limits, "TEXTS", 5)
    assert refusal(put(tmp_path, b"[" + b"0," * 11 + b"0]")) == "more than 10 values"
    assert refusal(put(tmp_path, b"[" + b'"",' * 5 + b'""]')) == "more than 5 texts"
    assert refusal(put(tmp_path, b"[[" + b"]" * 2 + b"[{" * 10)) == "more than 20 lists and objects"


def test_a_text_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = samples.document(tmp_path)
    document["threads"].append("x" * 501)
    monkeypatch.setattr(limits, "STRING", 500)
    path = put(tmp_path, json.dumps(document).encode())
    assert refusal(path) == "threads[1]: a text of 501 characters; at most 500 are read"


# --- a trace with one thing wrong ----------------------------------------------------------------


def number(column: str, row: int, value: object) -> Fault:
    """Put `value` into one row of one column."""
    return lambda d: d["calls"][column].__setitem__(row, value)


def spec(*row: object) -> Fault:
    """Make `row` the first spec."""
    return lambda d: d["specs"].__setitem__(0, list(row))


def meta(**value: object) -> Fault:
    """Make `value` the meta."""
    return lambda d: d.update(meta={name.replace("_", "$"): inner for name, inner in value.items()})


# small() has 4 calls, 1 thread, 1 error, 1 place, and the 3 sites generate, forward, open_end.
FAULTS: dict[str, Fault] = {
    "unknown key 'extra'; known are": lambda d: d.update(extra=0),
    "'calls' is missing": lambda d: d.pop("calls"),
    "calls: expected an object, got []": lambda d: d.update(calls=[]),
    "calls: 'thread' is missing": lambda d: d["calls"].pop("thread"),
    "calls: unknown key 'rank'; known are": lambda d: d["calls"].update(rank=[]),
    "calls.site: expected a list, got {}": lambda d: d["calls"].update(site={}),
    "calls.site[1]: expected a whole number, 0 to 2, got 3": number("site", 1, 3),
    "calls.site[1]: expected a whole number, 0 to 2, got True": lambda d: d["calls"]["site"].__setitem__(
        1, True
    ),
    "calls.site[0]: expected a whole number, 0 to 2, got -1": number("site", 0, -1),
    "calls.place[3]: expected a whole number, -1 to 0, got 1": lambda d: d["calls"]["place"].__setitem__(
        3, 1
    ),
    "calls.place: holds 5 numbers, but 'site' holds 4": lambda d: d["calls"]["place"].append(0),
    "calls.thread: holds 0 numbers, but 'site' holds 4": lambda d: d["calls"]["thread"].clear(),
    "calls.parent[0]: expected a whole number, -1 to 3, got -2": lambda d: d["calls"]["parent"].__setitem__(
        0, -2
    ),
    "calls.parent[1]: call 1 cannot be the parent of call 1": lambda d: d["calls"]["parent"].__setitem__(
        1, 1
    ),
    "calls.parent[0]: call 3 cannot be the parent of call 0": lambda d: d["calls"]["parent"].__setitem__(
        0, 3
    ),
    "calls.status[2]: expected a whole number, 0 to 2, got 3": lambda d: d["calls"]["status"].__setitem__(
        2, 3
    ),
    "calls.error[2]: expected a whole number, -1 to 0, got 1": lambda d: d["calls"]["error"].__setitem__(
        2, 1
    ),
    "calls.thread[0]: expected a whole number, 0 to 0, got 1": lambda d: d["calls"]["thread"].__setitem__(
        0, 1
    ),
    "calls.start[0]: expected a whole number of 64 bits, got 9223372036854775808": (
        number("start", 0, 2**63)
    ),
    "calls.duration[0]: expected a whole number of 64 bits, got 1.5": (number("duration", 0, 1.5)),
    "calls.duration[0]: expected a whole number of 64 bits, got None": (number("duration", 0, None)),
    "calls.thread[0]: expected no number, because the table is empty, got 0": lambda d: d["threads"].clear(),
    "sites: expected a list, got 5": lambda d: d.update(sites=5),
    "sites[0]: 'owner' is missing": lambda d: d["sites"][0].pop("owner"),
    "sites[0].owner: expected a text, got 5": lambda d: d["sites"][0].update(owner=5),
    "sites[0].owner: expected a text, got None": lambda d: d["sites"][0].update(owner=None),
    "sites[0].line: expected a whole number of 64 bits, got '3'": lambda d: d["sites"][0].update(line="3"),
    "sites[0].parameters[1]: expected a text, got 5": lambda d: d["sites"][0].update(parameters=["a", 5]),
    "sites[1]: expected an object, got 'x'": lambda d: d["sites"].__setitem__(1, "x"),
    "places[0]: expected a list of 2 items, got 1": lambda d: d["places"][0].pop(),
    "threads[0]: expected a text, got None": lambda d: d["threads"].__setitem__(0, None),
    "errors[0]: expected a text, got []": lambda d: d["errors"].__setitem__(0, []),
    "signatures[0][0]: expected a whole number, 0": lambda d: d["signatures"].__setitem__(0, [[-1], []]),
    "signatures[0]: expected a list of 2 items, got 0": lambda d: d["signatures"].__setitem__(0, []),
    "specs[0]: expected a list, got 'x'": lambda d: d["specs"].__setitem__(0, "x"),
    "specs[0]: expected a list of 1 items, got 2": spec("object", "a", "b"),
    "specs[0]: expected one of container, tensor, cache, scalar, object, unreadable, got 'os.system'": (
        spec("os.system", "true")
    ),
    "specs[0]: expected one of container": spec([], "true"),
    "specs[0][1]: expected a list of 2 items, got 1": (
        spec("container", "a", [[0, ["object", "b"]], [0]], 1)
    ),
    "specs[0][0]: expected a text or a whole number, got None": (
        spec("container", "a", [[None, ["object", "b"]]], 1)
    ),
    "specs[0]: expected null, a bool, a number or a text, got [1]": (spec("scalar", "int", [1])),
    "meta: expected an object, got []": lambda d: d.update(meta=[]),
    "meta: expected names with their values": lambda d: d.update(meta={"$tuple": []}),
    "meta.'x': expected one of $float, $int, $tuple, $dict, got '$eval'": (meta(x={"$eval": "1"})),
    "meta.'x': expected nan, inf or -inf, got 'infinity'": lambda d: d.update(
        meta={"x": {"$float": "infinity"}}
    ),
    "meta.'x': expected a hexadecimal number, got 'zz'": meta(x={"$int": "zz"}),
    "meta.'x': a whole number of more than 1024 bits": lambda d: d.update(
        meta={"x": {"$int": "0x" + "1" * 300}}
    ),
    "meta.'x': expected a key that can be hashed, got [1]": lambda d: d.update(
        meta={"x": {"$dict": [[[1], 2]]}}
    ),
    "meta: '$tuple' must be the only key of its object": lambda d: d.update(meta={"$tuple": [], "x": 0}),
    "dropped: expected a whole number, 0 or more, got -1": lambda d: d.update(dropped=-1),
    "faults: expected a whole number, 0 or more, got 'x'": lambda d: d.update(faults={"a": "x"}),
    "facts: expected an object, got None": lambda d: d.update(facts=None),
    "facts: '4' is no row of this trace": lambda d: d.update(facts={"4": {}}),
    "facts: '00' is no row of this trace": lambda d: d.update(facts={"00": {}}),
    "facts[0]: expected an object, got 1": lambda d: d.update(facts={"0": 1}),
}


@pytest.mark.parametrize("problem", FAULTS)
def test_one_thing_wrong(tmp_path: Path, problem: str) -> None:
    document = samples.document(tmp_path)
    FAULTS[problem](document)
    assert refusal(put(tmp_path, json.dumps(document).encode())).startswith(problem)


def test_specs_and_facts_that_are_nested_too_deeply(tmp_path: Path) -> None:
    deep: Any = ["object", "x"]
    fact: Any = 0
    for _ in range(limits.LEVELS + 1):
        deep, fact = ["container", "a", [[0, deep]], 1], [fact]
    document = samples.document(tmp_path)
    document["meta"] = {"x": fact}
    told = refusal(put(tmp_path, json.dumps(document).encode()))
    assert told.startswith("meta.") and told.endswith(f": nested deeper than {limits.LEVELS} levels")
    document["meta"], document["specs"] = {}, [deep]
    told = refusal(put(tmp_path, json.dumps(document).encode()))
    assert told.startswith("specs[0]") and told.endswith(
        f": a spec nested deeper than {limits.LEVELS} levels"
    )


def test_what_a_file_says_is_shown_short_and_without_control_characters(tmp_path: Path) -> None:
    document = samples.document(tmp_path)
    document["a\x1b]0;title\x07\n" + "x" * 10_000] = 0
    assert "\\x1b]0;tit" in refusal(put(tmp_path, json.dumps(document).encode()))
