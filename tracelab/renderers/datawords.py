"""What a line of the tree says of a batch, a table or a load, in a few words.

    DataCollatorWithPadding.__call__  3 rows of 4–8, 33 % padding
    default_data_collator  column labels: ragged in rows 1, 2  ✗ ValueError
    Dataset.map  25 → 25 rows in 3 batches, + input_ids, − text
    BertForSequenceClassification.from_pretrained  bfloat16, eager, newly initialised: classifier
    classifier Linear  newly initialised
    cross_entropy  label out of range  ✗ IndexError

Facts may come from a file of a stranger: what is not of the kind that is expected is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .clean import clean

Facts = Mapping[str, Any]

_NAMED = 3
"""So many names are written out."""


def trouble(facts: Facts) -> str:
    """What is wrong or was never learnt; empty where nothing is."""
    problem = facts.get("problem")
    if problem == "empty":
        return "no rows"
    if problem == "length" and isinstance(facts.get("column_rows"), tuple):
        return clean("columns of different lengths: " + ", ".join(map(_pair, facts["column_rows"])))
    if facts.get("wrong"):
        return "label out of range"
    if facts.get("labels") and facts.get("ignored") == facts["labels"]:
        return "every label is ignored"
    if facts.get("mask") is False:
        return "padded without an attention_mask"
    if isinstance(problem, str) and "column" in facts:
        places = facts.get("dataset_rows") or facts.get("rows_at_fault")
        row = "row" if len(places or ()) == 1 else "rows"
        of = " of the dataset" if facts.get("dataset_rows") else ""
        return clean(f"column {facts['column']}: {problem} in {row} {_names(places)}{of}")
    return _fresh(facts.get("newly_initialised", ()), "weights" in facts)


def words(facts: Facts) -> tuple[str, ...]:
    """What the call had and made, what matters most first; empty where it is no call of the data side."""
    for name, say in _SAYERS.items():
        if name in facts:
            return tuple([clean(text) for text in say(facts)])
    return ()


def _fresh(weights: tuple[str, ...], of_load: bool) -> str:
    """A load names the modules; a module has weights of its own; what found them out says nothing."""
    if of_load and weights:
        modules = dict.fromkeys(name.rpartition(".")[0] or name for name in weights)
        return clean(f"newly initialised: {_names(modules)}")
    return "newly initialised" if weights and not any("." in name for name in weights) else ""


def _batch(facts: Facts) -> list[str]:
    lengths, share = facts.get("lengths"), facts["padding_share"]
    if not isinstance(share, float) or not isinstance(lengths, tuple) or not lengths:
        return []
    span = str(min(lengths)) if min(lengths) == max(lengths) else f"{min(lengths)}–{max(lengths)}"
    found = [f"{facts.get('rows')} rows of {span}, {share:.0%} padding".replace("%", " %")]
    if facts.get("labels_padded"):
        one = facts["labels_padded"] == 1
        found.append(f"{facts['labels_padded']} label{'' if one else 's'} padded")
    if "labels_masked" in facts:
        found.append(f"{facts['labels_masked']} masked")
    return found


def _loader(facts: Facts) -> list[str]:
    number = facts["workers"]
    return [f"{number} workers: what runs in them is not recorded"] if number else []


def _table(facts: Facts) -> list[str]:
    found = [f"{facts.get('rows')} → {facts.get('rows_out')} rows"]
    if facts.get("cached"):
        found = [f"{facts.get('rows_out')} rows from the cache"]
    elif "batches" in facts:
        found[0] += f" in {facts['batches']} batch{'' if facts['batches'] == 1 else 'es'}"
    if "num_proc" in facts and not facts.get("cached"):
        found.append(f"{facts['num_proc']} processes: what runs in them is not recorded")
    found += [f"+ {_names(facts['added'])}"] if facts.get("added") else []
    found += [f"− {_names(facts['removed'])}"] if facts.get("removed") else []
    return found


def _columns(facts: Facts) -> list[str]:
    if not facts["dropped"]:
        return []
    by = [f"not taken by {facts['signature']}"] if "signature" in facts else []
    return [f"dropped {_names(facts['dropped'])}", *by]


def _load(facts: Facts) -> list[str]:
    found = ["random weights"] if facts["weights"] == "random" else []
    found += [str(facts[name]) for name in ("dtype", "attention") if name in facts]
    for name in ("overridden", "missing", "unexpected", "mismatched"):
        if facts.get(name) and not (name == "missing" and facts.get("newly_initialised")):
            found.append(f"{name} {_names(facts[name])}")
    found += [f"{len(facts['tied'])} tied"] if facts.get("tied") else []
    return found


_SAYERS: dict[str, Callable[[Facts], list[str]]] = {
    "exhausted": lambda facts: ["no more rows"],
    "padding_share": _batch,
    "workers": _loader,
    "columns_out": _table,
    "dropped": _columns,
    "weights": _load,
}
"""Which fact makes a call one of the data side, and what is said of it."""


def _pair(given: Any) -> str:
    return " ".join(map(str, given)) if isinstance(given, tuple) else ""


def _names(given: Any) -> str:
    names = [str(one[0]) if isinstance(one, tuple) and one else str(one) for one in given or ()]
    shown = names[:_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
