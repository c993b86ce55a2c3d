"""Facts as a file has them: those that analyses take apart must be made as instruments make them.

A fact is plain data, and most are only shown.  Others are taken apart: ids and scores, labels that are
counted, losses, shares of padding, names of weights.  `FORMS` says what each of them is; another value under
its name is refused here, with its place, and not met in the middle of a table.  The lines of a call are no
plain data, and `passes` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import links
from ..passes import IDENTITIES, LINES, MOST_PLACES, Pass
from . import passes, plain
from .expect import at, mapping, unexpected

Form = Callable[[Any], bool]


def _is(*kinds: type) -> Form:
    return lambda value: type(value) in kinds


def _all(form: Form) -> Form:
    return lambda value: type(value) is tuple and all(map(form, value))


def _each(*forms: Form) -> Form:
    def fits(value: Any) -> bool:
        if type(value) is not tuple or len(value) != len(forms):
            return False
        return all(form(one) for form, one in zip(forms, value, strict=True))

    return fits


def _either(*forms: Form) -> Form:
    return lambda value: any(form(value) for form in forms)


def _share(value: Any) -> bool:
    return type(value) is float and 0 <= value <= 1


def _named(value: Any) -> bool:
    """A tuple that begins with a name."""
    return type(value) is tuple and len(value) > 0 and type(value[0]) is str


def _positive(value: Any) -> bool:
    return type(value) is int and value > 0


_INT, _TEXT, _FLAG, _FLOAT = _is(int), _is(str), _is(bool), _is(float)
_NUMBER = _is(int, float, bool)
_SIZES, _TEXTS = _all(_INT), _all(_TEXT)
_SIZE = _is(int, type(None))

GENERATION: Mapping[str, Form] = {
    "mode": _TEXT,
    "finished": _SIZES,
    "chosen": _all(_SIZES),
    "scores": _all(_all(_each(_INT, _is(int, float)))),
    "cache_layers": _all(_each(_INT, _TEXT, _SIZES, _SIZES, _TEXT, _INT, _SIZE, _SIZE)),
}
LOSSES: Mapping[str, Form] = {
    **dict.fromkeys(("function", "reduction", "problem_type"), _TEXT),
    **dict.fromkeys(("labels", "ignored", "wrong", "classes", "ignore_index"), _INT),
    **dict.fromkeys(("num_items_in_batch", "smoothing", "value"), _NUMBER),
    **dict.fromkeys(("shifted", "weighted"), _FLAG),
    **dict.fromkeys(("out_of_range", "wrong_labels"), _SIZES),
    "denominator": _NUMBER,
}
TRAINING: Mapping[str, Form] = {
    **dict.fromkeys(("loss", "norm", "grad_norm"), _FLOAT),
    "learning_rate": _either(_FLOAT, _all(_FLOAT)),
    "padding_share": _share,
    "accumulates": _INT,
    "models": _TEXTS,
    "without_gradient": _TEXTS,
    "gradients": _all(_each(_TEXT, _all(_is(int, str)))),
    "module_norms": _all(_each(_TEXT, _FLOAT)),
    "group_norms": _all(_each(_INT, _FLOAT)),
}
BATCHES: Mapping[str, Form] = {
    **dict.fromkeys(("problem", "column", "signature", "type_ids"), _TEXT),
    **dict.fromkeys(("lengths", "label_lengths", "rows_at_fault", "dataset_rows"), _SIZES),
    **dict.fromkeys(("added", "removed", "dropped", "kept"), _TEXTS),
    **dict.fromkeys(("texts", "ids", "padded"), _INT),
    "column_rows": _all(_each(_TEXT, _INT)),
}
LOADING: Mapping[str, Form] = {
    **dict.fromkeys(("overridden", "missing", "unexpected", "newly_initialised"), _TEXTS),
    "weights": _TEXT,
    "mismatched": _all(_named),
    "tied": _all(_each(_TEXT, _TEXT)),
}

_PLACES = _all(_each(_TEXT, _positive))


def _identities(value: Any) -> bool:
    """The tensors that went in and, of a call that returned, those that came out."""
    if type(value) is not dict or not {"inputs"} <= value.keys() <= {"inputs", "output"}:
        return False
    return all(_PLACES(side) and len(side) <= MOST_PLACES for side in value.values())


FOLLOWING: Mapping[str, Form] = {IDENTITIES: _identities}

CHAINS: Mapping[str, Form] = {
    links.CHAIN: _all(_each(_TEXT, _INT, _TEXT, lambda role: role in links.ROLES)),
    links.REGISTRY: _TEXT,
    links.FUNCTIONAL: _all(_each(_TEXT, _INT)),
}

FORMS: Mapping[str, Form] = {
    **GENERATION,
    **LOSSES,
    **TRAINING,
    **BATCHES,
    **LOADING,
    **CHAINS,
    **FOLLOWING,
}
"""Facts that are taken apart, by name; each instrument writes them in this form alone."""


def encode(facts: Mapping[str, Any]) -> Any:
    """The facts of one call in JSON's own types."""
    lines = facts.get(LINES)
    if not isinstance(lines, Pass):
        return plain.encode(facts)
    rest = plain.encode({name: fact for name, fact in facts.items() if name != LINES})
    return {**rest, LINES: passes.encode(lines)}


def decode(value: Any) -> dict[str, Any]:
    """The facts of one call; `Refused` where one of them is not what its name says."""
    lines = mapping(value).get(LINES)
    found = plain.decode_mapping({name: fact for name, fact in value.items() if name != LINES})
    for name, form in FORMS.items():
        if name in found and not form(found[name]):
            with at(name):
                raise unexpected(f"{name} as they are recorded", found[name])
    if LINES in value or LINES in found:
        with at(LINES):
            found[LINES] = passes.decode(lines)
    return found
