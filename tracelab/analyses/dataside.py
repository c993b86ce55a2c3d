"""What the calls around it say of `map` and of a collation that failed.

Dataset.map   batches, batch_rows   of the batches that it wrote
              cached                it read a file and wrote no batch; False where it wrote
a collator    dataset_rows          the rows of the dataset that are at fault: their places in the batch,
                                    looked up in what the sampler chose
"""

from __future__ import annotations

from collections.abc import Mapping

from ..calls import Call, Trace
from ..events import UNKNOWN

_WRITES = ("write_batch", "write_table")


def derived_facts(trace: Trace, call: Call) -> Mapping[str, object]:
    """What is known of a call of the data side besides what was recorded of it."""
    said = trace.columns.facts.get(call.id)
    if not said:
        return {}
    if call.function == "map" and "columns_out" in said:
        return _mapped(trace, call.id, "batch_size" in said)
    if said.get("rows_at_fault") and "dataset_rows" not in said:
        return _at_fault(trace, call.id, said["rows_at_fault"])
    return {}


def _mapped(trace: Trace, row: int, batched: bool) -> dict[str, object]:
    columns = trace.columns
    below = [(child, columns.sites[columns.site[child]]) for child in columns.children_of(row)]
    writes = [child for child, site in below if site.owner.endswith("Writer") and site.function in _WRITES]
    read = any(site.function == "from_file" for _, site in below)
    if not writes:
        return {"cached": True} if read else {}
    found: dict[str, object] = {"cached": False}
    if batched:
        found["batches"] = len(writes)
        sizes = [columns.facts.get(child, {}).get("rows") for child in writes]
        if all(type(size) is int for size in sizes):
            found["batch_rows"] = tuple(sizes)
    return found


def _at_fault(trace: Trace, row: int, places: object) -> dict[str, object]:
    columns = trace.columns
    for _ in range(3):  # the Trainer may have wrapped the collator
        row = columns.parent[row]
        if row == UNKNOWN:
            return {}
        chosen = columns.facts.get(row, {}).get("dataset_rows")
        if type(chosen) is tuple and type(places) is tuple:
            return {"dataset_rows": tuple([chosen[at] for at in places if 0 <= at < len(chosen)])}
    return {}
