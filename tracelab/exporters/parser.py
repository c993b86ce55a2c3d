"""Strict JSON: bytes to Python values, refusing what the standard library would let pass or fall over.

`json.loads` accepts NaN and duplicate keys, turns `1e999` into infinity, and answers deep nesting with
a RecursionError or, where the host has raised the recursion limit, with a crash of the process.  So the
structure is measured before anything is built: texts are cut out, and what remains is reduced to its
brackets.  Both are single passes at C speed.

Gotcha: the pattern of a text must match an unclosed one too.  If it could fail there, it would be tried
again at each quote that follows, and the time would grow with the square of the size.
"""

from __future__ import annotations

import json
import math
import re
import reprlib
from itertools import accumulate
from typing import Any

from . import limits
from .expect import Refused

_TEXTS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OPENING, _CLOSING = b"[{", b"]}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING)
_CHANGE = [(byte in _OPENING) - (byte in _CLOSING) for byte in range(256)]


def parse(data: bytes) -> Any:
    """The value of a JSON text in UTF-8; `Refused` when it is none, or too large in any direction."""
    if not data.strip():
        raise Refused("the file is empty")
    measure(data)
    try:
        return json.loads(
            data.decode("utf-8-sig"),
            object_pairs_hook=_object,
            parse_int=_int,
            parse_float=_float,
            parse_constant=_constant,
        )
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
    except UnicodeDecodeError as error:
        problem = f"not JSON: byte {error.start} is not UTF-8"
    raise Refused(problem)


def measure(data: bytes) -> None:
    """Refuse a JSON text, or lines of them, with too much of anything."""
    if data.count(b'"') > 2 * limits.TEXTS:
        raise Refused(f"more than {limits.TEXTS} texts")
    bare = _TEXTS.sub(b"", data)
    if bare.count(b",") > limits.VALUES:
        raise Refused(f"more than {limits.VALUES} values")
    brackets = bare.translate(None, _NO_BRACKETS)
    if brackets.count(b"[") + brackets.count(b"{") > limits.CONTAINERS:
        raise Refused(f"more than {limits.CONTAINERS} lists and objects")
    if max(accumulate(map(_CHANGE.__getitem__, brackets)), default=0) > limits.NESTING:
        raise Refused(f"nested deeper than {limits.NESTING} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refused(f"the key {reprlib.repr(key)} stands twice in one object")
            seen.add(key)
    return found


def _int(digits: str) -> int:
    if len(digits) > limits.NUMBER:
        raise Refused(f"a number of {len(digits)} digits")
    return int(digits)


def _float(digits: str) -> float:
    if len(digits) > limits.NUMBER:
        raise Refused(f"a number of {len(digits)} digits")
    number = float(digits)
    if not math.isfinite(number):
        raise Refused(f"the number {digits} is too large")
    return number


def _constant(name: str) -> float:
    raise Refused(f"not JSON: {name} is no number there")
