"""One shape text for one call or for many: the main tensor in, the main tensor out.

A module may take ten arguments; what a reader wants is the one that carries the data.  It is chosen by its
name (ids and features before hidden states, before whatever tensor comes first), and so is the output
(logits before hidden states).  A method takes its source first (the audio before the decoder's ids), and
of a mapping that it returns only a field of such a name counts: the arguments that a helper prepares are
no result.  Over repetitions each size is written as it was: `1` where constant, `4…8`
where it grew evenly, `varied` otherwise.

    i64[1,4] → f32[1,1,99]      f32[1,50,32]      bool[1,1…6]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..calls import Columns, bind
from ..events import UNKNOWN
from ..values import CacheSpec, ContainerSpec, Spec, TensorSpec, first
from .repeats import Range, Sizes, summary

SOURCES = ("input_features", "input_values", "pixel_values")
METHOD_SOURCES = ("inputs", "segment_input", *SOURCES)
INPUTS = (
    "decoder_input_ids",
    "input_ids",
    *SOURCES,
    "decoder_inputs_embeds",
    "inputs_embeds",
    "hidden_states",
)
OUTPUTS = ("logits", "last_hidden_state", "sequences", "input_ids", *SOURCES)
CACHES = ("past_key_values", "cache_params")


class Ends(NamedTuple):
    """The main tensors of a call; None where there is none."""

    before: TensorSpec | None
    after: TensorSpec | None


class Shapes:
    """Finds the main tensors of rows; each kind of call is looked at once."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._inputs: dict[tuple[int, int], TensorSpec | None] = {}
        self._outputs: dict[tuple[bool, int], TensorSpec | None] = {}

    def ends(self, row: int) -> Ends:
        """The main tensor in and out of one call."""
        columns = self._columns
        site, inputs, output = columns.site[row], columns.inputs[row], columns.output[row]
        method = columns.sites[site].kind == "method"
        if (site, inputs) not in self._inputs:
            self._inputs[site, inputs] = self._main_input(site, inputs, method)
        if (method, output) not in self._outputs:
            spec = None if output == UNKNOWN else columns.specs[output]
            self._outputs[method, output] = _main(spec, OUTPUTS, named_only=method)
        return Ends(self._inputs[site, inputs], self._outputs[method, output])

    def _main_input(self, site: int, inputs: int, method: bool) -> TensorSpec | None:
        columns = self._columns
        if inputs == UNKNOWN:
            return None
        bound = bind(columns.sites[site], columns.signatures[inputs], columns.specs)
        given = ContainerSpec("arguments", tuple(bound.items()), len(bound))
        return _main(given, (*METHOD_SOURCES, *INPUTS) if method else INPUTS)

    def sizes(self, row: int) -> Sizes:
        """All sizes of the main tensors, in one flat tuple, to compare repetitions by."""
        return tuple(size for end in self.ends(row) if end is not None for size in end.shape)

    def cache_length(self, row: int) -> int | None:
        """Tokens in the cache at the entry of a call, None where it was given none or none that counts."""
        columns = self._columns
        if columns.inputs[row] == UNKNOWN:
            return None
        site = columns.sites[columns.site[row]]
        bound = bind(site, columns.signatures[columns.inputs[row]], columns.specs)
        cache = cache_in(bound)
        return None if cache is None else cache.length

    def text(self, rows: Sequence[int]) -> str:
        """What went in and out of all these calls: `in → out`, once where both are the same, else ""."""
        ends = [self.ends(row) for row in rows]
        texts = [_side([end.before for end in ends]), _side([end.after for end in ends])]
        return " → ".join(dict.fromkeys(text for text in texts if text))


def _main(spec: Spec | None, names: Sequence[str], named_only: bool = False) -> TensorSpec | None:
    if isinstance(spec, ContainerSpec):
        named = (spec.get(name) for name in names)
        chosen = next((inner for inner in named if isinstance(inner, TensorSpec)), None)
        if chosen is not None:
            return chosen
        if named_only and spec.fields and isinstance(spec.fields[0][0], str):
            return None
    return first(spec, TensorSpec)


def cache_in(inputs: dict[str, Spec]) -> CacheSpec | None:
    """The cache among the arguments of a call: by its usual names, else the first one there is."""
    named = [inputs[name] for name in CACHES if name in inputs]
    return next((spec for spec in (*named, *inputs.values()) if isinstance(spec, CacheSpec)), None)


def _side(specs: Sequence[TensorSpec | None]) -> str:
    known = [spec for spec in specs if spec is not None]
    if not known or len(known) < len(specs):
        return "varied" if known else ""
    one = known[0]
    if any(_kind(spec) != _kind(one) for spec in known):
        return "varied"
    sizes = tuple(str(size_range(known, at)) for at in range(len(one.shape)))
    return str(TensorSpec(sizes, one.dtype, one.device, type=one.type))


def size_range(specs: Sequence[TensorSpec], at: int) -> Range:
    """What one size was over many tensors of one rank."""
    return summary([spec.shape[at] for spec in specs])


def _kind(spec: TensorSpec) -> tuple[int, str, str, str]:
    return len(spec.shape), spec.dtype, spec.device, spec.type
