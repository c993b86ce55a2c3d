"""Two steps side by side: what went in, what the cache held, which calls only one of them made.

A prefill step and a decode step run the same layers on other sizes, and that is said once and not for each
layer: the sizes of the step itself, then the calls that only one of the two made, with layers of one stack
as one line (`model.decoder.layers.(0-3).encoder_attn.k_proj`), then arguments that only one was given, then
dtypes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..calls import Call, Comparison, Difference, Step
from ..values import Spec, TensorSpec
from .loops import LOOPS

NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")

SIZES = ("input", "positions", "mask", "cache_before", "cache_after", "cross_length", "logits", "finished")
"""What of a step itself is compared, by the name of its field."""

WORDS = {
    "cache_before": "cache at entry",
    "cache_after": "cache at exit",
    "cross_length": "cross-attention cache",
}


def compare(a: Step, b: Step) -> Comparison:
    """What differs between two steps."""
    one, other = _calls(a), _calls(b)
    found = [*_sizes(a, b)]
    found += [
        Difference("missing", path, what) for path, what in _folded(key for key in one if key not in other)
    ]
    found += [
        Difference("extra", path, "", what) for path, what in _folded(key for key in other if key not in one)
    ]
    shared = [(key, one[key], other[key]) for key in one if key in other]
    found += _repeated(shared)
    found += _arguments(shared)
    return Comparison(tuple(found))


def _sizes(a: Step, b: Step) -> Iterator[Difference]:
    if a.phase != b.phase:
        yield Difference("value", "phase", a.phase, b.phase)
    for name in SIZES:
        one, other = getattr(a, name), getattr(b, name)
        if one != other:
            text = _places if name == "positions" else _text
            yield Difference("shape", WORDS.get(name, name), text(one), text(other))
    if a.tokens != b.tokens:
        yield Difference("token", "tokens", _text(a.tokens), _text(b.tokens))


def _places(value: tuple[int, int] | None) -> str:
    """As in the table of steps: where the input begins and ends in the sequence."""
    return "" if value is None else "–".join(map(str, dict.fromkeys(value)))


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[" + ",".join(map(str, value)) + "]"
    return str(value)


Key = tuple[str, str]
"""Path (or owner, for what has none) and function of a call."""


def _calls(step: Step) -> dict[Key, list[Call]]:
    """The calls of the step's model, and of the helpers of its loop, by what they are calls of."""
    found: dict[Key, list[Call]] = {}
    waiting = [step.call]
    while waiting:
        call = waiting.pop()
        if call.kind == "method" and call.function in LOOPS:
            continue
        site = call.site
        place = site.owner if site.path is None else site.path or site.owner
        found.setdefault((place, site.function), []).append(call)
        waiting += reversed(call.children)
    return found


def folded_paths(paths: Iterable[str]) -> list[str]:
    """`layers.(0-3).experts.(0-7)` for the paths of eight experts in each of four layers."""
    all_paths = list(dict.fromkeys(paths))
    parts = [path.split(".") for path in all_paths]
    if len({len(part) for part in parts}) == 1:
        different = [list(dict.fromkeys(column)) for column in zip(*parts, strict=True)]
        numbered = all(len(names) == 1 or all(map(_is_number, names)) for names in different)
        if numbered and math.prod(map(len, different)) == len(all_paths):
            return [
                ".".join(names[0] if len(names) == 1 else _span(list(map(int, names))) for names in different)
            ]
    return [path for path, _ in _folded((path, "forward") for path in all_paths)]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10


def _folded(keys: Iterable[Key]) -> Iterator[tuple[str, str]]:
    """Paths of which only the number of the layer differs as one; the function where it is no forward."""
    numbers: dict[tuple[str, str], list[int]] = {}
    for path, function in keys:
        found = NUMBER.search(path)
        shape = path if found is None else NUMBER.sub("{}", path, count=1)
        layers = numbers.setdefault((shape, function), [])
        if found is not None:
            layers.append(int(found[0]))
    for (shape, function), layers in numbers.items():
        yield shape.replace("{}", _span(layers), 1), "" if function == "forward" else function


def _span(layers: Sequence[int]) -> str:
    if len(layers) < 2:
        return "".join(map(str, layers))
    ordered = sorted(layers)
    whole = ordered == list(range(ordered[0], ordered[-1] + 1))
    return f"({ordered[0]}-{ordered[-1]})" if whole else f"({','.join(map(str, ordered))})"


Shared = Sequence[tuple[Key, list[Call], list[Call]]]


def _repeated(shared: Shared) -> Iterator[Difference]:
    for (path, _), one, other in shared:
        if len(one) != len(other):
            yield Difference("value", f"calls of {path}", str(len(one)), str(len(other)))


def _arguments(shared: Shared) -> Iterator[Difference]:
    """Arguments that only one has, and tensors of another dtype; alike in many layers they count once."""
    seen: dict[tuple[str, str, str, str], list[Key]] = {}
    for key, one, other in shared:
        for kind, name, a, b in _unlike(one[0].inputs, other[0].inputs):
            seen.setdefault((kind, name, a, b), []).append(key)
    for (kind, name, a, b), keys in seen.items():
        paths = [path for path, _ in _folded(keys)]
        where = paths[0] if len(paths) == 1 else f"{paths[0]} and {len(keys) - 1} more calls"
        yield Difference(kind, f"{name} of {where}", a, b)


def _unlike(one: Mapping[str, Spec], other: Mapping[str, Spec]) -> Iterator[tuple[str, str, str, str]]:
    for name in dict.fromkeys((*one, *other)):
        a, b = one.get(name), other.get(name)
        if _is_given(a) != _is_given(b):
            yield "argument", name, _kind(a), _kind(b)
        elif isinstance(a, TensorSpec) and isinstance(b, TensorSpec) and a.dtype != b.dtype:
            yield "dtype", name, a.dtype, b.dtype


def _is_given(spec: Spec | None) -> bool:
    return spec is not None and getattr(spec, "type", "") != "NoneType"


def _kind(spec: Spec | None) -> str:
    return "" if spec is None or not _is_given(spec) else str(getattr(spec, "type", spec))
