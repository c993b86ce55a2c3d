"""Values that are larger or deeper than what anybody may look at in full; `VAST` has a maker for each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any


def deep() -> Any:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


def loop() -> Any:
    value: dict[str, Any] = {}
    value["loop"] = [value, (value, value), OrderedDict(value=value)]
    return value


VAST: dict[str, Callable[[], Any]] = {
    "100,000 deep": deep,
    "cycles": loop,
    "a million parts": lambda: [[0] * 1000] * 1000,
    "a million keys": lambda: OrderedDict.fromkeys(map(str, range(10**6))),
    "50 MB": lambda: "x" * 50_000_000,
    "50 MB of name": lambda: {"x" * 50_000_000: 1},
    "ten million bits": lambda: 1 << 10**7,
}
