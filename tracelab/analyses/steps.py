"""The steps of generation: one row for each time a decoding loop ran its model.

    prefill   the prompt (all of it, or a chunk of it) goes in
    decode    one more token a row
    draft     a step of the assistant model in assisted decoding
    verify    the target model checks the drafted tokens

Everything is read from the calls that `loops` has found: shapes from the inputs of the model call, the
cache as it was at its entry.  `cache_after` comes from the output if that holds the cache, otherwise from
the entry of the loop's next step, and is unknown otherwise.  `tokens` are the ids that went in; they are
there only where values were kept.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..calls import Call, Step, Trace
from ..values import CacheSpec, ContainerSpec, Dim, Spec, TensorSpec, first
from .batches import copies, loop_facts
from .loops import ASSISTED, Loop, passes
from .shapes import cache_in

IDS = ("decoder_input_ids", "input_ids")
EMBEDS = ("decoder_inputs_embeds", "inputs_embeds")
ENCODED = ("decoder_input_ids", "decoder_inputs_embeds", "encoder_outputs")
"""Arguments that only the forward of an encoder-decoder model is given."""


def steps(trace: Trace) -> list[Step]:
    """The steps of every decoding loop, in start order; the index begins at 0 in each loop."""
    found: list[Step] = trace.memo("steps", lambda: _all_steps(trace))
    return list(found)


def step_of(trace: Trace, call: Call) -> int | None:
    """Index of the innermost step that `call` belongs to, None outside a decoding loop."""
    index = passes(trace).step_of(call.id)
    return None if index < 0 else index


def step_indices(trace: Trace) -> array[int]:
    """The same for every row at once, -1 for none."""
    return passes(trace).step_at()


def rows_in_step(trace: Trace, index: int) -> list[int]:
    """The rows that belong to a step of this index, whatever their loop; none for a negative index."""
    return passes(trace).rows_in(index) if index >= 0 else []


def _all_steps(trace: Trace) -> list[Step]:
    found: list[Step] = []
    for loop in passes(trace).loops.values():
        found += _steps_of(trace, loop)
    return sorted(found, key=lambda step: step.call.id)


def _steps_of(trace: Trace, loop: Loop) -> list[Step]:
    made_by = Call(trace, loop.row)
    facts = loop_facts(made_by)
    made: list[Step] = []
    for row, index, below_prefill in loop.steps:
        step = _step(Call(trace, row), made_by, index, _phase(loop, made_by, index, below_prefill), facts)
        if made and made[-1].cache_after is None:
            made[-1] = replace(made[-1], cache_after=step.cache_before)
        made.append(step)
    return made


def _phase(loop: Loop, made_by: Call, index: int, below_prefill: bool) -> str:
    if loop.nested:
        return "draft"
    if below_prefill or (index == 0 and not loop.prefilled):
        return "prefill"
    return "verify" if made_by.function == ASSISTED else "decode"


def _step(call: Call, loop: Call, index: int, phase: str, facts: dict[str, Any]) -> Step:
    inputs, output = call.inputs, call.output
    ids = _tensor(inputs, IDS)
    fed = ids or _tensor(inputs, EMBEDS)
    encoder_decoder = any(name in inputs for name in ENCODED)
    mask = _tensor(inputs, ("decoder_attention_mask" if encoder_decoder else "attention_mask",))
    before = cache_in(inputs)
    after = first(output, CacheSpec)
    logits = output.get("logits") if isinstance(output, ContainerSpec) else None
    shape = None if fed is None else fed.shape[:2]
    return Step(
        index=index,
        phase=phase,
        call=call,
        loop=loop,
        input=shape,
        mask=None if mask is None else mask.shape,
        cache_before=None if before is None else before.length,
        cache_after=None if after is None else after.length,
        cross_length=_cross((after, before)),
        logits=logits.shape if isinstance(logits, TensorSpec) else None,
        tokens=_tokens(ids),
        duration=call.duration,
        facts=_step_facts(shape, facts),
    )


def _tensor(inputs: dict[str, Spec], names: Iterable[str]) -> TensorSpec | None:
    found = (inputs.get(name) for name in names)
    return next((spec for spec in found if isinstance(spec, TensorSpec)), None)


def _cross(caches: Iterable[object]) -> int | None:
    known = (cache.cross_length for cache in caches if isinstance(cache, CacheSpec))
    return next((length for length in known if length is not None), None)


def _tokens(ids: TensorSpec | None) -> tuple[int, ...] | None:
    if ids is None or ids.values is None:
        return None
    return tuple(int(token) for token in ids.values if isinstance(token, int))


def _step_facts(shape: tuple[Dim, ...] | None, facts: dict[str, Any]) -> dict[str, Any]:
    """What is known of the loop, and `rows` (of the input) and `batch` (inputs behind these rows)."""
    known = dict(facts)
    if shape and isinstance(shape[0], int):
        known["rows"] = shape[0]
        times, _ = copies(facts)
        if facts and shape[0] % times == 0:
            known["batch"] = shape[0] // times
    return known
