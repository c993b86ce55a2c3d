"""A packed trace as a file: comes back packed, row by row what it was, small and soon."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tests.rows
import tests.test_fold
from tests.exporters import packing
from tests.packed import packed, seen
from tests.packing.lanes import VISITS, Book, grown, loop
from tests.rows import STARTED, recording
from tests.test_fold_forests import Planned, Writer, forests
from tests.test_folded import PROGRAMS
from tracelab.calls import Columns, Trace
from tracelab.calls.folded import Folded
from tracelab.events import Lane, Place, Recording, Site
from tracelab.exporters import ints, limits, load, schema
from tracelab.exporters.ints import Budget
from tracelab.exporters.json import decode, encode
from tracelab.fold import fold
from tracelab.packing import Packer
from tracelab.values import ContainerSpec, Spec

VALIDATOR = jsonschema.Draft202012Validator(schema())


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments from 8 events on, so that small examples have many of them."""
    monkeypatch.setattr("tracelab.packing.cuts.SHORT", 8)


def again(trace: Trace) -> Trace:
    return decode("".join(encode(trace)).encode("ascii"))


def same(trace: Trace, back: Trace) -> None:
    """Everything is what it was; meta and counts too."""
    one, other = trace.columns, back.columns
    assert type(other) is type(one)
    assert seen(other) == seen(one)
    assert (other.sites, other.places, other.threads) == (one.sites, one.places, one.threads)
    assert (other.meta, other.dropped, other.faults) == (one.meta, one.dropped, one.faults)


@pytest.mark.parametrize("summary", [False, True])
def test_a_packed_trace_comes_back_packed(tmp_path: Path, summary: bool) -> None:
    trace = packing.trace(summary=summary)
    trace.save(tmp_path / "run.json")
    trace.save(tmp_path / "run.json.gz")
    for suffix in (".json", ".json.gz"):
        back = load(tmp_path / f"run{suffix}")
        assert isinstance(back.columns, Folded)
        same(trace, back)
        same(trace, again(back))
        # 40 steps of a call with 4 + 1 below, in one root
        assert back.recorded == 241
        assert (back.dropped, back.internal_errors, back.complete) == (3, 2, False)
        assert [back.calls[row].status for row in (0, 1, 6)] == ["open", "ok", "error"]
        assert back.calls[0].facts == {"a": 1} and back.calls[1].facts == {"a": 2, "b": 1}
        assert str(back) == str(trace)


def test_sums_of_times_come_back() -> None:
    trace = packing.trace(summary=True)
    one, other = trace.columns, again(trace).columns
    assert isinstance(one, Folded) and isinstance(other, Folded)
    times = [one.times_of(row) for row in range(len(one))]
    assert any(times) and [other.times_of(row) for row in range(len(other))] == times


def test_unfolded_on_request(tmp_path: Path) -> None:
    trace = packing.trace()
    trace.save(tmp_path / "flat.json", fold=False)
    document = json.loads((tmp_path / "flat.json").read_text())
    assert "packed" not in document and len(document["calls"]["site"]) == 241
    VALIDATOR.validate(document)
    back = load(tmp_path / "flat.json")
    assert not isinstance(back.columns, Folded)
    assert seen(back.columns) == seen(trace.columns)


def test_few_calls_are_written_flat(tmp_path: Path) -> None:
    Trace(fold(packing.program(2), STARTED + 1000)).save(tmp_path / "few.json")
    assert "calls" in json.loads((tmp_path / "few.json").read_text())


def test_what_is_nested_beyond_the_limits_is_written_flat(tmp_path: Path) -> None:
    deep: Spec = ContainerSpec("Innermost", (), 0)
    for _ in range(limits.LEVELS + 1):
        deep = ContainerSpec("list", ((0, deep),), 1)
    program = packing.program()
    program.specs[0] = deep
    trace = Trace(fold(packed(program), STARTED + 5000))
    assert isinstance(trace.columns, Folded)
    trace.save(tmp_path / "run.json")
    assert "calls" in json.loads((tmp_path / "run.json").read_text())
    assert load(tmp_path / "run.json").recorded == 241


@pytest.mark.parametrize("summary", [False, True])
def test_packed_files_fit_the_schema(tmp_path: Path, summary: bool) -> None:
    VALIDATOR.validate(packing.document(tmp_path, summary=summary))


def test_a_document_with_both_forms_or_none_is_refused_by_the_schema(tmp_path: Path) -> None:
    document = packing.document(tmp_path)
    both = {**document, "errors": [], "signatures": [], "specs": [], "facts": {}, "calls": {}}
    assert not VALIDATOR.is_valid(both)
    del document["packed"]
    assert not VALIDATOR.is_valid(document)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(
    roots=forests(levels=4, handlers=True),
    times=st.integers(1, 12),
    portions=st.lists(st.integers(1, 300), max_size=6),
    left=st.integers(0, 40),
    cut=st.integers(0, 60),
    summary=st.booleans(),
    fold_it=st.booleans(),
)
def test_any_loop_over_any_forest(
    roots: list[Planned],
    times: int,
    portions: list[int],
    left: int,
    cut: int,
    summary: bool,
    fold_it: bool,
) -> None:
    writer = Writer(0)
    for _ in range(times):
        for root in roots:
            writer.run(root)
    rows = writer.lane.rows[: len(writer.lane.rows) - cut]
    program = packed(recording(Lane("main", rows)), portions, min(left, len(rows)), summary)
    trace = Trace(fold(program, STARTED + writer.clock))
    text = "".join(encode(trace, fold_it))
    back = decode(text.encode("ascii"))
    assert isinstance(back.columns, Folded) == (fold_it and isinstance(trace.columns, Folded))
    assert seen(back.columns) == seen(trace.columns)
    VALIDATOR.validate(json.loads(text))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(first=forests(levels=3), second=forests(levels=3), times=st.integers(1, 6), apart=st.booleans())
def test_two_threads(first: list[Planned], second: list[Planned], times: int, apart: bool) -> None:
    lanes = []
    for name, roots in (("one", first), ("two", second)):
        writer = Writer(0)
        for root in roots * times:
            writer.run(root)
        later = 10**6 if apart and name == "two" else 0
        rows = writer.lane.rows
        lanes.append(
            Lane(name, [n + later if at % 3 == 2 and rows[at - 2] != -1 else n for at, n in enumerate(rows)])
        )
    trace = Trace(fold(packed(recording(*lanes), [40, 90]), STARTED + 10**7))
    same(trace, again(trace))


def test_every_number_of_a_file_is_no_reading_of_the_clock_of_the_machine(tmp_path: Path) -> None:
    # the recording begins at 7,000 on the clock: nothing in the file may be counted from anywhere else
    first, *_ = packing.document(tmp_path)["packed"]["lanes"][0]
    assert first["first"] == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_of_the_flat_fold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def through_a_file(program: Recording, now: int) -> Columns:
        flat = fold(program, now)
        long = [([3000] * 9, 0)]
        for portions, left in long if len(flat) > 200 else [([], 0), ([], 6), ([9, 12, 15], 0), ([4, 30], 7)]:
            back = again(Trace(fold(packed(program, portions, left), now)))
            assert seen(back.columns) == seen(flat)
            compared.append(name)
        return flat

    monkeypatch.setattr(tests.test_fold, "fold", through_a_file)
    monkeypatch.setattr(tests.rows, "fold", through_a_file)
    test = getattr(tests.test_fold, name)
    for extra in ((1,), (2,)) if "extra" in test.__code__.co_varnames else ((),):
        test(*extra)
    assert compared


# --- size and time -------------------------------------------------------------------------------


def long(rows: list[int], summary: bool = False) -> Trace:
    """A trace of rows of the made-up lanes, packed in portions of some 4,000 calls."""
    book = Book()
    packer = Packer(book.given, book.came, VISITS, summary)
    blocks, at = [], 0
    while at < len(rows):
        block, used = packer.pack(rows[at : at + 24_000])
        blocks.append(block)
        at += used
    sites = [Site("module", "M", "M", f"f{number}", path=f"a.{number}") for number in range(10)]
    places = [Place("a.py", number) for number in range(3)]
    lanes = [Lane("main", [], blocks, packer)]
    program = Recording(sites, places, list(VISITS), lanes=lanes)
    return Trace(fold(program, rows[-1] + 10))


@pytest.fixture(scope="module")
def repeated_rows() -> list[int]:
    return loop(65, 1540)  # 100,100 calls and two around them


def timed(trace: Trace, path: Path) -> tuple[Trace, float, float]:
    began = time.process_time()
    trace.save(path)
    written = time.process_time()
    back = load(path)
    return back, written - began, time.process_time() - written


@pytest.mark.parametrize(("summary", "most"), [(False, 1_000_000), (True, 100_000)])
def test_a_hundred_thousand_repeated_calls(
    repeated_rows: list[int], tmp_path: Path, summary: bool, most: int
) -> None:
    trace = long(repeated_rows, summary)
    back, wrote, read = timed(trace, tmp_path / "run.json")
    assert isinstance(back.columns, Folded) and back.recorded == 100_102
    assert (tmp_path / "run.json").stat().st_size < most
    assert wrote < 1 and read < 1  # 0.03 s each
    rows = random.Random(0).sample(range(100_102), 300)
    for name in ("site", "parent", "start", "duration", "status"):
        column, other = getattr(trace.columns, name), getattr(back.columns, name)
        assert [column[row] for row in rows] == [other[row] for row in rows]


def test_calls_that_never_repeat(tmp_path: Path) -> None:
    rows, calls = grown(1, 30_000)
    back, wrote, read = timed(long(rows), tmp_path / "run.json")
    assert back.recorded == calls
    assert wrote < 0.6 and read < 1.5  # a tenth of 300,000 calls: 0.03 and 0.1 s


# --- whole numbers as a text ---------------------------------------------------------------------

NUMBERS = st.lists(
    st.integers(-(2**63), 2**63 - 1) | st.integers(-200, 300) | st.integers(0, 2**32 - 1), max_size=60
)


@settings(deadline=None, max_examples=200)
@given(NUMBERS)
def test_numbers_come_back(numbers: list[int]) -> None:
    told = ints.encode(numbers)
    assert isinstance(told, list) == (len(numbers) <= ints.SHORT)
    assert list(ints.decode(json.loads(json.dumps(told)), Budget())) == numbers


def test_numbers_take_the_narrowest_type() -> None:
    for letter, most in (("b", 127), ("h", 128), ("h", 32767), ("I", 32768), ("I", 2**32 - 1), ("q", 2**32)):
        assert ints.text([0] * 20 + [most])[:2] == f"{letter}:"
    for letter, least in (("b", -128), ("h", -129), ("i", -32769), ("q", -(2**31) - 1)):
        assert ints.text([0] * 20 + [least])[:2] == f"{letter}:"
    with pytest.raises(OverflowError, match="more than 64 bits"):
        ints.text([2**63] * 20)
