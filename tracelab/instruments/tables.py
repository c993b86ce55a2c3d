"""`datasets`: `map` and `filter`, the batches that they write, and what the table had before and after.

The user's function runs in a generator of the library and is nobody's method, so it is not a call.  The
tokenizer calls inside it are, below `map`; each batch that it made is a call of `ArrowWriter.write_batch`.
Whether a result came from the cache is seen from these calls, on the read side: then `map` reads a file and
writes no batch.  With `num_proc` the function runs in other processes, which are not recorded.

Columns and rows are read from the Arrow table inside the dataset, past whatever a subclass defines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..describe import home, instance_dict
from ..recorder import Tells
from .families import Family
from .features import length_of

Given = tuple[Any, ...]
Told = Mapping[str, Any] | None

_BATCHED, _BATCH_SIZE, _NUM_PROC = 4, 5, 15
"""Where these stand among the arguments of `Dataset.map` after `self`."""

_USUAL_BATCH = 1000


def arrow_in(dataset: Any) -> Any:
    """The pyarrow table inside a dataset; None where there is none that is pyarrow's own."""
    table = instance_dict(instance_dict(dataset).get("_data")).get("table")
    return table if home(type(table)) == ("pyarrow.lib", "Table") else None


def columns_in(dataset: Any) -> tuple[str, ...] | None:
    """The columns of a dataset."""
    table = arrow_in(dataset)
    return None if table is None else tuple(table.column_names)


def rows_in(dataset: Any) -> int | None:
    """How many rows a dataset has: those of its indices, if it was shuffled or selected."""
    chosen = instance_dict(instance_dict(dataset).get("_indices")).get("table")
    table = chosen if home(type(chosen)) == ("pyarrow.lib", "Table") else arrow_in(dataset)
    return None if table is None else int(table.num_rows)


def _argument(args: Given, kwargs: dict[str, Any], position: int, name: str, usual: Any) -> Any:
    return args[position] if len(args) > position else kwargs.get(name, usual)


def _mapping(dataset: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    columns, rows = columns_in(dataset), rows_in(dataset)
    if columns is None or rows is None:
        return None
    found: dict[str, Any] = {"rows": rows, "columns": columns}
    if _argument(args, kwargs, _BATCHED, "batched", False) is True:
        size = _argument(args, kwargs, _BATCH_SIZE, "batch_size", _USUAL_BATCH)
        found["batch_size"] = size if type(size) is int and size > 0 else rows
    processes = _argument(args, kwargs, _NUM_PROC, "num_proc", None)
    if type(processes) is int and processes > 0:
        found["num_proc"] = processes
        found["workers_recorded"] = False
    return found


def _mapped(dataset: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    before, after = columns_in(dataset), columns_in(output)
    if before is None or after is None:
        return None
    return {
        "rows_out": rows_in(output),
        "columns_out": after,
        "added": tuple([name for name in after if name not in before]),
        "removed": tuple([name for name in before if name not in after]),
    }


def _counting(dataset: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    rows = rows_in(dataset)
    return None if rows is None else {"rows": rows}


def _filtered(dataset: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    rows, columns = rows_in(output), columns_in(output)
    return None if rows is None or columns is None else {"rows_out": rows, "columns_out": columns}


def _writing(writer: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    batch = args[0] if args else kwargs.get("batch_examples")
    if type(batch) is not dict or not batch:
        return None
    lengths = [length for length in map(length_of, batch.values()) if length is not None]
    found = {"columns": tuple([name for name in batch if type(name) is str])}
    return {"rows": lengths[0], **found} if lengths else found


def _not_written(writer: Any, args: Given, kwargs: dict[str, Any], error: Exception, values: bool) -> Told:
    """Columns of different lengths: the function made more or fewer rows and left an old column as it was."""
    batch = args[0] if args else kwargs.get("batch_examples")
    if type(batch) is not dict:
        return None
    lengths = {name: length_of(column) for name, column in batch.items() if type(name) is str}
    known = {name: length for name, length in lengths.items() if length is not None}
    if len(set(known.values())) < 2:
        return None
    usual = Counter(known.values()).most_common(1)[0][0]
    odd = next(name for name, length in known.items() if length != usual)
    return {"column": odd, "problem": "length", "column_rows": tuple(known.items())}


_MAPS = Tells(before=_mapping, after=_mapped)

FAMILIES = (
    Family(
        base="datasets.arrow_dataset:Dataset",
        names=("map", "filter", "from_file"),
        tells={"map": _MAPS, "filter": Tells(before=_counting, after=_filtered)},
    ),
    Family(base="datasets.dataset_dict:DatasetDict", names=("map", "filter")),
    Family(
        base="datasets.arrow_writer:ArrowWriter",
        names=("write_batch", "write_table"),
        tells={"write_batch": Tells(before=_writing, failed=_not_written)},
    ),
)
