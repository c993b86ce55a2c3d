"""What a step of generation shows of its model call: ids, mask, cache and logits, each looked up by name.

The arguments of 15,000 steps are mostly the same few signatures, so each is read once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..calls import Columns, bind
from ..events import UNKNOWN
from ..values import CacheSpec, ContainerSpec, Dim, Spec, TensorSpec, first
from .shapes import cache_in

IDS = ("decoder_input_ids", "input_ids")
EMBEDS = ("decoder_inputs_embeds", "inputs_embeds")
ENCODED = ("decoder_input_ids", "decoder_inputs_embeds", "encoder_outputs")
"""Arguments that only the forward of an encoder-decoder model is given."""

Shape = tuple[Dim, ...]


class Given(NamedTuple):
    """What came in: the first two sizes of ids or embeddings, the mask, the cache, the ids themselves.

    `packed`: how many sequences stand one behind another in a single row, in continuous batching.
    `embeds`: the argument in which embeddings came, where no ids did.
    """

    input: Shape | None
    mask: Shape | None
    cache: CacheSpec | None
    tokens: tuple[int, ...] | None
    packed: int | None
    embeds: str | None


class Came(NamedTuple):
    """What came out."""

    cache: CacheSpec | None
    logits: Shape | None


class ModelCalls:
    """Reads model calls by the numbers of their site, inputs and output."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._given: dict[tuple[int, int], Given] = {}
        self._came: dict[int, Came] = {}

    def given(self, site: int, inputs: int) -> Given:
        """What a call of `site` was given."""
        if (site, inputs) not in self._given:
            columns = self._columns
            known = inputs != UNKNOWN
            bound = bind(columns.sites[site], columns.signatures[inputs], columns.specs) if known else {}
            self._given[site, inputs] = _read(bound)
        return self._given[site, inputs]

    def prepared(self, output: int) -> Given:
        """What a call was given whose arguments another one has prepared: a mapping of them."""
        spec = None if output == UNKNOWN else self._columns.specs[output]
        fields = spec.fields if isinstance(spec, ContainerSpec) else ()
        return _read({name: value for name, value in fields if isinstance(name, str)})

    def came(self, output: int) -> Came:
        """What a call gave back."""
        if output not in self._came:
            spec = None if output == UNKNOWN else self._columns.specs[output]
            logits = spec.get("logits") if isinstance(spec, ContainerSpec) else None
            shape = logits.shape if isinstance(logits, TensorSpec) else None
            self._came[output] = Came(first(spec, CacheSpec), shape)
        return self._came[output]


def _read(inputs: dict[str, Spec]) -> Given:
    ids = _tensor(inputs, IDS)
    embeds = None if ids else next((name for name in EMBEDS if _tensor(inputs, (name,))), None)
    fed = _tensor(inputs, (embeds,)) if embeds else ids
    encoder_decoder = any(name in inputs for name in ENCODED)
    mask = _tensor(inputs, ("decoder_attention_mask" if encoder_decoder else "attention_mask",))
    return Given(
        None if fed is None else fed.shape[:2],
        None if mask is None else mask.shape,
        cache_in(inputs),
        _tokens(ids),
        _packed(_tensor(inputs, ("cu_seq_lens_q",))),
        embeds,
    )


def _packed(ends: TensorSpec | None) -> int | None:
    """Sequences in a row, of which the ends are given, and 0 before the first."""
    size = ends.shape[0] if ends is not None and len(ends.shape) == 1 else None
    return size - 1 if isinstance(size, int) else None


def _tensor(inputs: dict[str, Spec], names: Iterable[str]) -> TensorSpec | None:
    found = (inputs.get(name) for name in names)
    return next((spec for spec in found if isinstance(spec, TensorSpec)), None)


def _tokens(ids: TensorSpec | None) -> tuple[int, ...] | None:
    if ids is None or ids.values is None:
        return None
    return tuple(int(token) for token in ids.values if isinstance(token, int))
