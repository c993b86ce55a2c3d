"""Facts, meta and kept values: plain Python data, in JSON without loss.

JSON has no NaN, no infinity, no tuples, no keys but texts, and readers such as jq round large integers.
What it lacks is written as an object with one key that begins with `$`:

    {"$float": "nan"}          also "inf" and "-inf"
    {"$int": "0x1f..."}        an int of more than 64 bits
    {"$tuple": [1, 2]}
    {"$dict": [[1, "a"]]}      a dict with keys that are no texts, or that begin with `$`

Anything that is no plain data is written as the name of its class, `"<Path>"`: asking it for more would
run its code and could say more than the recorder chose to keep.
"""

from __future__ import annotations

import math
import reprlib
from typing import Any

from . import limits
from .expect import HIGHEST, LOWEST, Refused, at, each, items, mapping, text, unexpected, whole

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode(value: Any, level: int = 0) -> Any:
    """`value` in JSON's own types."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    # The unbound methods of the plain types: a subclass (an enum, a numpy number) is asked for nothing.
    if issubclass(kind, int):
        return _encode_int(int.__index__(value), kind)
    if issubclass(kind, float):
        number = float.__float__(value)
        return number if math.isfinite(number) else {"$float": str(number)}
    if issubclass(kind, str):
        return shorten(str.__str__(value))
    if level < limits.LEVELS:
        if issubclass(kind, tuple):
            return {"$tuple": [encode(item, level + 1) for item in tuple.__iter__(value)]}
        if issubclass(kind, list):
            return [encode(item, level + 1) for item in list.__iter__(value)]
        if issubclass(kind, dict):
            return _encode_dict(list(dict.items(value)), level + 1)
    return f"<{kind.__name__}>"


def decode(value: Any, level: int = 0) -> Any:
    """The plain data that `encode` has written."""
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return whole(value)
    if type(value) is str:
        return text(value)
    # One level more than `encode` makes: a number that has to be tagged may stand in the innermost list.
    if level > limits.LEVELS:
        raise Refused(f"nested deeper than {limits.LEVELS} levels")
    if type(value) is list:
        return each(value, lambda item: decode(item, level + 1))
    if len(value) == 1 and (tag := next(iter(value))).startswith("$"):
        return _decode_tagged(tag, value[tag], level + 1)
    for key in value:
        if key.startswith("$"):
            raise Refused(f"{text(key)!r} must be the only key of its object")
    return {text(key): _decode_member(key, item, level + 1) for key, item in value.items()}


def decode_mapping(value: Any) -> dict[str, Any]:
    """Facts or meta: anything plain inside, a dict outside."""
    found = decode(mapping(value))
    if type(found) is not dict:
        raise Refused("expected names with their values")
    return found


def shorten(value: str) -> str:
    """A text that can be read back: what is over the limit is cut, and the cut is marked."""
    return value if len(value) <= limits.STRING else value[: limits.STRING - 1] + "…"


def _encode_int(number: int, kind: type) -> Any:
    if LOWEST <= number <= HIGHEST:
        return number
    return {"$int": hex(number)} if number.bit_length() <= limits.BITS else f"<{kind.__name__}>"


def _encode_dict(pairs: list[tuple[Any, Any]], level: int) -> dict[str, Any]:
    if all(type(key) is str and not key.startswith("$") and len(key) <= limits.STRING for key, _ in pairs):
        return {key: encode(item, level) for key, item in pairs}
    return {"$dict": [[encode(key, level), encode(item, level)] for key, item in pairs]}


def _decode_member(key: str, value: Any, level: int) -> Any:
    with at(reprlib.repr(key)):
        return decode(value, level)


def _decode_tagged(tag: str, value: Any, level: int) -> Any:
    if tag == "$float":
        if type(value) is not str or value not in _NOT_FINITE:
            raise unexpected("nan, inf or -inf", value)
        return _NOT_FINITE[value]
    if tag == "$int":
        return _decode_int(text(value))
    if tag == "$tuple":
        return tuple(each(items(value), lambda item: decode(item, level)))
    if tag == "$dict":
        return _decode_dict(value, level)
    raise unexpected("one of $float, $int, $tuple, $dict", tag)


def _decode_int(digits: str) -> int:
    if len(digits) > limits.BITS // 4 + 3:  # a sign, "0x", and a digit for four bits
        raise Refused(f"a whole number of more than {limits.BITS} bits")
    try:
        return int(digits, 16)
    except ValueError:
        raise unexpected("a hexadecimal number", digits) from None


def _decode_dict(value: Any, level: int) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, item in each(items(value), lambda pair: items(pair, 2, 2)):
        name, inner = decode(key, level), decode(item, level)
        try:
            found[name] = inner
        except TypeError:
            raise unexpected("a key that can be hashed", key) from None
    return found
