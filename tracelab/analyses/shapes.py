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
from itertools import chain, repeat
from typing import NamedTuple

from ..calls import Columns, bind
from ..events import UNKNOWN
from ..values import CacheSpec, ContainerSpec, Key, Spec, TensorSpec, first
from .repeats import Range, Sizes, summary
from .rows import Part, Rows

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
        first_like: dict[tuple[object, ...], int] = {}
        self._like = [
            first_like.setdefault((site.kind == "method", site.parameters, site.varargs), number)
            for number, site in enumerate(columns.sites)
        ]
        """For each site the first one whose arguments are bound alike: layers share what is found."""
        self._inputs: dict[tuple[int, int], TensorSpec | None] = {}
        self._outputs: dict[tuple[bool, int], TensorSpec | None] = {}
        self._choices: dict[tuple[object, ...], int | None] = {}
        self._known: dict[tuple[int, int, int], Ends] = {}

    def ends(self, row: int) -> Ends:
        """The main tensor in and out of one call."""
        columns = self._columns
        return self._ends((self._like[columns.site[row]], columns.inputs[row], columns.output[row]))

    def _ends(self, kind: tuple[int, int, int]) -> Ends:
        if kind not in self._known:
            columns = self._columns
            site, inputs, output = kind
            method = columns.sites[site].kind == "method"
            if (site, inputs) not in self._inputs:
                self._inputs[site, inputs] = self._main_input(site, inputs, method)
            if (method, output) not in self._outputs:
                spec = None if output == UNKNOWN else columns.specs[output]
                self._outputs[method, output] = _main(spec, OUTPUTS, named_only=method)
            self._known[kind] = Ends(self._inputs[site, inputs], self._outputs[method, output])
        return self._known[kind]

    def _main_input(self, site: int, inputs: int, method: bool) -> TensorSpec | None:
        columns = self._columns
        if inputs == UNKNOWN:
            return None
        signature = columns.signatures[inputs]
        specs = [columns.specs[number] for number in signature.positional]
        specs += [columns.specs[number] for _, number in signature.keywords]
        # Which argument is the main one hangs on names and kinds: in a loop both are the same each time.
        names = tuple([name for name, _ in signature.keywords])
        key = (site, len(signature.positional), names, *map(type, specs))
        if key not in self._choices:
            bound = bind(columns.sites[site], signature, columns.specs)
            self._choices[key] = _choice(
                list(bound.items()), (*METHOD_SOURCES, *INPUTS) if method else INPUTS
            )
        choice = self._choices[key]
        if choice is None:
            return first(ContainerSpec("arguments", tuple(enumerate(specs)), len(specs)), TensorSpec)
        chosen = specs[choice]
        assert isinstance(chosen, TensorSpec)
        return chosen

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

    def text(self, rows: Rows | Sequence[int]) -> str:
        """What went in and out of all these calls: `in → out`, once where both are the same, else ""."""
        ends = self._all_ends(rows if isinstance(rows, Rows) else Rows.of(rows))
        texts = [_side([end.before for end in ends]), _side([end.after for end in ends])]
        return " → ".join(dict.fromkeys(text for text in texts if text))

    def _all_ends(self, rows: Rows) -> list[Ends]:
        """The main tensors of all rows in order, or just one pair where all are the same."""
        found = [self._ends_of(part) for part in rows.parts]
        if all(ends == found[0] for ends in found) and found and len(found[0]) == 1:
            return found[0]
        return [
            end
            for ends, part in zip(found, rows.parts, strict=True)
            for end in (ends * part.size if len(ends) == 1 else ends)
        ]

    def _ends_of(self, part: Part) -> list[Ends]:
        """The same for one part."""
        if len(part.tops) == 1:
            return self._along([part.tops[0] + offset for offset in part.offsets], 0, None)
        sites = [self._columns.site[part.base + offset] for offset in part.offsets]
        found = [
            self._along(part.tops, offset, site) for offset, site in zip(part.offsets, sites, strict=True)
        ]
        if all(ends == found[0] for ends in found):
            return found[0] if len(found[0]) == 1 else [end for end in found[0] for _ in part.offsets]
        each = [ends * len(part.tops) if len(ends) == 1 else ends for ends in found]
        return list(chain.from_iterable(zip(*each, strict=True)))

    def _along(self, rows: Sequence[int], offset: int, site: int | None) -> list[Ends]:
        """The same for the calls at `offset` behind some rows; `site`: that of all of them, if it is one."""
        columns = self._columns
        inputs, output = columns.gather("inputs", rows, offset), columns.gather("output", rows, offset)
        if site is not None and len(set(inputs)) == 1 and len(set(output)) == 1:
            return [self._ends((self._like[site], inputs[0], output[0]))]
        sites = columns.gather("site", rows, offset) if site is None else repeat(site)
        like = map(self._like.__getitem__, sites)
        ends = [self._ends(kind) for kind in zip(like, inputs, output, strict=False)]
        different = {id(end): end for end in ends}
        return ends[:1] if all(end == ends[0] for end in different.values()) else ends


def _choice(fields: Sequence[tuple[Key, Spec]], names: Sequence[str]) -> int | None:
    """Position of the first tensor that has one of these names, by the order of the names."""
    places = {name: at for at, (name, spec) in enumerate(fields) if isinstance(spec, TensorSpec)}
    return next((places[name] for name in names if name in places), None)


def _main(spec: Spec | None, names: Sequence[str], named_only: bool = False) -> TensorSpec | None:
    if isinstance(spec, ContainerSpec):
        choice = _choice(spec.fields, names)
        if choice is not None:
            return first(spec.fields[choice][1], TensorSpec)
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
    different = list({id(spec): spec for spec in known}.values())
    if any(_kind(spec) != _kind(one) for spec in different):
        return "varied"
    steady = [len({spec.shape[at] for spec in different}) == 1 for at in range(len(one.shape))]
    sizes = tuple(str(one.shape[at] if steady[at] else size_range(known, at)) for at in range(len(one.shape)))
    return str(TensorSpec(sizes, one.dtype, one.device, type=one.type))


def size_range(specs: Sequence[TensorSpec], at: int) -> Range:
    """What one size was over many tensors of one rank."""
    return summary([spec.shape[at] for spec in specs])


def _kind(spec: TensorSpec) -> tuple[int, str, str, str]:
    return len(spec.shape), spec.dtype, spec.device, spec.type
