"""The `.jsonl` stream as text: readable after any flush and any cut; other damage is refused in one line."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.attacks.mutations import spoil_bytes, spoil_structure
from tests.exporters import packing, samples
from tests.exporters.test_bad_files import put, refusal
from tests.packed import seen
from tests.rows import STARTED, recording
from tests.test_fold_forests import Planned, Writer, forests
from tracelab.calls import Trace
from tracelab.calls.folded import Folded
from tracelab.errors import TraceFileError
from tracelab.events import Lane, Recording, Site
from tracelab.exporters import limits, load
from tracelab.exporters.stream import reader
from tracelab.exporters.stream.records import Records, header, line_of
from tracelab.fold import fold
from tracelab.packing import Listed, Packer


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 8 events on, so that small examples have many of them."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)


def stages(
    whole: Recording, sizes: list[int], packs: list[bool], summary: bool = False
) -> Iterator[Recording]:
    """Snapshots of a recording that grows, all lanes by so many ints at once, and is packed now and then."""
    book = Listed(whole)
    lanes = [
        Lane(lane.thread, [], [], Packer(book.given, book.came, whole.visits, summary))
        for lane in whole.lanes
    ]
    at = 0
    for size, pack in zip([*sizes, 10**6], [*packs, False], strict=False):
        for lane, complete in zip(lanes, whole.lanes, strict=True):
            lane.rows += complete.rows[at : at + size]
            if pack and len(lane.rows) > 3:
                lane.pack()
        at += size
        yield replace(whole, lanes=[lane.copy() for lane in lanes])


def written(snapshots: Iterator[Recording], now: int, end: bool = True) -> tuple[bytes, Recording]:
    """The file of all snapshots, and the last of them."""
    records, lines = Records(), [header().decode("ascii")]
    for snapshot in snapshots:
        lines += records.since(snapshot, now)
    if end:
        lines.append(line_of({"end": now - snapshot.started}))
    return "".join(lines).encode("ascii"), snapshot


def same(data: bytes, whole: Recording, now: int) -> Trace:
    """The trace of a file, held against that of the recording."""
    back, flat = reader.decode(data), fold(whole, now)
    assert seen(back.columns) == seen(flat)
    assert (back.columns.sites, back.columns.places) == (flat.sites, flat.places)
    assert (back.columns.threads, back.dropped) == (flat.threads, flat.dropped)
    assert back.columns.faults == flat.faults
    return back


SIZES = st.lists(st.integers(1, 120).map(lambda events: 3 * events), max_size=12)
PACKS = st.lists(st.booleans(), min_size=12, max_size=12)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    roots=forests(levels=4, handlers=True),
    times=st.integers(1, 12),
    sizes=SIZES,
    packs=PACKS,
    cut=st.integers(0, 60),
)
def test_any_loop_flushed_and_packed_at_any_time(
    roots: list[Planned], times: int, sizes: list[int], packs: list[bool], cut: int
) -> None:
    writer = Writer(0)
    for _ in range(times):
        for root in roots:
            writer.run(root)
    whole = recording(Lane("main", writer.lane.rows[: len(writer.lane.rows) - cut]))
    now = STARTED + writer.clock
    data, _ = written(stages(whole, sizes, packs), now)
    assert same(data, whole, now).meta == {}


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=forests(levels=3), second=forests(levels=3), sizes=SIZES, packs=st.lists(st.booleans(), min_size=12)
)
def test_two_threads(
    first: list[Planned], second: list[Planned], sizes: list[int], packs: list[bool]
) -> None:
    lanes = []
    for roots in (first, second):
        writer = Writer(0)
        for root in roots * 4:
            writer.run(root)
        lanes.append(writer.lane)
    whole = recording(*[Lane(f"thread {number}", lane.rows) for number, lane in enumerate(lanes)])
    data, _ = written(stages(whole, sizes, packs), STARTED + 10**6)
    same(data, whole, STARTED + 10**6)


def small(summary: bool = False, end: bool = True) -> tuple[bytes, Recording]:
    """A stream of 40 steps of 13 events in a root: some packed, some again in a block, some not."""
    sizes, packs = [150, 300, 90, 600, 60, 120], [False, True, False, True, False, False]
    return written(stages(packing.program(), sizes, packs, summary), STARTED + 5000, end)


def test_a_stream_comes_back_packed() -> None:
    data, last = small()
    assert any(lane.blocks for lane in last.lanes)
    back = same(data, packing.program(), STARTED + 5000)
    assert isinstance(back.columns, Folded) and back.recorded == 241
    assert back.calls[0].status == "open" and "unfinished" not in back.meta
    kinds = [next(iter(json.loads(line))) for line in data.splitlines()]
    assert kinds[0] == "format" and kinds[-1] == "end" and kinds.count("now") == 7


def test_sums_of_times_come_back() -> None:
    data, last = small(summary=True)
    one, other = fold(last, STARTED + 5000), reader.decode(data).columns
    assert isinstance(one, Folded) and isinstance(other, Folded)
    times = [one.times_of(row) for row in range(len(one))]
    assert any(times) and [other.times_of(row) for row in range(len(other))] == times
    assert seen(other) == seen(one)


def test_a_stream_without_an_end_says_so() -> None:
    data, _ = small(end=False)
    back = reader.decode(data)
    assert back.meta["unfinished"] is True and not back.complete
    assert "the file ends before the recording did" in str(back)
    assert back.calls[0].duration == 5e-6  # until the last flush: 5,000 ns


def test_a_stream_without_an_end_is_not_complete_though_no_call_is_open() -> None:
    whole = recording(Lane("main", packing.steps(2) + [-2, 0, STARTED + 900]))
    ended, _ = written(stages(whole, [], []), STARTED + 1000)
    torn, _ = written(stages(whole, [], []), STARTED + 1000, end=False)
    assert reader.decode(ended).complete
    assert not reader.decode(torn).complete


def test_cut_at_every_byte(tmp_path: Path) -> None:
    data, _ = written(stages(packing.program(6), [90, 60], [False, True]), STARTED + 5000)
    first = data.index(b"\n") + 1
    path = tmp_path / "run.jsonl"
    rows = []
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        try:
            back = load(path)
        except TraceFileError as error:
            assert length < first and str(error).isprintable()
        else:
            assert length >= first
            assert ("unfinished" in back.meta) == (length < len(data))
            rows.append(back.recorded)
    # 6 steps of 6 calls in a root; nothing that was there is ever lost again
    assert rows == sorted(rows) and rows[0] == 0 and rows[-1] == 37 and len(set(rows)) >= 3


def test_nothing_in_a_stream_is_a_reading_of_the_clock_of_the_machine() -> None:
    # the recording begins at 7,000 on the clock, and its first row is a fact in the second flush
    data, _ = written(stages(packing.program(3), [3, 60], [False, False]), STARTED + 900)
    firsts = [json.loads(line)["tail"]["first"] for line in data.splitlines() if b'"tail"' in line]
    assert firsts[0] == 0 and all(0 <= first < 900 for first in firsts)


def test_a_site_that_turns_out_to_belong_elsewhere_is_written_again() -> None:
    whole = packing.program(4)
    first = replace(whole, sites=[Site("method", "?", "?", "?"), *whole.sites[1:]])
    records = Records()
    lines = [header().decode()]
    for snapshot in (first, whole):
        lines += records.since(next(stages(snapshot, [], [])), STARTED + 900)
    assert reader.decode("".join(lines).encode()).columns.sites == whole.sites
    assert len([line for line in lines if '"sites"' in line]) == 2


def test_loaded_streams_are_saved_as_json(tmp_path: Path) -> None:
    data, _ = small()
    (tmp_path / "run.jsonl").write_bytes(data)
    back = load(tmp_path / "run.jsonl")
    back.save(tmp_path / "run.json")
    assert seen(load(tmp_path / "run.json").columns) == seen(back.columns)


# --- what is wrong -------------------------------------------------------------------------------


def lines_of(folder: Path) -> list[Any]:
    data, _ = small()
    return [json.loads(line) for line in data.splitlines()]


def number_of(lines: list[Any], key: str) -> int:
    return next(number for number, line in enumerate(lines) if key in line)


def told(folder: Path, lines: list[Any]) -> str:
    text = "".join([json.dumps(line, separators=(",", ":")) + "\n" for line in lines])
    return refusal(put(folder, text.encode()))


def test_damage_inside_of_a_stream(tmp_path: Path) -> None:
    data, _ = small()
    lines = data.split(b"\n")
    lines[2] = lines[2][:-5]
    assert refusal(put(tmp_path, b"\n".join(lines))).startswith("line 3: not JSON")
    lines[2] = b""
    assert refusal(put(tmp_path, b"\n".join(lines))) == "line 3: the file is empty"
    lines[2] = b"[]"
    assert refusal(put(tmp_path, b"\n".join(lines))) == "line 3: expected an object, got []"
    lines[2] = b"[" * 200
    assert refusal(put(tmp_path, b"\n".join(lines))).startswith("nested deeper than")


def test_the_first_line(tmp_path: Path) -> None:
    data, _ = small()
    later = data.replace(b'"version":1', b'"version":7', 1)
    assert "written by a newer tracelab (version 7)" in refusal(put(tmp_path, later))
    assert refusal(put(tmp_path, data[:30])) == "a stream that ends in its first line"
    assert refusal(put(tmp_path, data[:20])).startswith("not JSON")


def test_lines_that_are_missing_or_in_the_wrong_order(tmp_path: Path) -> None:
    lines = lines_of(tmp_path)
    tail = [number for number, line in enumerate(lines) if "tail" in line][-2]
    block = number_of(lines, "block")
    assert told(tmp_path, [*lines, lines[-2]]).endswith("something follows the end")
    for wrong in (lines[:tail] + lines[tail + 1 :], lines[:block] + lines[block + 1 :]):
        assert "these events begin at " in told(tmp_path, wrong)
    assert "these events begin at " in told(tmp_path, [*lines[:block], lines[block], *lines[block:]])
    threads = number_of(lines, "threads")
    assert "the table is empty, got 0" in told(tmp_path, lines[:threads] + lines[threads + 1 :])


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("extra", 1, "unknown key 'extra'"),
        ("lane", 2, "expected a whole number, 0 to 0, got 2"),
        ("lane", None, "expected a whole number, 0 to 0, got None"),
        ("at", -1, "expected a whole number, 0 or more, got -1"),
        ("tail", [], "expected an object, got []"),
        ("tail", {"events": 0}, "tail.events: expected a whole number, 1 to 16000000, got 0"),
        (
            "tail",
            {"events": 10**12},
            "tail.events: expected a whole number, 1 to 16000000, got 1000000000000",
        ),
        ("tail", {"events": 5}, "'templates' is missing"),
    ],
)
def test_events_that_are_none(tmp_path: Path, key: str, value: object, problem: str) -> None:
    data, _ = written(stages(packing.program(4), [], []), STARTED + 900)
    lines = [json.loads(line) for line in data.splitlines()]
    number = number_of(lines, "tail")
    lines[number][key] = value
    assert told(tmp_path, lines).startswith(f"line {number + 1}") and problem in told(tmp_path, lines)


def test_rows_that_are_none(tmp_path: Path) -> None:
    for name, row, problem in (
        ("sites", [9, {}], "expected a whole number, 0 to "),
        ("sites", [0, {}], "'kind' is missing"),
        ("places", [0], "expected a list of 2 items, got 1"),
        ("visits", [0, [0, 0]], "expected a list of 3 items, got 2"),
        ("visits", [0, [99, 0, 0]], "expected a whole number, 0 to 3, got 99"),
        ("facts", [0, 1], "expected an object, got 1"),
        ("threads", [0, 1], "expected a text, got 1"),
    ):
        lines = lines_of(tmp_path)
        lines[number_of(lines, "sites")][name].append(row)
        assert problem in told(tmp_path, lines)


def test_a_tail_with_templates(tmp_path: Path) -> None:
    data, _ = written(stages(packing.program(), [900], [True]), STARTED + 900)
    lines = [json.loads(line) for line in data.splitlines()]
    number = number_of(lines, "block")
    lines[number]["tail"] = lines[number].pop("block")
    problem = told(tmp_path, lines)
    assert problem == f"line {number + 1}.tail: the events of a tail have no templates"


def test_too_many_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINES", 5)
    data, _ = small()
    assert refusal(put(tmp_path, data)) == "more than 5 lines"


def storm(folder: Path, files: int) -> tuple[int, int]:
    chance = random.Random(7)
    data, _ = small(summary=True)
    path = folder / "spoilt"
    read = refused = 0
    for number in range(files):
        if number % 2:
            spoilt = spoil_bytes(data, chance)
        else:
            lines = data.splitlines(keepends=True)
            at = chance.randrange(len(lines))
            lines[at] = spoil_structure(lines[at].decode(), chance).replace(b" ", b"") + b"\n"
            spoilt = b"".join(lines)
        path.write_bytes(spoilt)
        try:
            samples.look(load(path))
            read += 1
        except TraceFileError as error:
            refused += 1
            assert str(error).isprintable(), error
    return read, refused


def test_mutated_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 1000)
    read, refused = storm(tmp_path, 300)
    assert read > 15 and refused > 100 and read + refused == 300


@pytest.mark.slow
def test_many_mutated_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelab.exporters.ints.SHORT", 1000)
    read, refused = storm(tmp_path, 2000)
    assert read > 100 and refused > 700
