"""A flat trace that knows what repeats in it, to test analyses that do not visit every row.

`Repeated` is the double of a folded trace: the same arrays as `Columns`, but `twin` answers as boldly as it
may.  Two rows are twins if their subtrees have the same sites, places, endings and forms of arguments at
the same distances, wherever they stand.  It also counts how many numbers of its columns were read.
"""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Hashable, Iterator
from itertools import groupby
from typing import Any

from tests.analyses.recorded import llama_generate
from tests.builders import build
from tracelab.calls import Columns, Trace
from tracelab.events import UNKNOWN, Signature
from tracelab.values import CacheSpec, ContainerSpec, Spec, TensorSpec

COLUMNS = ("site", "place", "inputs", "output", "parent", "start", "duration", "status", "error", "thread")


class Read:
    """A column that counts what is read of it."""

    def __init__(self, numbers: array[int], count: list[int]) -> None:
        self._numbers = numbers
        self._count = count

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, row: int) -> int:
        self._count[0] += 1
        return self._numbers[row]

    def __iter__(self) -> Iterator[int]:
        self._count[0] += len(self._numbers)
        return iter(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._numbers

    def count(self, number: int) -> int:
        return self._numbers.count(number)


class Repeated(Columns):
    """Columns that know the twin of each row; `read` is how many numbers were looked up so far."""

    def __init__(self, flat: Columns, form: Any = None) -> None:
        super().__init__(**{f.name: getattr(flat, f.name) for f in dataclasses.fields(flat) if f.init})
        self.flat = flat
        self.twins = twins(flat, form or form_of)
        self.reads = [0]
        for name in COLUMNS:
            setattr(self, name, Read(getattr(flat, name), self.reads))

    @property
    def read(self) -> int:
        return self.reads[0]

    def twin(self, row: int) -> int:
        self.reads[0] += 1
        return self.twins[row]

    def children_of(self, row: int) -> Any:
        children = self.flat.children_of(row)
        self.reads[0] += len(children)
        return children

    def subtree_size(self, row: int) -> int:
        return self.flat.subtree_size(row)

    def rows_at(self, wanted: Any) -> list[int]:
        return self.flat.rows_at(wanted)

    def gather(self, column: str, rows: Any, offset: int = 0) -> list[int]:
        """Counts stretches of equal numbers: a folded trace has them as one."""
        numbers = self.flat.gather(column, rows, offset)
        self.reads[0] += sum(1 for _ in groupby(numbers))
        return numbers


def repeated(trace: Trace) -> Trace:
    """The same trace, told to an analysis by columns that know their twins."""
    return Trace(Repeated(trace.columns))


def twins(columns: Columns, form: Any) -> array[int]:
    """For each row the first row whose subtree has the same form."""
    forms = [form(spec) for spec in columns.specs]
    below: list[list[Hashable]] = [[] for _ in range(len(columns))]
    number_of: dict[Hashable, int] = {}
    numbers = [0] * len(columns)
    for row in range(len(columns) - 1, -1, -1):
        given: Hashable = None
        if columns.inputs[row] != UNKNOWN:
            positional, keywords = columns.signatures[columns.inputs[row]]
            given = (tuple(forms[at] for at in positional), tuple((name, forms[at]) for name, at in keywords))
        output = columns.output[row]
        own = (columns.site[row], columns.place[row], columns.status[row], columns.error[row])
        whole = (own, given, None if output == UNKNOWN else forms[output], tuple(reversed(below[row])))
        numbers[row] = number_of.setdefault(whole, len(number_of))
        if columns.parent[row] != UNKNOWN:
            below[columns.parent[row]].append((row - columns.parent[row], numbers[row]))
    first: dict[int, int] = {}
    return array("i", (first.setdefault(number, row) for row, number in enumerate(numbers)))


def form_of(spec: Spec) -> Hashable:
    """A spec without its sizes."""
    if isinstance(spec, TensorSpec):
        sizes = tuple(size if isinstance(size, str) else None for size in spec.shape)
        return "tensor", sizes, spec.dtype, spec.device, spec.type
    if isinstance(spec, CacheSpec):
        return "cache", spec.type, spec.layers, spec.length is None, spec.cross_length is None
    if isinstance(spec, ContainerSpec):
        return "container", spec.type, tuple((name, form_of(inner)) for name, inner in spec.fields)
    return spec


def long_generate(steps: int, layers: int) -> Trace:
    """`generate` with so many decode steps of 9 + 6·layers calls each, whose cache grows by one a step."""
    columns = build(llama_generate(decode=1, layers=layers)).columns
    trace = Trace(columns)
    loop = trace.find("*._sample")[0].id
    first = [row for row in trace.children_of(loop) if trace.calls[row].function.startswith("prepare")][-1]
    size = len(columns) - first
    forward = next(row for row in range(first, len(columns)) if trace.calls[row].function == "forward")
    step = {name: getattr(columns, name)[first:] for name in COLUMNS}
    took = sum(
        step["duration"][row - first]
        for row in range(first, len(columns))
        if step["parent"][row - first] == loop
    )
    for number in range(1, steps):
        for name in COLUMNS:
            getattr(columns, name).extend(step[name])
        columns.start[-size:] = array("q", (start + number * took for start in step["start"]))
        columns.parent[-size:] = array(
            "i", (above + (number * size if above >= first else 0) for above in step["parent"])
        )
        _grow(columns, forward, forward + number * size, number)
    row = loop
    while row != UNKNOWN:
        columns.duration[row] += took * (steps - 1)
        row = columns.parent[row]
    return Trace(columns)


def _grow(columns: Columns, model: int, row: int, by: int) -> None:
    """Give the call at `row` the inputs and output of `model`, with `by` tokens more in the cache."""
    (ids, mask, cache), output = columns.signatures[columns.inputs[model]].keywords, columns.output[model]
    before, came = columns.specs[cache[1]], columns.specs[output]
    assert isinstance(before, CacheSpec) and isinstance(came, ContainerSpec) and before.length is not None
    (logits, (name, after)) = came.fields
    assert isinstance(after, CacheSpec) and after.length is not None
    later = dataclasses.replace(after, length=after.length + by)
    columns.inputs[row], columns.output[row] = len(columns.signatures), len(columns.specs) + 1
    columns.signatures.append(Signature((), (ids, mask, (cache[0], len(columns.specs)))))
    columns.specs.append(dataclasses.replace(before, length=before.length + by))
    columns.specs.append(dataclasses.replace(came, fields=(logits, (name, later))))
