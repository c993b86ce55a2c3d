"""What a decoding loop knows and no shape tells: its mode, the rows that are finished, scores and choices.

    loop              mode, beams, return_sequences,     from its `generation_config`
                      temperature (not 1)
    _prefill          cache_layers                       shapes of the cache after the prompt
    criterion         finished                           rows for which it said stop
    criteria          chosen                             the ids that came last           (values only)
    processors        scores                             the highest, before any ran      (values only)
    processor         scores                             the highest, after it ran        (values only)

Which rows are finished is read where the flags are in the memory of the host: on an accelerator reading
them would make it wait.  There, without values, only the criterion of the length is known, from the shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..describe import best, home, instance_dict, last_ids, layers_of_cache, shape_of, true_rows
from ..recorder import Tells

LOOPS = {
    "_sample": "greedy",
    "_beam_search": "beam",
    "_assisted_decoding": "assisted",
    "_group_beam_search": "group beam",
    "_constrained_beam_search": "constrained beam",
    "_contrastive_search": "contrastive",
    "_dola_decoding": "dola",
}
"""Decoding loops of transformers 4.57 to 5, and the mode that each means when nothing is sampled."""

KEPT_SCORES = 10
"""So many of the highest scores of a row are kept."""

KEPT_IDS = 64
"""So many of the last ids of a single row are kept: assisted decoding may choose several at once."""

_CHOICES = {"beams": "num_beams", "return_sequences": "num_return_sequences"}


def of_loop(function: str) -> Tells:
    """What the decoding loop `function` tells at its entry."""

    def mode(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool) -> Mapping[str, Any]:
        config = instance_dict(kwargs.get("generation_config"))
        sampled = config.get("do_sample") is True
        word = LOOPS[function]
        found: dict[str, Any] = {
            "mode": ("sample" if word == "greedy" else f"{word} sample") if sampled else word
        }
        found.update({fact: config[name] for fact, name in _CHOICES.items() if type(config.get(name)) is int})
        temperature = config.get("temperature")
        if sampled and type(temperature) is float and temperature != 1.0:
            found["temperature"] = temperature
        return found

    return Tells(before=mode)


def _argument(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _finished(
    criterion: Any, args: tuple[Any, ...], kwargs: dict[str, Any], said: Any, values: bool
) -> Mapping[str, Any] | None:
    found = true_rows(said, waits=values)
    if found is None:
        shape = shape_of(_argument(args, kwargs, 0, "input_ids"))
        found = _too_long(criterion, shape) if type(said) is not bool else _all_rows(shape) if said else ()
    return {"finished": found} if found else None


def _all_rows(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(range(shape[0])) if shape and type(shape[0]) is int else ()


def _too_long(criterion: Any, shape: tuple[Any, ...]) -> tuple[int, ...] | None:
    """The rows for which the criterion of the length says stop: all of them or none, by their shape."""
    if home(type(criterion)) != ("transformers.generation.stopping_criteria", "MaxLengthCriteria"):
        return None
    longest = instance_dict(criterion).get("max_length")
    if type(longest) is not int or len(shape) != 2 or type(shape[1]) is not int:
        return None
    return _all_rows(shape) if shape[1] >= longest else ()


def _chosen(
    criteria: Any, args: tuple[Any, ...], kwargs: dict[str, Any], values: bool
) -> Mapping[str, Any] | None:
    ids = _argument(args, kwargs, 0, "input_ids")
    shape = shape_of(ids)
    found = last_ids(ids, KEPT_IDS if shape[:1] == (1,) else 1)
    return {"chosen": found} if found else None


def _scores(find: Callable[..., Any]) -> Callable[..., Mapping[str, Any] | None]:
    def scores(
        it: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *more: Any
    ) -> Mapping[str, Any] | None:
        found = best(find(args, kwargs, *more), KEPT_SCORES)
        return {"scores": found} if found else None

    return scores


def _cached(
    model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any, values: bool
) -> Mapping[str, Any] | None:
    given = _argument(args, kwargs, 2, "model_kwargs")
    for names in (given if type(given) is dict else {}, instance_dict(output)):
        for name in ("past_key_values", "cache_params"):
            found = layers_of_cache(names.get(name))
            if found:
                return {"cache_layers": found}
    return None


CACHED = Tells(after=_cached)
CONTINUOUS = Tells(before=lambda *_: {"mode": "continuous"})
FINISHED = Tells(after=_finished)
CHOSEN = Tells(before=_chosen, of_values=True)
SCORES_BEFORE = Tells(
    before=_scores(lambda args, kwargs, _: _argument(args, kwargs, 1, "scores")), of_values=True
)
SCORES = Tells(after=_scores(lambda args, kwargs, output, _: output), of_values=True)
