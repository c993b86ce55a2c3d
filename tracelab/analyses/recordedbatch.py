"""Batches of a trace that was recorded with values: joins what tokenizers, collators and models were given.

The ids, mask and labels are those that went into a model; where no model ran, those that a collator or a
tokenizer gave.  The names of the ids are those that any tokenizer of the trace used: a row that is one of a
tokenizer's rows has its letters too, and any other has the names of its ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..calls import Call, TokenBatch, Trace
from ..errors import BatchError
from ..values import ContainerSpec, Spec, TensorSpec
from .options import keeps_values
from .tokenrows import Known, Names, batch_of, checked

FIELDS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "labels")
NEEDED = "record with trace(values=True), or tracelab run --values"
KEPT = 256
"""Tensors of more elements are not kept."""


def token_batches(trace: Trace) -> list[TokenBatch]:
    """The batches in the order in which they were seen; BatchError where none is there."""
    if not keeps_values(trace):
        raise BatchError(f"a batch is shown by its ids, and this trace kept none: {NEEDED}")
    rows, known = _spelled(trace)
    seen = list(_into_models(trace)) or list(_out_of_collators(trace))
    found = [_batch(call, fields, rows, known) for call, fields in seen if _is_kept(fields)]
    if found:
        return found
    if seen:
        call, fields = seen[0]
        raise BatchError(
            f"{call.name} was given {fields['input_ids']}, more than the {KEPT} ids that a trace keeps; "
            "show the batch in the program: tracelab.show_batch(batch, tokenizer)"
        )
    found = [_of_tokenizer(call, known) for call in _tokenizers(trace) if call.facts.get("token_ids")]
    if not found:
        raise BatchError(
            "no batch is in this trace: no model was given input_ids and no tokenizer was called"
        )
    return found


def _into_models(trace: Trace) -> Iterator[tuple[Call, Mapping[str, TensorSpec]]]:
    """The calls of whole models with ids, but for the steps that decode one id at a time."""
    for call in trace.find(kind="module"):
        if call.path == "":
            fields = _fields(call.inputs)
            if fields and not call.step:
                yield call, fields


def _out_of_collators(trace: Trace) -> Iterator[tuple[Call, Mapping[str, TensorSpec]]]:
    for call in trace.calls:
        above = call.parent
        if isinstance(call.output, ContainerSpec) and (above is None or above.output != call.output):
            named: dict[str, Spec] = {str(key): spec for key, spec in call.output.items()}
            fields = _fields(named)
            if fields:
                yield call, fields


def _fields(given: Mapping[str, Spec]) -> dict[str, TensorSpec]:
    found = {name: given[name] for name in FIELDS if isinstance(given.get(name), TensorSpec)}
    ids = found.get("input_ids")
    return found if isinstance(ids, TensorSpec) and len(ids.shape) == 2 else {}  # type: ignore[return-value]


def _is_kept(fields: Mapping[str, TensorSpec]) -> bool:
    return fields["input_ids"].values is not None


def _batch(
    call: Call, specs: Mapping[str, TensorSpec], rows: Mapping[tuple[int, ...], Names], known: Known
) -> TokenBatch:
    fields = {name: made for name, spec in specs.items() if (made := _rows(spec)) is not None}
    names = []
    for number, row in enumerate(fields["input_ids"]):
        mask = fields["attention_mask"][number] if "attention_mask" in fields else None
        names.append(_placed(row, mask, rows, known.pad))
    return batch_of(checked(fields), names, known, call.name)


def _rows(spec: TensorSpec) -> list[Any] | None:
    """The elements of a tensor of one or two dimensions, in rows."""
    if spec.values is None or not 1 <= len(spec.shape) <= 2:
        return None
    values = list(spec.values)
    if len(spec.shape) == 1:
        return values
    wide = spec.shape[1] if isinstance(spec.shape[1], int) else 0
    return [values[start : start + wide] for start in range(0, len(values), wide)] if wide else None


def _placed(
    row: Sequence[int], mask: Sequence[int] | None, rows: Mapping[tuple[int, ...], Names], pad: int | None
) -> Names | None:
    """What a tokenizer said of a row, moved to where the row stands between its padding."""
    if mask is not None:
        kept = [place for place, one in enumerate(mask) if one]
    else:
        kept = [place for place, number in enumerate(row) if number != pad]
    if not kept:
        return None
    start, stop = kept[0], kept[-1] + 1
    names = rows.get(tuple(row[start:stop]))
    if names is None:
        return None
    before, after = [None] * start, [None] * (len(row) - stop)
    return Names(
        [*before, *names.tokens, *after],
        [*before, *names.texts, *after],
        [*(0 for _ in before), *names.special, *(0 for _ in after)],
        names.cut,
    )


# --- what the tokenizers said -----------------------------------------------------------------------------


def _tokenizers(trace: Trace) -> Iterator[Call]:
    for row in sorted(row for row, facts in trace.columns.facts.items() if "token_ids" in facts):
        call = Call(trace, row)
        if "ids" in call.facts:
            yield call


def _spelled(trace: Trace) -> tuple[dict[tuple[int, ...], Names], Known]:
    """The rows of all tokenizers by their ids without padding, and the names of all ids."""
    rows: dict[tuple[int, ...], Names] = {}
    names: dict[int, str] = {}
    special: set[int] = set()
    pads: set[int] = set()
    for _, facts in sorted(trace.columns.facts.items()):
        added = [pair for pair in _tuple(facts.get("added_tokens")) if _is_named(pair)]
        names.update(added)
        special.update(number for number, _ in added)
        for number in range(len(_tuple(facts.get("token_ids")))):
            ids, tokens = _row(facts, "token_ids", number, int), _row(facts, "tokens", number, str)
            names.update(zip(ids, tokens, strict=False))
            mask, spans = _row(facts, "special_mask", number, int), _row(facts, "spans", number, str)
            if not ids or not len(ids) == len(tokens) == len(mask) == len(spans):
                continue
            start, stop = _inside(ids, mask, facts)
            special.update(one for one, added in zip(ids, mask, strict=True) if added)
            pads.update((*ids[:start], *ids[stop:]))
            texts = [None if added else span for added, span in zip(mask, spans, strict=True)]
            rows[ids[start:stop]] = Names(
                tokens[start:stop], texts[start:stop], mask[start:stop], _cut(facts, number)
            )
    return rows, Known(names, frozenset(special), pads.pop() if len(pads) == 1 else None)


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if type(value) is tuple else ()


def _row(facts: Mapping[str, Any], name: str, number: int, kind: type) -> tuple[Any, ...]:
    """One row of a fact; a file may hold anything."""
    rows = _tuple(facts.get(name))
    row = _tuple(rows[number]) if number < len(rows) else ()
    return row if all(type(one) is kind for one in row) else ()


def _is_named(pair: Any) -> bool:
    return type(pair) is tuple and len(pair) == 2 and type(pair[0]) is int and type(pair[1]) is str


def _cut(facts: Mapping[str, Any], row: int) -> str | None:
    """The end at which the text of a row was cut."""
    ends = _tuple(facts.get("cut"))
    return ends[row] if row < len(ends) and ends[row] in ("left", "right") else None


def _inside(ids: Sequence[int], mask: Sequence[int], facts: Mapping[str, Any]) -> tuple[int, int]:
    """Where a row begins and ends without its padding: equal special ids at the padded end."""
    at = _tuple(facts.get("special_at"))
    if not facts.get("padded") or len(at) != 3 or not all(type(one) is int for one in at):
        return 0, len(ids)
    begin, _, end = at
    ordinary = [place for place, added in enumerate(mask) if not added]
    if not ordinary:
        return 0, len(ids)
    if facts.get("padding_side") == "left":
        return max(ordinary[0] - begin, 0), len(ids)
    return 0, min(ordinary[-1] + 1 + end, len(ids))


def _of_tokenizer(call: Call, known: Known) -> TokenBatch:
    """The rows that a tokenizer gave, which no model and no collator has made a batch of."""
    facts = call.facts
    rows = [_row(facts, "token_ids", number, int) for number in range(len(_tuple(facts["token_ids"])))]
    names = [
        Names(
            _row(facts, "tokens", number, str),
            _row(facts, "spans", number, str),
            _row(facts, "special_mask", number, int),
            _cut(facts, number),
        )
        for number in range(len(rows))
    ]
    made = batch_of({"input_ids": rows}, names, known, call.name)
    return TokenBatch(made.rows, (), made.seen)
