"""From rows to a batch: collators, the `DataLoader` around them, and the columns that the Trainer drops.

`default_data_collator` is imported by name everywhere and pickled by name into workers, so it stays as it is;
what is cut is the function of each framework that it looks up in its own module when it is called, and that
does all its work.  Its calls go by the name that the user wrote.

A `DataLoader` without workers fetches in this process: `fetch` joins the rows that the sampler chose and
hands them to `collate_fn`, so a collator of the user's is seen from outside at least.  With workers both run
in other processes, which are not recorded; what comes back is seen in `_process_data`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..describe import class_name, home, instance_dict
from ..recorder import Tells
from .collating import COLLATED, COLLATED_BY_DEFAULT, features_in
from .families import Family
from .features import MAX_ROWS, columns_of, rows_of
from .misfits import KEPT, misfits
from .tables import columns_in, rows_in

Given = tuple[Any, ...]
Told = Mapping[str, Any] | None


def _loading(loader: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    own = instance_dict(loader)
    found = {"workers": own.get("num_workers"), "batch_size": own.get("batch_size")}
    found = {name: value for name, value in found.items() if type(value) is int}
    if found.get("workers"):
        found["workers_recorded"] = False
    if own.get("drop_last") is True:
        found["drop_last"] = True
    return {**found, **_size(own.get("dataset"))}


def _size(dataset: Any) -> dict[str, Any]:
    """How many rows a list or a table has, and that there are none; of other datasets nothing is known."""
    rows = rows_of(dataset)
    number = rows_in(dataset) if rows is None else len(rows)
    if number is None:
        return {}
    return {"rows": number} if number else {"rows": 0, "problem": "empty"}


def _fetching(fetcher: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    wanted = rows_of(args[0]) if args else None
    return None if wanted is None else {"rows": len(wanted)}


def _not_fetched(fetcher: Any, args: Given, kwargs: dict[str, Any], error: Exception, values: bool) -> Told:
    if type(error) is StopIteration:
        return {"exhausted": True}
    wanted = (rows_of(args[0]) if args else None) or ()
    chosen = tuple([row for row in wanted if type(row) is int])
    found = _not_collated(fetcher, error)
    if not chosen or len(chosen) != len(wanted):
        return found
    at_fault = found.get("rows_at_fault", range(len(chosen)))
    return {**found, "dataset_rows": tuple([chosen[at] for at in at_fault if at < len(chosen)])[:MAX_ROWS]}


def _not_collated(fetcher: Any, error: Exception) -> dict[str, Any]:
    """What torch's own `default_collate`, which is no call, could not join: the rows stand in the frame."""
    module = sys.modules.get("torch.utils.data._utils.collate")
    if module is None or instance_dict(fetcher).get("collate_fn") is not vars(module)["default_collate"]:
        return {}
    entry = error.__traceback__
    while entry is not None and entry.tb_frame.f_code.co_name != "fetch":
        entry = entry.tb_next
    rows = None if entry is None else rows_of(entry.tb_frame.f_locals.get("data"))
    return {} if rows is None else misfits(rows, frozenset(), KEPT)


def _arriving(iterator: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    worker = args[1] if len(args) > 1 else None
    return {"worker": worker} if type(worker) is int else None


def _dropping(trainer: Any, args: Given, kwargs: dict[str, Any], output: Any, values: bool) -> Told:
    before, after = columns_in(args[0] if args else kwargs.get("dataset")), columns_in(output)
    if before is None or after is None:
        return None
    return {**_split(before, after), **_signature(instance_dict(trainer)), **_size(output)}


def _nothing_left(trainer: Any, args: Given, kwargs: dict[str, Any], error: Exception, values: bool) -> Told:
    columns, own = columns_in(args[0] if args else kwargs.get("dataset")), instance_dict(trainer)
    taken = own.get("_signature_columns")
    if columns is None or type(taken) is not list:
        return None
    return {**_split(columns, taken), **_signature(own)}


def _split(columns: Sequence[str], taken: Sequence[str]) -> dict[str, Any]:
    return {
        "dropped": tuple([name for name in columns if name not in taken]),
        "kept": tuple([name for name in columns if name in taken]),
    }


def _signature(trainer: dict[str, Any]) -> dict[str, Any]:
    """Which signature decides, and what it takes; nothing where the Trainer was told to keep all."""
    taken = trainer.get("_signature_columns")
    if type(taken) is not list:
        return {}
    model = trainer.get("model")
    for _ in range(3):  # PeftModel, its tuner, and the model that they wrap
        inside = instance_dict(model).get("_modules")
        wraps = home(type(model))[0].partition(".")[0] == "peft" and type(inside) is dict
        model = (inside.get("base_model") or inside.get("model") or model) if wraps and inside else model
    return {
        "signature": f"{class_name(type(model))}.forward",
        "accepted": tuple(sorted({name for name in taken if type(name) is str})),
    }


def _dropping_in_rows(collator: Any, args: Given, kwargs: dict[str, Any], values: bool) -> Told:
    rows, own = rows_of(features_in(args, kwargs)), instance_dict(collator)
    taken = own.get("signature_columns")
    if rows is None or type(taken) is not list:
        return None
    found = {"rows": len(rows), **_split(columns_of(rows[:MAX_ROWS]), taken)}
    named = own.get("model_name")
    return {**found, "signature": f"{named}.forward"} if type(named) is str else found


_COLLATORS = "transformers.data.data_collator"

FAMILIES = (
    *(
        Family(base=f"{_COLLATORS}:{name}", names=("__call__",), tells={"__call__": COLLATED})
        for name in ("DataCollatorMixin", "DataCollatorWithPadding", "DataCollatorForSeq2Seq")
    ),
    Family(
        base=f"{_COLLATORS}:",
        names=("torch_default_data_collator", "numpy_default_data_collator"),
        kind="function",
        called="default_data_collator",
        tells=dict.fromkeys(
            ("torch_default_data_collator", "numpy_default_data_collator"), COLLATED_BY_DEFAULT
        ),
    ),
    Family(
        base="transformers.trainer_utils:RemoveColumnsCollator",
        names=("__call__",),
        tells={"__call__": Tells(before=_dropping_in_rows)},
    ),
    Family(
        base="transformers.trainer:Trainer",
        names=("_remove_unused_columns",),
        tells={"_remove_unused_columns": Tells(after=_dropping, failed=_nothing_left)},
    ),
    # By way of `torch`: while torch itself is being loaded nothing can be patched yet.
    Family(
        base="torch:utils.data.DataLoader",
        names=("__iter__",),
        tells={"__iter__": Tells(before=_loading)},
    ),
    Family(
        base="torch:utils.data._utils.fetch._BaseDatasetFetcher",
        names=("fetch",),
        tells={"fetch": Tells(before=_fetching, failed=_not_fetched)},
    ),
    Family(
        base="torch:utils.data.dataloader._MultiProcessingDataLoaderIter",
        names=("_process_data",),
        tells={"_process_data": Tells(before=_arriving)},
    ),
)
